/** From what a layer projects, which may be any real, into the range of a gate or a param, and back. */
import { add, call, mul, neg } from "../math/algebra.ts";
import { constant, type Expr } from "../math/expr.ts";
import type { Interval } from "../math/interval.ts";

/** log(1 + eˣ), of which no part overflows; at 0 its slope is 1/2, as those of the absolute value and of the maximum make it. */
const softplus = (x: Expr): Expr =>
  add(
    call("max", mul(constant(0.5), add(x, call("abs", x))), constant(0)),
    call("log", add(constant(1), call("exp", neg(call("abs", x))))),
  );

/** A sigmoid between two ends, a softplus from one on, and nothing where there is none. */
export function squash(raw: Expr, { low, high }: Interval): Expr {
  const [isAbove, isBelow] = [Number.isFinite(low), Number.isFinite(high)];
  if (isAbove && isBelow) return add(constant(low), mul(constant(high - low), call("sigmoid", raw)));
  if (isAbove) return add(constant(low), softplus(raw));
  if (isBelow) return add(constant(high), neg(softplus(raw)));
  return raw;
}

/** What is squashed to `value`, which lies within the range and is none of its ends. */
export function unsquash(value: number, { low, high }: Interval): number {
  const [isAbove, isBelow] = [Number.isFinite(low), Number.isFinite(high)];
  if (isAbove && isBelow) return Math.log((value - low) / (high - value));
  if (isAbove) return inverseSoftplus(value - low);
  if (isBelow) return inverseSoftplus(high - value);
  return value;
}

const inverseSoftplus = (y: number): number => y + Math.log(-Math.expm1(-y));
