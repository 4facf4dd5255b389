/**
 * Averages taken about a mean, where only their differences count. With weights that sum to 1 over j,
 *
 *     P_i = Σ_j w_ij x_j / Σ_j w_ij    and    P_i − mean(P)
 *
 * are the same for x and for x − mean(x), up to what is the same for every i. Where the weights are nearly equal all P_i
 * are nearly mean(x), and what is left of their difference is what rounding left of it: in f32 often nothing.
 */
import {
  add,
  div,
  factorsOf,
  isApply,
  isReduce,
  mul,
  pow,
  renameAxes,
  sumOver,
  termsOf,
} from "../math/algebra.ts";
import type { Axis } from "../math/axis.ts";
import { constant, type Expr, extent, isConstant, open } from "../math/expr.ts";
import { rewrite } from "../math/rewrite.ts";

export const withCentredAverages = (e: Expr): Expr =>
  rewrite(e, [{ name: "average about a mean", apply: centred }]);

/** `P − mean(P)` along one of its axes, where P is such an average or has one among its terms. */
function centred(e: Expr): Expr | undefined {
  if (!isApply(e, "add")) return undefined;
  for (const axis of e.axes)
    for (const mean of e.args) {
      const terms = meantBy(mean, axis);
      if (!terms?.every((t) => e.args.includes(t))) continue;
      const shifted = terms.map((t) => aboutMean(t, axis) ?? t);
      if (shifted.every((t, n) => t === terms[n])) continue;
      const others = e.args.filter((t) => t !== mean && !terms.includes(t));
      return add(...others, ...shifted, negatedMean(sumOver(add(...shifted), [axis]), axis));
    }
  return undefined;
}

const negatedMean = (sum: Expr, axis: Axis): Expr => mul(constant(-1), div(sum, extent(axis.dim)));

/** The sum of each term by itself, so that sums which cancel are seen to. */
const sumOfTerms = (e: Expr, axis: Axis): Expr => add(...termsOf(e).map((t) => sumOver(t, [axis])));

/** The terms over `axis` that the term is minus the mean of, if it is one. */
function meantBy(term: Expr, axis: Axis): readonly Expr[] | undefined {
  if (term.axes.includes(axis)) return undefined;
  for (const sum of factorsOf(term)) {
    if (!isReduce(sum, "sum")) continue;
    const { axis: own, body } = open(sum);
    if (own.dim !== axis.dim) continue;
    const factor = mul(constant(-1), extent(axis.dim), ...factorsOf(term).filter((f) => f !== sum));
    return termsOf(mul(factor, renameAxes(body, new Map([[own, axis]]))));
  }
  return undefined;
}

/** c · Σ_j w_ij x_j / Σ_j w_ij with x − mean(x) for x, where c does not vary along i. */
function aboutMean(term: Expr, i: Axis): Expr | undefined {
  const factors = factorsOf(term);
  for (const sum of factors) {
    if (!isReduce(sum, "sum") || !sum.axes.includes(i)) continue;
    const { axis: j, body } = open(sum);
    const weight = mul(...factorsOf(body).filter((f) => f.axes.includes(i)));
    const x = mul(...factorsOf(body).filter((f) => !f.axes.includes(i)));
    const over = pow(sumOver(weight, [j]), constant(-1));
    const others = factors.filter((f) => f !== sum && f !== over);
    if (!factors.includes(over) || !x.axes.includes(j) || others.some((f) => f.axes.includes(i))) continue;
    const sumOfX = sumOfTerms(x, j);
    if (isConstant(sumOfX, 0)) continue;
    return mul(...others, over, sumOver(mul(weight, add(x, negatedMean(sumOfX, j))), [j]));
  }
  return undefined;
}
