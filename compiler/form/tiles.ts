/** Derives the tile form of a rule, or the part of the rule that keeps it from having one. */
import { normalForm } from "../derive/normal-form.ts";
import type { Rule, RuleState } from "../derive/rule.ts";
import { simplify } from "../derive/simplify.ts";
import { add, mul, sub, substitute } from "../math/algebra.ts";
import { axesFor } from "../math/axis.ts";
import { constant, type Expr, leaf, type Tensor, tensorsOf } from "../math/expr.ts";
import { NONNEGATIVE } from "../math/interval.ts";
import { type Family, type Group, groupsOf } from "./families.ts";
import { type Dependence, phasesOf } from "./phases.ts";
import { isObstacle, type Obstacle, type Plane, planeOf } from "./planes.ts";
import { StandsWhole, Tile } from "./probes.ts";
import type { Class, Quantity, TileForm } from "./tile-form.ts";

export function tileForm(rule: Rule): TileForm | Obstacle {
  const before = new Map(rule.states.map((s) => [s.previous, s]));
  const planes: Plane[] = [];
  for (const s of rule.states) {
    const plane = planeOf(s, before);
    if (isObstacle(plane)) return plane;
    planes.push(plane);
  }
  const now: Tensor = { name: "now", shape: [], domain: NONNEGATIVE };
  const groups = groupsOf(planes, now);
  if (isObstacle(groups)) return groups;
  try {
    return formOf(rule, groups, now);
  } catch (error) {
    if (!(error instanceof StandsWhole)) throw error;
    return { kind: "obstacle", state: error.state, part: error.part, why: "read as a whole" };
  }
}

function formOf(rule: Rule, groups: readonly Group[], now: Tensor): TileForm | Obstacle {
  const { spec } = rule;
  const taken = [
    ...spec.inputs.map((i) => i.tensor.name),
    ...spec.parameters.map((p) => p.tensor.name),
    ...spec.numbers.map((t) => t.name),
    ...rule.states.flatMap((s) => [s.name, `${s.name}.start`]),
  ];
  const tile = new Tile(groups, taken);
  const output = tile.resolve(rule.output, true);
  const ends = new Map(rule.states.map((s): [RuleState, Expr] => [s, tile.after(s)]));
  const { phases, dependence } = phasesOf(tile.quantities, tile.stacks);
  const families = groups.flatMap((g) => g.families.map((f) => ({ f, state: g.states[0] as RuleState })));
  for (const { f, state } of families) {
    const { right } = tile.sides(f);
    if (right && dependence.isSerial(right))
      return { kind: "obstacle", state, part: f.right, why: "right side" };
  }
  return {
    kind: "tiles",
    rule,
    class: classOf(
      rule,
      tile,
      families.map((x) => x.f),
      dependence,
    ),
    now,
    starts: tile.starts,
    stacks: tile.stacks,
    constants: tile.constants,
    phases,
    output,
    ends,
  };
}

function classOf(rule: Rule, tile: Tile, families: readonly Family[], { isSerial }: Dependence): Class {
  const lefts = new Set(families.map((f) => tile.sides(f).left));
  const solved = tile.quantities.filter((q) => isSerial(q.tensor) && lefts.has(q.tensor));
  if (solved.length > 0) return solved.every((q) => isAffine(q, isSerial)) ? "triangular" : "substitution";
  return rule.spec.chunk === undefined ? "associative" : "frozen";
}

/**
 * Whether it is affine in what it reads of its own phase, with the same slope for all of its elements: what reads the
 * states is, so that then all of them together solve one triangular system.
 */
function isAffine({ tensor, value }: Quantity, isSerial: Dependence["isSerial"]): boolean {
  const read = [...tensorsOf(value)].filter(isSerial);
  const put = (x: (t: Tensor) => Expr): Expr =>
    substitute(value, (t) => (read.includes(t) ? x(t) : undefined));
  const atZero = put(() => constant(0));
  const slopes = read.map((one) =>
    simplify(
      sub(
        put((t) => constant(t === one ? 1 : 0)),
        atZero,
      ),
    ),
  );
  if (slopes.some((slope) => slope.axes.length > 0 || [...tensorsOf(slope)].some(isSerial))) return false;
  const axes = axesFor(tensor.shape);
  const isAligned = read.every(
    (t) => t.shape.length === axes.length && t.shape.every((d, i) => d === axes[i]?.dim),
  );
  if (!isAligned) return false;
  const line = add(atZero, ...read.map((t, i) => mul(slopes[i] as Expr, leaf(t, axes))));
  return normalForm(sub(value, line)) === constant(0);
}
