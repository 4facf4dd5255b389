/**
 * The last tokens, kept in a ring of slots: a new token takes the slot of the oldest. Each slot has a weight:
 * none before a token was put there, 1 for a new one, and less as retention forgets it.
 */
import type { AlgorithmState, Spec } from "../check/spec.ts";
import { add, call, mul, substitute } from "../math/algebra.ts";
import { type Axis, axesFor, type Dim } from "../math/axis.ts";
import { constant, type Expr, extent, leaf, position, type Tensor, tensorsOf } from "../math/expr.ts";
import { interval, NONNEGATIVE } from "../math/interval.ts";

const PREFIX = "past.";

/** The name of what a ring holds, if this is the name of one of its states. */
export const heldIn = (name: string): string | undefined =>
  name.startsWith(PREFIX) ? name.slice(PREFIX.length) : undefined;

export interface Ring {
  readonly states: readonly AlgorithmState[];
  /** An expression with its token's tensors replaced by those of the slot at `axis`, after or before this token. */
  at(e: Expr, axis: Axis, when: "next" | "previous"): Expr;
  weight(axis: Axis, when: "next" | "previous"): Expr;
}

/** A ring of `window` slots for the tokens' tensors that `held` reads, each slot's weight scaled by `keep`. */
export function ringOf(spec: Spec, held: readonly Expr[], window: Dim, keep: Expr): Ring {
  const inputs = new Set(spec.inputs.map((i) => i.tensor));
  const tokens = [...tensorsOf(...held)].filter((t) => inputs.has(t));
  const slot = carried(`${PREFIX}slot`, [], NONNEGATIVE);
  const [w] = axesFor([window]) as [Axis];
  const isNew = call("equal", position(w), leaf(slot.previous, []));
  const weight = carried(`${PREFIX}weight`, [window], interval(0, 1));
  const rings = new Map(
    tokens.map((t) => [t, carried(`${PREFIX}${t.name}`, [window, ...t.shape], t.domain)]),
  );
  const put = (state: Unwritten, value: Expr, old: Expr): AlgorithmState => ({
    ...state,
    update: call("where", isNew, value, old),
  });
  const all = (t: Tensor): Expr => leaf(t, axesFor(t.shape));
  const following = add(leaf(slot.previous, []), constant(1));
  return {
    states: [
      ...tokens.map((t) => {
        const state = rings.get(t) as Unwritten;
        return put(state, leaf(t, axesFor(state.shape).slice(1)), all(state.previous));
      }),
      put(weight, constant(1), mul(keep, all(weight.previous))),
      {
        ...slot,
        update: call("where", call("less", following, extent(window)), following, constant(0)),
      },
    ],
    at: (e, axis, when) =>
      substitute(e, (t, index) => {
        const ring = rings.get(t);
        return ring && leaf(ring[when], [axis, ...index]);
      }),
    weight: (axis, when) => leaf(weight[when], [axis]),
  };
}

type Unwritten = Omit<AlgorithmState, "update">;

function carried(name: string, shape: readonly Dim[], domain: Tensor["domain"]): Unwritten {
  const tensor = (name: string): Tensor => ({ name, shape, domain });
  return { name, shape, initial: "zeros", previous: tensor(name), next: tensor(`${name}'`) };
}
