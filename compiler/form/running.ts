/**
 * What runs along a tile: each token's value follows from that of the token before it alone, whatever the states
 * hold, so that it is had before everything else.
 */
import type { RuleState } from "../derive/rule.ts";
import { at, call, substitute } from "../math/algebra.ts";
import { type Axis, axesFor } from "../math/axis.ts";
import { type Expr, leaf, position, type Tensor, tensorsOf } from "../math/expr.ts";
import { REAL } from "../math/interval.ts";
import { type Before, type Quantity, TILE } from "./tile-form.ts";

/** A quantity that has one of the token before. */
export interface Running extends Quantity {
  readonly before: Before;
}

export const isRunning = (q: Quantity): q is Running => q.before !== undefined;

/** The tokens of a tile. */
export const [TIME] = axesFor([TILE]) as [Axis];

export const isNow = (now: Tensor): Expr => call("equal", position(TIME), leaf(now, []));

/** What runs along the tile: what it is called, its axes, and what all its elements are before the first token. */
export interface Member {
  readonly name: string;
  readonly axes: readonly Axis[];
  readonly start: number;
}

/** Quantities that run along the tile together: `value` says what each is, given what they were before the token. */
export function runningTogether<K>(
  members: ReadonlyMap<K, Member>,
  value: (of: K, before: (k: K) => Expr) => Expr,
): Map<K, Running> {
  const tensors = new Map(
    [...members].map(([k, { name, axes }]) => {
      const shape = axes.map((a) => a.dim);
      const tensor = (name: string): Tensor => ({ name, shape, domain: REAL });
      return [k, { own: tensor(name), before: tensor(`${name}.before`) }];
    }),
  );
  const before = (k: K): Expr => leaf(tensors.get(k)?.before as Tensor, members.get(k)?.axes as Axis[]);
  return new Map(
    [...members].map(([k, { axes, start }]) => {
      const { own, before: was } = tensors.get(k) as { own: Tensor; before: Tensor };
      const made = at(value(k, before), axes, axesFor(own.shape));
      return [k, { tensor: own, value: made, before: { tensor: was, start } }];
    }),
  );
}

/** A quantity that runs along the tile by itself. */
export const running = (member: Member, value: (before: Expr) => Expr): Running =>
  runningTogether(new Map([["own", member]]), (own, before) => value(before(own))).get("own") as Running;

/** The states without axes that follow from one another and a token's inputs alone: counters, clocks, totals. */
export function runningStates(
  states: readonly RuleState[],
  starts: ReadonlyMap<RuleState, Tensor>,
): Map<RuleState, Running> {
  const carried = new Set(states.flatMap((s) => (s.start ? [s.previous, s.start] : [s.previous])));
  let alone = states.filter((s) => s.shape.length === 0);
  const follows = (s: RuleState): boolean =>
    [...tensorsOf(s.update)].every((t) => !carried.has(t) || alone.some((o) => o.previous === t));
  while (!alone.every(follows)) alone = alone.filter(follows);
  const befores = new Map(
    alone.map((s): [Tensor, Tensor] => [s.previous, { ...s.previous, name: `${s.name}.previous` }]),
  );
  return new Map(
    alone.map((s) => [
      s,
      {
        tensor: { ...s.next, name: `${s.name}.next` },
        value: substitute(s.update, (t) => {
          const before = befores.get(t);
          return before && leaf(before, []);
        }),
        before: { tensor: befores.get(s.previous) as Tensor, start: starts.get(s) as Tensor },
      },
    ]),
  );
}
