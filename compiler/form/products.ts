/**
 * One product with a matrix for several: a·Σ W x + b·Σ W y = Σ W (a·x + b·y). What is differentiated through sums, such
 * as a mean, comes back in as many parts, each of which would be multiplied with the same matrix.
 */
import { add, factorsOf, isApply, isReduce, mul, renameAxes, sumOver } from "../math/algebra.ts";
import type { Axis } from "../math/axis.ts";
import { type Expr, open, tensorsOf } from "../math/expr.ts";
import { rewrite } from "../math/rewrite.ts";

export const withJoinedProducts = (e: Expr): Expr =>
  rewrite(e, [{ name: "one product for several", apply: joined }]);

/** before · Σ[axis] matrix · vector */
interface Product {
  readonly term: Expr;
  readonly before: Expr;
  readonly axis: Axis;
  readonly matrix: Expr;
  readonly vector: Expr;
}

function joined(e: Expr): Expr | undefined {
  if (!isApply(e, "add")) return undefined;
  const products = e.args.flatMap((term) => productOf(term) ?? []);
  for (const { matrix, axis } of products) {
    const same = products.map((p) => over(p, axis)).filter((p) => p.matrix === matrix);
    if (same.length < 2 || !same.every((p) => isKnown(p, same))) continue;
    const others = e.args.filter((t) => !same.some((p) => p.term === t));
    const vector = add(...same.map((p) => mul(p.before, p.vector)));
    return add(sumOver(mul(matrix, vector), [axis]), ...others);
  }
  return undefined;
}

/** Whether the joined vector depends on nothing that the vectors do not: it can be had when they can. */
const isKnown = ({ before, matrix }: Product, all: readonly Product[]): boolean => {
  const known = tensorsOf(...all.map((p) => p.vector));
  return (
    !before.axes.some((a) => matrix.axes.includes(a)) && [...tensorsOf(before)].every((t) => known.has(t))
  );
};

function productOf(term: Expr): Product | undefined {
  const products = factorsOf(term).flatMap((sum): Product[] => {
    if (!isReduce(sum, "sum")) return [];
    const { axis, body } = open(sum);
    const matrices = factorsOf(body).filter((f) => f.axes.length > 1);
    const [matrix] = matrices;
    if (!matrix || matrices.length > 1) return [];
    return [{ term, before: without(term, sum), axis, matrix, vector: without(body, matrix) }];
  });
  return products.length === 1 ? products[0] : undefined;
}

/** The same product, summed over another axis. */
function over(p: Product, axis: Axis): Product {
  if (p.axis === axis || p.axis.dim !== axis.dim) return p;
  const to = (e: Expr): Expr => renameAxes(e, new Map([[p.axis, axis]]));
  return { ...p, axis, matrix: to(p.matrix), vector: to(p.vector) };
}

const without = (e: Expr, factor: Expr): Expr => mul(...factorsOf(e).filter((f) => f !== factor));
