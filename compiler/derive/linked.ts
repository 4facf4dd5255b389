/** What is read of an accumulator. */
import type { MemoryState } from "../check/spec.ts";
import { at, substitute } from "../math/algebra.ts";
import { axesFor } from "../math/axis.ts";
import { type Expr, leaf, type Tensor } from "../math/expr.ts";

/** W of an accumulator: the link applied to it. */
export const linked = (state: MemoryState, accumulator: Tensor): Expr =>
  linkedTo(state, leaf(accumulator, axesFor(state.shape)));

/** W of what an expression gives, over the canonical axes of the state. */
export function linkedTo(state: MemoryState, accumulator: Expr): Expr {
  const { link, linkArgument, shape } = state;
  if (!link) return accumulator;
  return substitute(link, (t, index) =>
    t === linkArgument ? at(accumulator, axesFor(shape), index) : undefined,
  );
}
