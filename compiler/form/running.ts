/**
 * What runs along a tile: each token's value follows from that of the token before it alone, whatever the states
 * hold, so that it is had before everything else.
 */
import type { RuleState } from "../derive/rule.ts";
import { at, call, substitute } from "../math/algebra.ts";
import { type Axis, axesFor } from "../math/axis.ts";
import { type Expr, leaf, position, type Tensor, tensorsOf } from "../math/expr.ts";
import { REAL } from "../math/interval.ts";
import { whole } from "../math/name.ts";
import { type Before, type Quantity, TILE } from "./tile-form.ts";

/** A quantity that has one of the token before. */
export interface Running extends Quantity {
  readonly before: Before;
}

/** The tokens of a tile. */
export const [TIME] = axesFor([TILE]) as [Axis];

export const isNow = (now: Tensor): Expr => call("equal", position(TIME), leaf(now, []));

/** A quantity that runs along the tile: `value` says what it is, given what it was before the token. */
export function running(
  name: string,
  axes: readonly Axis[],
  start: number,
  value: (before: Expr) => Expr,
): Running {
  const shape = axes.map((a) => a.dim);
  const canonical = axesFor(shape);
  const before: Tensor = { name: `${name}.before`, shape, domain: REAL };
  const made = value(at(whole(before), canonical, axes));
  return {
    tensor: { name, shape, domain: REAL },
    value: at(made, axes, canonical),
    before: { tensor: before, start },
  };
}

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
