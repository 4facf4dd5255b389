/** dℓ/dy, and what it says about the loss. */
import type { Bias } from "../check/spec.ts";
import { add, at, mul, neg, sub, substitute } from "../math/algebra.ts";
import { axesFor } from "../math/axis.ts";
import { constant, type Expr, leaf, tensorsOf } from "../math/expr.ts";
import { gradient } from "./gradient.ts";
import { normalForm } from "./normal-form.ts";
import { simplify } from "./simplify.ts";

/** dℓ/dy over the bias's y and v: as the differentiator gives it, and simplified. */
export function errorOf(bias: Bias): { readonly raw: Expr; readonly simple: Expr } {
  const raw = bias.gradient ?? (gradient(bias.loss as Expr, [bias.y]).get(bias.y) as Expr);
  return { raw, simple: simplify(raw) };
}

/** An error that is affine in the prediction: dℓ/dy = slope · y + constant part, the slope being a constant. */
export interface AffineError {
  readonly slope: Expr;
  /** −dℓ/dy at y = 0, over the axes of y: what the prediction is drawn to, times the slope. */
  readonly pull: Expr;
}

export function affineError(bias: Bias): AffineError | undefined {
  const { simple } = errorOf(bias);
  const put = (x: Expr): Expr => substitute(simple, (t) => (t === bias.y ? x : undefined));
  const atZero = put(constant(0));
  const slope = simplify(sub(put(constant(1)), atZero));
  if (slope.axes.length > 0 || tensorsOf(slope).has(bias.v)) return undefined;
  const line = add(atZero, mul(slope, leaf(bias.y, axesFor(bias.y.shape))));
  if (normalForm(sub(simple, line)) !== constant(0)) return undefined;
  const target = substitute(neg(atZero), (t, index) =>
    t === bias.v ? at(bias.target, axesFor(bias.v.shape), index) : undefined,
  );
  return { slope, pull: simplify(target) };
}
