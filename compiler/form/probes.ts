/**
 * States that stand in expressions, replaced: where a state is contracted with something, by what the tile's start
 * and the tile's other tokens give there; where it stands whole, by the state itself, made from both.
 */
import { normalForm } from "../derive/normal-form.ts";
import type { RuleState } from "../derive/rule.ts";
import { add, at, factorsOf, isApply, mul, rebuild, reduce, sumOver } from "../math/algebra.ts";
import { type Axis, axesFor, freshAxis } from "../math/axis.ts";
import { domainOf } from "../math/domain.ts";
import {
  constant,
  type Expr,
  isConstant,
  leaf,
  open,
  postorder,
  type Reduce,
  type Tensor,
  tensorsOf,
} from "../math/expr.ts";
import { sum } from "../math/ops/index.ts";
import type { Weight } from "./coefficients.ts";
import type { Family, Group } from "./families.ts";
import { MULTIPLIED_OUT, type Obstacle } from "./planes.ts";
import { Quantities } from "./quantities.ts";
import { type Ring, ringAt, sweepOf, swept, type Tools } from "./rings.ts";
import type { Running } from "./running.ts";
import { TILE } from "./tile-form.ts";

/** The states of a rule, by how they change along a tile. */
export interface Apart {
  /** Where the tile starts. */
  readonly starts: ReadonlyMap<RuleState, Tensor>;
  readonly groups: readonly Group[];
  readonly running: ReadonlyMap<RuleState, Running>;
  readonly rings: ReadonlyMap<RuleState, Ring>;
  /** Which of the tile's tokens it is. */
  readonly now: Tensor;
}

/** When a state is looked at: before the token, after it, or where its chunk starts. */
type When = "previous" | "next" | "start";

/** A state that stands where it cannot be replaced, such as whole where only contractions with it can be. */
export class CannotReplace extends Error {
  readonly state: RuleState;
  readonly part: Expr;
  readonly why: Obstacle["why"];

  constructor(state: RuleState, part: Expr, why: Obstacle["why"]) {
    super(`${state.name}: ${why}`);
    this.state = state;
    this.part = part;
    this.why = why;
  }
}

/** The tensors of a family's two sides, where they are not 1. */
export interface Sides {
  readonly left: Tensor | undefined;
  readonly right: Tensor | undefined;
}

export class Tile {
  readonly made: Quantities;
  readonly #apart: Apart;
  readonly #seen = new Map<Tensor, { readonly state: RuleState; readonly when: When }>();
  readonly #sides = new Map<Family, Sides>();
  readonly #bySide = new Map<Expr, Tensor>();
  readonly #resolved = { whole: new Map<Expr, Expr>(), probed: new Map<Expr, Expr>() };

  /** `taken` are names that no quantity may have. */
  constructor(apart: Apart, taken: Iterable<string>) {
    const { starts, groups, running, rings } = apart;
    this.#apart = apart;
    this.made = new Quantities(taken);
    const { all, constants } = this.made;
    for (const state of starts.keys()) {
      this.#seen.set(state.previous, { state, when: "previous" });
      this.#seen.set(state.next, { state, when: "next" });
      if (state.start) this.#seen.set(state.start, { state, when: "start" });
    }
    all.push(...running.values(), ...groups.flatMap((g) => g.quantities));
    for (const { left } of rings.values()) if (left) all.push(left.start, left.token);
    for (const { slot, until } of new Set([...rings.values()].map((r) => r.clock))) {
      all.push(slot);
      constants.push(until);
    }
    // Every side has a name before any of them is looked into: they read one another.
    const families = groups.flatMap((g) => g.families);
    for (const f of families) {
      const [left, right] = sideAxes(f);
      this.#sides.set(f, { left: this.#side("u", f.left, left), right: this.#side("x", f.right, right) });
    }
    // Right sides first: left ones read the states there.
    for (const f of families) this.#give(this.sides(f).right, f.right, sideAxes(f)[1]);
    for (const f of families) this.#give(this.sides(f).left, f.left, sideAxes(f)[0]);
  }

  sides = (f: Family): Sides => this.#sides.get(f) as Sides;

  /** An expression over a token's inputs and the states, without the states. If `whole`, matrices may stand whole in it. */
  resolve(e: Expr, whole: boolean): Expr {
    const memo = whole ? this.#resolved.whole : this.#resolved.probed;
    let found = memo.get(e);
    if (!found) {
      found = this.#replaced(e, whole);
      memo.set(e, found);
    }
    return found;
  }

  /** A state after a token, over the quantities of that token. */
  after(s: RuleState): Expr {
    const ring = this.#apart.rings.get(s);
    return ring ? ringAt(ring, "next", this.#tools(true)) : this.#whole(s, "next", axesFor(s.shape));
  }

  // ---------------------------------------------------------------- replacing

  #replaced(e: Expr, whole: boolean): Expr {
    if (e.kind === "leaf") {
      const found = this.#seen.get(e.tensor);
      if (!found || found.when === "start") return e;
      const { state, when } = found;
      const ring = this.#apart.rings.get(state);
      if (ring) return this.made.means(e, this.#slots(ring, when, e.index));
      if (this.#apart.running.has(state)) return this.#whole(state, when, e.index);
      if (e.index.length === 2 && !whole) throw new CannotReplace(state, e, "read as a whole");
      return this.made.means(
        e,
        this.made.named(`${state.name}.${when}`, this.#whole(state, when, e.index), e.index),
      );
    }
    const overRing = e.kind === "reduce" ? this.#overRing(e, whole) : undefined;
    if (overRing) return this.made.means(e, overRing);
    const contracted = e.kind === "reduce" && e.op === sum ? this.#contraction(e, whole) : undefined;
    if (contracted) return this.made.means(e, contracted);
    return this.#isFixed(e) ? this.#fixed(e) : rebuild(e, (x) => this.resolve(x, whole));
  }

  /** A reduction over the slots of a ring. */
  #overRing(e: Reduce, whole: boolean): Expr | undefined {
    const tools = this.#tools(whole);
    const sweep = sweepOf(e, tools.ring);
    return sweep && swept(sweep, tools);
  }

  /** What a ring holds, slot by slot. */
  #slots(ring: Ring, when: "previous" | "next", index: readonly Axis[]): Expr {
    const { state } = ring;
    const axes = axesFor(state.shape);
    const held = this.made.named(`${state.name}.${when}`, ringAt(ring, when, this.#tools(false)), axes);
    return at(held, axes, index);
  }

  #tools = (whole: boolean): Tools => ({
    now: this.#apart.now,
    ring: (t) => {
      const found = this.#seen.get(t);
      const ring = found && this.#apart.rings.get(found.state);
      return ring && found.when !== "start" ? { ring, when: found.when } : undefined;
    },
    resolve: (e) => this.resolve(e, whole),
    named: (name, e, axes) => this.made.named(name, e, axes),
    stack: (t) => this.made.stack(t),
  });

  /** Whether it follows from the states where the chunk starts alone. */
  #isFixed(e: Expr): boolean {
    const tensors = [...tensorsOf(e)];
    return tensors.length > 0 && tensors.every((t) => this.#seen.get(t)?.when === "start");
  }

  #fixed(e: Expr): Expr {
    if (e.kind === "leaf") return e;
    const [source] = tensorsOf(e);
    return this.made.named(`${source?.name}.read`, e, [...e.axes], this.made.constants);
  }

  /** Σ over an axis of a state times something that has not the state's other axis. */
  #contraction(e: Reduce, whole: boolean): Expr | undefined {
    const { axis, body } = open(e);
    if (isApply(body, "add") && body.args.some((a) => this.#matrix(factorsOf(a), axis)))
      return add(...body.args.map((a) => this.resolve(reduce(sum, axis, a), whole)));
    const factors = factorsOf(body);
    const found = this.#matrix(factors, axis);
    if (!found) return undefined;
    const by = this.resolve(mul(...factors.filter((f) => f !== found.factor)), whole);
    const isPlain = by.kind === "leaf" || isConstant(by);
    const plain = isPlain ? by : this.made.named("x", by, [axis, ...by.axes.filter((a) => a !== axis)]);
    return this.#probe(found.factor, axis, found.other, plain);
  }

  /** The factor that is a state over the axis and another, if no other factor has that other axis. */
  #matrix(factors: readonly Expr[], axis: Axis): { factor: Expr; other: Axis } | undefined {
    for (const factor of factors) {
      if (factor.axes.length !== 2 || !factor.axes.includes(axis)) continue;
      const found = factor.kind === "leaf" ? this.#seen.get(factor.tensor) : undefined;
      const isState = (found && !this.#apart.rings.has(found.state)) || this.#isFixed(factor);
      const other = factor.axes.find((a) => a !== axis) as Axis;
      if (isState && !factors.some((f) => f !== factor && f.axes.includes(other))) return { factor, other };
    }
    return undefined;
  }

  /** Σ over `axis` of a state times `by`, over the state's `other` axis. */
  #probe(factor: Expr, axis: Axis, other: Axis, by: Expr): Expr {
    const extra = by.axes.filter((a) => a !== axis);
    const byName = by.kind === "leaf" ? by.tensor.name : "1";
    const contract = (name: string, factors: readonly Expr[], axes: readonly Axis[]): Expr =>
      this.made.named(`${name}.${byName}`, reduce(sum, axis, mul(...factors, by)), [...axes, ...extra]);
    const found = factor.kind === "leaf" ? this.#seen.get(factor.tensor) : undefined;
    if (factor.kind !== "leaf" || !found || found.when === "start") {
      const matrix = this.#fixed(factor);
      return contract(matrix.kind === "leaf" ? matrix.tensor.name : "", [matrix], [other]);
    }
    const { state, when } = found;
    const terms = this.#parts(state, when, factor.index).map(({ factors, over }) => {
      const inside = factors.filter((f) => f.axes.includes(axis));
      const outside = factors.filter((f) => !f.axes.includes(axis));
      if (over.length === 0) return mul(contract(`${state.name}.start`, inside, [other]), ...outside);
      const time = over.at(-1) as Axis;
      const own = [time, ...over.filter((a) => a !== time && inside.some((f) => f.axes.includes(a)))];
      return sumOver(mul(contract(nameOf(inside), inside, own), ...outside), over);
    });
    return this.made.named(`${state.name}.${when}.${byName}`, add(...terms), [other, ...extra]);
  }

  /** A_t as the factors of b ⊙ A and, for each family, those of c · left ⊗ right, which is summed over the tile's tokens. */
  #parts(state: RuleState, when: When, index: readonly Axis[]): { factors: Expr[]; over: readonly Axis[] }[] {
    const group = this.#apart.groups.find((g) => g.states.includes(state)) as Group;
    const weigh = ({ parts, constant: c }: Weight, time: readonly Axis[]): Expr[] => [
      constant(c),
      ...parts.map(({ quantity, along }) => {
        if (when === "next" && isConstant(quantity.value)) return quantity.value;
        const tensor = when === "previous" && quantity.before ? quantity.before.tensor : quantity.tensor;
        return leaf(tensor, [...time, ...along.map((i) => index[i] as Axis)]);
      }),
    ];
    const starts = group.states.flatMap((from) => {
      const weight = group.start(state, from);
      const start = leaf(this.#apart.starts.get(from) as Tensor, index);
      return weight ? [{ factors: [...weigh(weight, []), start], over: [] }] : [];
    });
    const writes = group.families.flatMap((family) => {
      const weight = group.written(state, family);
      if (!weight) return [];
      const time = freshAxis(TILE);
      const { left, right } = this.sides(family);
      const [rows, columns] = sideAxes(family);
      const here = new Map(family.over.map((a) => [a, freshAxis(a.dim)]));
      for (const [i, a] of family.axes.entries()) here.set(a, index[i] as Axis);
      const side = (t: Tensor | undefined, axes: readonly Axis[]): Expr[] =>
        t ? [leaf(this.made.stack(t), [time, ...axes.map((a) => here.get(a) as Axis)])] : [];
      const over = [...family.over.map((a) => here.get(a) as Axis), time];
      return [{ factors: [...weigh(weight, [time]), ...side(left, rows), ...side(right, columns)], over }];
    });
    return [...starts, ...writes];
  }

  #whole(state: RuleState, when: When, index: readonly Axis[]): Expr {
    const running = this.#apart.running.get(state);
    if (running) return leaf(when === "previous" ? running.before.tensor : running.tensor, index);
    return add(...this.#parts(state, when, index).map(({ factors, over }) => sumOver(mul(...factors), over)));
  }

  // ---------------------------------------------------------------- names

  /** A tensor for a side over `axes`: that of an input or of what a ring holds, or one that is given its value later. */
  #side(name: string, e: Expr, axes: readonly Axis[]): Tensor | undefined {
    if (isConstant(e, 1)) return undefined;
    const found = e.kind === "leaf" ? this.#seen.get(e.tensor) : undefined;
    const isHad = e.kind === "leaf" && (!found || this.#apart.rings.has(found.state));
    const had = isHad ? this.resolve(e, false) : undefined;
    const isSame = (index: readonly Axis[]): boolean =>
      index.length === axes.length && index.every((a, i) => a === axes[i]);
    if (had?.kind === "leaf" && isSame(had.index)) return had.tensor;
    const shape = axes.map((a) => a.dim);
    const value = at(e, axes, axesFor(shape));
    const tensor = this.#bySide.get(value) ?? this.made.tensor(name, shape, { domain: domainOf(e) });
    this.#bySide.set(value, tensor);
    return tensor;
  }

  #give(tensor: Tensor | undefined, e: Expr, own: readonly Axis[]): void {
    if (!tensor || (e.kind === "leaf" && e.tensor === tensor) || this.made.meanings.has(tensor)) return;
    const axes = axesFor(tensor.shape);
    this.made.meanings.set(tensor, at(e, own, axes));
    const value = at(this.#withoutStates(e), own, axes);
    this.made.give(tensor, value);
  }

  /** An expression without states; multiplied out, where a state stands whole in it as it is written. */
  #withoutStates(e: Expr): Expr {
    try {
      return this.resolve(e, false);
    } catch (error) {
      const isLong = postorder([e]).length > MULTIPLIED_OUT;
      if (!(error instanceof CannotReplace) || isLong || this.#isLocked(e)) throw error;
      const apart = normalForm(e);
      if (apart === e) throw error;
      return this.resolve(apart, false);
    }
  }

  /** Whether a state stands whole where multiplying out does not reach, as in its exponential. */
  #isLocked(e: Expr): boolean {
    const isWhole = (x: Expr, within: Expr): boolean =>
      x.kind === "leaf" &&
      x.index.length === 2 &&
      this.#seen.has(x.tensor) &&
      x.index.every((a) => within.axes.includes(a));
    return postorder([e]).some(
      (x) =>
        x.kind === "apply" &&
        !["add", "mul"].includes(x.op.name) &&
        x.args.some((arg) => postorder([arg]).some((l) => isWhole(l, arg))),
    );
  }
}

/** The axes of a family's left and right, so that these are a product of matrices where they are summed over one. */
const sideAxes = ({
  axes: [rows, columns],
  over,
}: Family): readonly [left: readonly Axis[], right: readonly Axis[]] => [
  rows ? [rows, ...over] : over,
  columns ? [...over, columns] : over,
];

const nameOf = (factors: readonly Expr[]): string =>
  factors.map((f) => (f.kind === "leaf" ? f.tensor.name.replace(/\.tile$/, "") : "")).join(".");
