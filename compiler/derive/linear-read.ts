/** A read that is linear in the one matrix of the memory: W m. */
import type { ReadFunction, Spec } from "../check/spec.ts";
import { at, mul, sub, substitute, sumOver } from "../math/algebra.ts";
import { type Axis, axesFor } from "../math/axis.ts";
import { constant, type Expr, leaf, type Tensor, tensorsOf } from "../math/expr.ts";
import { pullBack } from "./gradient.ts";
import { normalForm } from "./normal-form.ts";

/** m of read(x) = W m, over the second axis of W; undefined where the read is not of that shape. */
export function linearRead(read: ReadFunction, w: Tensor): Expr | undefined {
  if (w.shape.length !== 2) return undefined;
  const [row, column] = axesFor(w.shape) as [Axis, Axis];
  const axes = axesFor(read.shape);
  const adjoint: Tensor = { name: "u", shape: read.shape, domain: w.domain };
  const pulled = pullBack([[read.body, leaf(adjoint, axes)]], [w]).get(w) as Expr;
  const m = substitute(pulled, (t) => (t === adjoint ? constant(1) : undefined));
  if (tensorsOf(m).has(w) || m.axes.includes(row)) return undefined;
  const product = sumOver(mul(leaf(w, [row, column]), m), [column]);
  const isWhole = normalForm(sub(read.body, at(product, [row], axes))) === constant(0);
  return isWhole ? m : undefined;
}

/** m at an expression over the canonical axes of `x`. */
export const readAt = ({ read }: Spec, m: Expr, x: Expr): Expr =>
  substitute(m, (t, index) => (t === read.x ? at(x, axesFor(read.x.shape), index) : undefined));
