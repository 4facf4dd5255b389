/**
 * What is written into states over a tile. Each write is `left ⊗ right`; how much of it each state holds, tokens
 * later, follows from the coefficients of the planes alone, run once on numbers: with P' = Σ M[P, Q] ⊙ Q,
 *
 *     b_t[P, Q] = Σ_R M_t[P, R] b_{t−1}[R, Q]                         of the states at the tile's start
 *     c_t[P][s] = Σ_R M_t[P, R] c_{t−1}[R][s],  its factor at s = t   of what token s wrote
 *
 * forwards, without a division and without a logarithm, so that a gate may be exactly 0.
 */
import type { RuleState } from "../derive/rule.ts";
import { add, at, call, mul, splitCoefficient } from "../math/algebra.ts";
import { type Axis, axesFor } from "../math/axis.ts";
import { constant, type Expr, isConstant, type Tensor } from "../math/expr.ts";
import { REAL } from "../math/interval.ts";
import { whole } from "../math/name.ts";
import type { Obstacle, Plane } from "./planes.ts";
import { isNow, running, TIME } from "./running.ts";
import type { Quantity } from "./tile-form.ts";

/** One left ⊗ right, in all states that it is written into. */
export interface Family {
  readonly left: Expr;
  readonly right: Expr;
  /** The shape of left and right, as axes of the states written into. */
  readonly axes: readonly Axis[];
  readonly factors: Map<RuleState, Expr>;
}

/** A product of quantities; each is along some of the state's axes, by position. */
export interface Weight {
  readonly parts: readonly { readonly quantity: Quantity; readonly along: readonly number[] }[];
  readonly constant: number;
}

/** How states go over into one another within a tile. */
export interface Group {
  readonly states: readonly RuleState[];
  readonly families: readonly Family[];
  /** b of one state in another, where it is not 0. */
  start(of: RuleState, from: RuleState): Weight | undefined;
  /** c of a family in a state, where it is not 0. */
  written(of: RuleState, family: Family): Weight | undefined;
  readonly quantities: readonly Quantity[];
}

/** The groups of states that stand in each other's updates. */
export function groupsOf(planes: readonly Plane[], now: Tensor): Group[] | Obstacle {
  const groups: Group[] = [];
  for (const together of connected(planes)) {
    const made = groupOf(together, now);
    if ("kind" in made) return made;
    groups.push(made);
  }
  return groups;
}

function connected(planes: readonly Plane[]): Plane[][] {
  const groups: Plane[][] = [];
  for (const plane of planes) {
    const meets = (other: Plane): boolean =>
      other.coefficients.has(plane.state) || plane.coefficients.has(other.state);
    const joined = groups.filter((g) => g.some(meets));
    for (const g of joined) groups.splice(groups.indexOf(g), 1);
    groups.push([...joined.flat(), plane]);
  }
  return groups;
}

function groupOf(planes: readonly Plane[], now: Tensor): Group | Obstacle {
  const families = familiesOf(planes);
  for (const plane of planes)
    for (const part of plane.coefficients.values())
      if (part.axes.length > 1 && !(planes.length === 1 && splitByAxes(part)))
        return { kind: "obstacle", state: plane.state, part, why: "mixed coefficient" };
  return planes.length === 1 ? alone(planes[0] as Plane, families, now) : coupled(planes, families, now);
}

/** Writes with the same left and right are one, whatever the numbers before them. */
function familiesOf(planes: readonly Plane[]): Family[] {
  const families: Family[] = [];
  for (const { state, outers } of planes) {
    for (const { factor, left, right } of outers) {
      const [c, l] = splitCoefficient(left);
      const [d, r] = splitCoefficient(right);
      let family = families.find((f) => f.left === l && f.right === r);
      if (!family) {
        family = { left: l, right: r, axes: axesFor(state.shape), factors: new Map() };
        families.push(family);
      }
      const before = family.factors.get(state) ?? constant(0);
      family.factors.set(state, add(before, mul(constant(c * d), factor)));
    }
  }
  return families;
}

const factorsOf = (e: Expr): readonly Expr[] => (e.kind === "apply" && e.op.name === "mul" ? e.args : [e]);

/** A product taken apart by the axes of its factors; undefined where one of them has both. */
function splitByAxes(e: Expr): Expr[] | undefined {
  const factors = factorsOf(e);
  if (factors.some((f) => f.axes.length > 1)) return undefined;
  const sets = new Map<Axis | undefined, Expr[]>();
  for (const f of factors) sets.set(f.axes[0], [...(sets.get(f.axes[0]) ?? []), f]);
  return [...sets.values()].map((fs) => mul(...fs));
}

// ---------------------------------------------------------------- running products

/** One state that only fades: the parts of its coefficient run apart. */
function alone(plane: Plane, families: readonly Family[], now: Tensor): Group {
  const { state, coefficients } = plane;
  const kept = coefficients.get(state) ?? constant(0);
  const parts = (splitByAxes(kept) ?? []).filter((p) => !isConstant(p, 1));
  const along = (p: Expr): number[] => p.axes.map((a) => axesFor(state.shape).indexOf(a));
  const tag = (p: Expr): string => [state.name, ...along(p).map((i) => ["rows", "columns"][i])].join(".");
  const fades = parts.map((p) => ({
    quantity: running(`b.${tag(p)}`, p.axes, 1, (before) => mul(p, before)),
    along: along(p),
  }));
  const overTime = parts
    .filter((p) => p.axes.length > 0)
    .map((p) => ({
      quantity: running(`c.${tag(p)}`, [TIME, ...p.axes], 1, (before) =>
        call("where", isNow(now), constant(1), mul(p, before)),
      ),
      along: along(p),
    }));
  const scalar = isConstant(kept, 0) ? kept : mul(...parts.filter((p) => p.axes.length === 0));
  const byFactor = new Map<Expr, Quantity>();
  const weights = new Map<Family, Weight>();
  for (const family of families) {
    const [times, factor] = splitCoefficient(family.factors.get(state) as Expr);
    let quantity = byFactor.get(factor);
    if (!quantity) {
      const suffix = byFactor.size === 0 ? "" : `.${byFactor.size + 1}`;
      quantity = running(`c.${state.name}${suffix}`, [TIME], 0, (before) =>
        call("where", isNow(now), factor, mul(scalar, before)),
      );
      byFactor.set(factor, quantity);
    }
    weights.set(family, { parts: [{ quantity, along: [] }, ...overTime], constant: times });
  }
  return {
    states: [state],
    families,
    start: () => (isConstant(kept, 0) ? undefined : { parts: fades, constant: 1 }),
    written: (_, family) => weights.get(family),
    quantities: [...[...fades, ...overTime].map((p) => p.quantity), ...byFactor.values()],
  };
}

/** States that go over into one another: one number for each two of them. */
function coupled(planes: readonly Plane[], families: readonly Family[], now: Tensor): Group | Obstacle {
  const states = planes.map((p) => p.state);
  const axes = [...new Set(planes.flatMap((p) => [...p.coefficients.values()].flatMap((c) => [...c.axes])))];
  if (axes.length > 1) {
    const [plane] = planes as [Plane];
    const part = [...plane.coefficients.values()].find((c) => c.axes.length > 0) as Expr;
    return { kind: "obstacle", state: plane.state, part, why: "mixed coefficient" };
  }
  const along = axes.map((a) => axesFor((states[0] as RuleState).shape).indexOf(a));
  const reach = reachable(planes);
  const starts = new Map<RuleState, Map<RuleState, Quantity>>();
  for (const from of states) {
    const reached = states.filter((s) => reach.get(s)?.has(from));
    const column = together(
      reached,
      (s) => `b.${s.name}.${from.name}`,
      axes,
      (s) => (s === from ? 1 : 0),
    );
    const made = column((s, before) => sumOf(planes, s, reached, before));
    starts.set(from, made);
  }
  const written = new Map<Family, Map<RuleState, Quantity>>();
  for (const [n, family] of families.entries()) {
    const into = [...family.factors.keys()];
    const reached = states.filter((s) => into.some((w) => reach.get(s)?.has(w)));
    const suffix = n === 0 ? "" : String(n + 1);
    const column = together(
      reached,
      (s) => `c.${s.name}${suffix}`,
      [TIME, ...axes],
      () => 0,
    );
    const made = column((s, before) =>
      call("where", isNow(now), family.factors.get(s) ?? constant(0), sumOf(planes, s, reached, before)),
    );
    written.set(family, made);
  }
  const weight = (quantity: Quantity | undefined): Weight | undefined =>
    quantity && { parts: [{ quantity, along }], constant: 1 };
  return {
    states,
    families,
    start: (of, from) => weight(starts.get(from)?.get(of)),
    written: (of, family) => weight(written.get(family)?.get(of)),
    quantities: [...starts.values(), ...written.values()].flatMap((m) => [...m.values()]),
  };
}

/** Σ M[s, r] · r before, over those that are reached. */
function sumOf(
  planes: readonly Plane[],
  s: RuleState,
  reached: readonly RuleState[],
  before: (r: RuleState) => Expr,
): Expr {
  const { coefficients } = planes.find((p) => p.state === s) as Plane;
  return add(...reached.map((r) => mul(coefficients.get(r) ?? constant(0), before(r))));
}

/** Quantities that run along the tile together. */
function together(
  states: readonly RuleState[],
  name: (s: RuleState) => string,
  axes: readonly Axis[],
  start: (s: RuleState) => number,
) {
  const shape = axes.map((a) => a.dim);
  const canonical = axesFor(shape);
  const befores = new Map(
    states.map((s): [RuleState, Tensor] => [s, { name: `${name(s)}.before`, shape, domain: REAL }]),
  );
  return (value: (s: RuleState, before: (r: RuleState) => Expr) => Expr): Map<RuleState, Quantity> =>
    new Map(
      states.map((s) => {
        const made = value(s, (r) => at(whole(befores.get(r) as Tensor), canonical, axes));
        const tensor: Tensor = { name: name(s), shape, domain: REAL };
        const before = { tensor: befores.get(s) as Tensor, start: start(s) };
        return [s, { tensor, value: at(made, axes, canonical), before }];
      }),
    );
}

/** From which states something of each state comes, in any number of tokens. */
function reachable(planes: readonly Plane[]): Map<RuleState, Set<RuleState>> {
  const from = new Map(planes.map((p) => [p.state, new Set([p.state, ...p.coefficients.keys()])]));
  for (let changed = true; changed; ) {
    changed = false;
    for (const reached of from.values()) {
      const more = [...reached].flatMap((s) => [...(from.get(s) ?? [])]).filter((s) => !reached.has(s));
      for (const s of more) reached.add(s);
      changed ||= more.length > 0;
    }
  }
  return from;
}
