/**
 * Rings: states that hold what the last tokens gave, each token in one slot.
 *
 *     R'[w] = value where w = slot, else c · R[w]          slot' = slot + 1, or 0 after the last slot
 *
 * A tile's token s takes the slot (slot + s) mod window, and so slot w is first taken by its token
 * until[w] = (w − slot) mod window. After token t the slots hold, with b and c products of the coefficients,
 *
 *     b_t · R[w]         in the slots that no token has taken yet, t < until[w]
 *     c_t[s] · value_s   of the tokens that no other has overwritten, s ≤ t and t − s < window
 *
 * whence a reduction over the slots is one over the first and one over the second, merged: no ring between the
 * tile's start and its end is made for it. Where a rule asks for the slots one by one, a token puts both together.
 */
import type { RuleState } from "../derive/rule.ts";
import { simplify } from "../derive/simplify.ts";
import {
  add,
  call,
  factorsOf,
  at as indexed,
  isApply,
  mul,
  rebuild,
  reduce,
  sub,
  sumOver,
} from "../math/algebra.ts";
import { type Axis, axesFor, type Dim, freshAxis } from "../math/axis.ts";
import {
  constant,
  type Expr,
  extent,
  isConstant,
  type Leaf,
  leaf,
  open,
  position,
  postorder,
  type Reduce,
  type Tensor,
  tensorsOf,
} from "../math/expr.ts";
import type { Reduction } from "../math/node.ts";
import { maxOver, sum } from "../math/ops/index.ts";
import { isNow, type Running, running, TIME } from "./running.ts";
import { type Quantity, TILE } from "./tile-form.ts";

/** Which slot comes next; it depends on nothing but itself. */
export interface Clock {
  readonly window: Dim;
  /** The slot that a token takes. */
  readonly slot: Quantity;
  /** Which of the tile's tokens takes a slot first. */
  readonly until: Quantity;
}

export interface Ring {
  readonly state: RuleState;
  readonly start: Tensor;
  readonly clock: Clock;
  /** What a token puts into its slot, over the state's axes but the first. */
  readonly value: Expr;
  /** What is left of what the tile's start and its tokens gave, over `axes` of the state; absent where all is. */
  readonly left:
    | { readonly start: Running; readonly token: Running; readonly axes: readonly Axis[] }
    | undefined;
}

/** Before the token puts something into its slot, or after. */
export type When = "previous" | "next";

/** A reduction over the slots of rings. */
export interface Sweep {
  readonly e: Reduce;
  readonly clock: Clock;
  readonly when: When;
}

/** What a tile does for its rings. */
export interface Tools {
  readonly now: Tensor;
  readonly ring: (t: Tensor) => { readonly ring: Ring; readonly when: When } | undefined;
  /** An expression without states. */
  readonly resolve: (e: Expr) => Expr;
  /** An expression over `axes`, as a quantity of its own. */
  readonly named: (name: string, e: Expr, axes: readonly Axis[]) => Expr;
  /** What the tokens of the tile have of a tensor. */
  readonly stack: (t: Tensor) => Tensor;
}

// ---------------------------------------------------------------- finding them

export function ringsOf(
  states: readonly RuleState[],
  clocks: ReadonlyMap<RuleState, Running>,
  starts: ReadonlyMap<RuleState, Tensor>,
  now: Tensor,
): Map<RuleState, Ring> {
  const carried = new Set(states.flatMap((s) => (s.start ? [s.previous, s.start] : [s.previous])));
  const isFree = (e: Expr): boolean => ![...tensorsOf(e)].some((t) => carried.has(t));
  const made = new Map<RuleState, Clock>();
  const rings = new Map<RuleState, Ring>();
  for (const state of states) {
    const put = writeOf(state);
    const clock = put && states.find((s) => s.previous === put.slot);
    const turns = clock && clocks.get(clock);
    if (!put || !turns || clock.update !== turning(clock, put.axis.dim)) continue;
    const coefficient = coefficientOf(put.old, state);
    if (!coefficient || [put.value, coefficient].some((e) => !isFree(e) || e.axes.includes(put.axis)))
      continue;
    if (!made.has(clock)) made.set(clock, clockOf(clock, turns, starts.get(clock) as Tensor, put.axis));
    rings.set(state, {
      state,
      start: starts.get(state) as Tensor,
      clock: made.get(clock) as Clock,
      value: put.value,
      left: isConstant(coefficient, 1) ? undefined : leftOf(state, coefficient, now),
    });
  }
  return rings;
}

/** An update as a value where the slot is the token's, and what becomes of the other slots. */
function writeOf(state: RuleState): { axis: Axis; slot: Tensor; value: Expr; old: Expr } | undefined {
  const [axis] = axesFor(state.shape);
  const { update } = state;
  if (!axis || !isApply(update, "where")) return undefined;
  const [condition, value, old] = update.args as [Expr, Expr, Expr];
  if (!isApply(condition, "equal")) return undefined;
  const slot = condition.args.find((a) => a.kind === "leaf" && a.index.length === 0);
  if (slot?.kind !== "leaf" || !condition.args.includes(position(axis))) return undefined;
  return { axis, slot: slot.tensor, value, old };
}

/** What a state is multiplied by, element for element. */
function coefficientOf(old: Expr, state: RuleState): Expr | undefined {
  const factors = factorsOf(old);
  const same = leaf(state.previous, axesFor(state.shape));
  return factors.includes(same) ? mul(...factors.filter((f) => f !== same)) : undefined;
}

/** How a clock turns over so many slots. */
function turning(clock: RuleState, window: Dim): Expr {
  const following = add(leaf(clock.previous, []), constant(1));
  return simplify(call("where", call("less", following, extent(window)), following, constant(0)));
}

function clockOf(state: RuleState, turns: Running, start: Tensor, slots: Axis): Clock {
  const tensor = (name: string, shape: readonly Dim[]): Tensor => ({
    name: `${state.name}.${name}`,
    shape,
    domain: state.previous.domain,
  });
  const first = leaf(start, []);
  const ahead = sub(position(slots), first);
  const [w] = axesFor([slots.dim]) as [Axis];
  const until = call("where", call("less", position(slots), first), add(ahead, extent(slots.dim)), ahead);
  return {
    window: slots.dim,
    slot: { tensor: tensor("taken", []), value: leaf(turns.before.tensor, []), before: undefined },
    until: { tensor: tensor("until", [slots.dim]), value: indexed(until, [slots], [w]), before: undefined },
  };
}

function leftOf(state: RuleState, coefficient: Expr, now: Tensor): Ring["left"] {
  const { axes } = coefficient;
  return {
    start: running({ name: `b.${state.name}`, axes, start: 1 }, (before) => mul(coefficient, before)),
    token: running({ name: `c.${state.name}`, axes: [TIME, ...axes], start: 0 }, (before) =>
      call("where", isNow(now), constant(1), mul(coefficient, before)),
    ),
    axes,
  };
}

// ---------------------------------------------------------------- what they hold

/** One of the two things that rings hold: what they held where the tile starts, or what its tokens put there. */
interface Part {
  readonly name: "start" | "tokens";
  /** The slots, or the tokens. */
  readonly over: Axis;
  /** The slot of each. */
  readonly slot: Expr;
  /** What a ring holds of each, at an index of its other axes. */
  readonly held: (ring: Ring, index: readonly Axis[]) => Expr;
  /** An expression for those that are held, another for the others. */
  readonly where: (e: Expr, other: Expr) => Expr;
}

const restOf = (ring: Ring): readonly Axis[] => axesFor(ring.state.shape).slice(1);

function partsOf(clock: Clock, when: When, tools: Tools): readonly [start: Part, tokens: Part] {
  const [slots, tokens] = [freshAxis(clock.window), freshAxis(TILE)];
  const now = leaf(tools.now, []);
  const last = when === "next" ? now : sub(now, constant(1));
  const at = (q: Running): Tensor => (when === "next" ? q.tensor : q.before.tensor);
  return [
    {
      name: "start",
      over: slots,
      slot: position(slots),
      held: (ring, index) => {
        const { start, left } = ring;
        const rest = restOf(ring);
        const b = left ? leaf(at(left.start), left.axes) : constant(1);
        return indexed(mul(b, leaf(start, [slots, ...rest])), rest, index);
      },
      where: (e, other) => call("where", call("less", last, leaf(clock.until.tensor, [slots])), e, other),
    },
    {
      name: "tokens",
      over: tokens,
      slot: leaf(tools.stack(clock.slot.tensor), [tokens]),
      held: (ring, index) => {
        const { state, value, left } = ring;
        const rest = restOf(ring);
        const put = tools.named(`${state.name}.put`, value, rest);
        const all = put.kind === "leaf" ? leaf(tools.stack(put.tensor), [tokens, ...put.index]) : put;
        const c = left ? leaf(at(left.token), [tokens, ...left.axes]) : constant(1);
        return indexed(mul(c, all), rest, index);
      },
      where: (e, other) => {
        const isThere = call("lessEqual", position(tokens), last);
        const isKept = call("less", sub(last, position(tokens)), extent(clock.window));
        return call("where", isThere, call("where", isKept, e, other), other);
      },
    },
  ];
}

/** A ring before or after a token, over the quantities of that token. */
export function ringAt(ring: Ring, when: When, tools: Tools): Expr {
  const [start, tokens] = partsOf(ring.clock, when, tools);
  const rest = restOf(ring);
  const [slot] = axesFor(ring.state.shape) as [Axis];
  const isTaken = call("where", call("equal", start.slot, tokens.slot), constant(1), constant(0));
  const put = sumOver(mul(tokens.where(isTaken, constant(0)), tokens.held(ring, rest)), [tokens.over]);
  return indexed(start.where(start.held(ring, rest), put), [start.over], [slot]);
}

// ---------------------------------------------------------------- reading them

/** A reduction over the slots of rings, if it is one: which of its rings tells the clock, and when they are read. */
export function sweepOf(e: Reduce, ring: Tools["ring"]): Sweep | undefined {
  const { axis, body } = open(e);
  for (const x of postorder([body])) {
    const found = x.kind === "leaf" && x.index[0] === axis ? ring(x.tensor) : undefined;
    if (found) return { e, clock: found.ring.clock, when: found.when };
  }
  return undefined;
}

/** The reduction over what the tile's start and its tokens hold; undefined if it reads the slots in another way. */
export function swept({ e, clock, when }: Sweep, tools: Tools): Expr | undefined {
  const merge = MERGES.get(e.op);
  const { axis, body } = open(e);
  const results: Expr[] = [];
  for (const part of partsOf(clock, when, tools)) {
    const read = (x: Leaf): Expr => {
      const found = x.index[0] === axis ? tools.ring(x.tensor) : undefined;
      const isSame = found?.when === when && found.ring.clock === clock;
      return isSame ? part.held(found.ring, x.index.slice(1)) : x;
    };
    const put = replaced(body, axis, (x) =>
      x.kind === "leaf" ? read(x) : x.kind === "index" ? part.slot : undefined,
    );
    if (!merge || put.axes.includes(axis)) return undefined;
    const made = replaced(tools.resolve(put), part.over, (x) =>
      x.kind === "reduce" ? tools.named(nameOf(x), x, [part.over, ...without(x, part.over)]) : undefined,
    );
    results.push(reduced(e.op, made, part, tools));
  }
  const [start, tokens] = results as [Expr, Expr];
  return tools.named(e.op.name, merge?.(start, tokens) as Expr, e.axes);
}

/** A reduction over what is held of a part; what is not counts as nothing. */
function reduced(op: Reduction, body: Expr, { name, over, where }: Part, tools: Tools): Expr {
  if (op !== sum) return reduce(op, over, where(body, constant(nothing(op))));
  // The share of each is made once, for all sums of the same. What is multiplied by it is data, and so finite.
  const factors = factorsOf(body);
  const data = factors.filter((f) => f.kind === "leaf" && f.axes.length > 1 && f.axes.includes(over));
  const share = mul(...factors.filter((f) => !data.includes(f)));
  const axes = [over, ...without(share, over)];
  const held = tools.named(`share.${name}`, where(share, constant(0)), axes);
  return sumOver(mul(held, ...data), [over]);
}

const MERGES: ReadonlyMap<Reduction, (a: Expr, b: Expr) => Expr> = new Map([
  [sum, add],
  [maxOver, (a: Expr, b: Expr) => call("max", a, b)],
]);

/** What changes no result: in 32 bits there is no number beyond it. */
const nothing = ({ initial }: Reduction): number => Math.max(-LARGEST, Math.min(LARGEST, initial));
const LARGEST = 3.4028234e38;

/** An expression with nodes along an axis replaced, from its top; children of those that are not. */
function replaced(e: Expr, axis: Axis, by: (x: Expr) => Expr | undefined): Expr {
  const memo = new Map<Expr, Expr>();
  const go = (x: Expr): Expr => {
    if (!x.axes.includes(axis)) return x;
    let made = memo.get(x);
    if (!made) {
      made = by(x) ?? rebuild(x, go);
      memo.set(x, made);
    }
    return made;
  };
  return go(e);
}

/** What is reduced, by name: data first. */
function nameOf(e: Reduce): string {
  const leaves = factorsOf(open(e).body).filter((f) => f.kind === "leaf");
  const names = leaves.sort((a, b) => b.axes.length - a.axes.length).map((f) => f.tensor.name);
  return names.length > 0 ? names.map((n) => n.replace(/\.tile$/, "")).join(".") : e.op.name;
}

const without = (e: Expr, axis: Axis): readonly Axis[] => e.axes.filter((a) => a !== axis);
