/** Finding matrix products: a sum over factors of which some have the rows of the result, and others its columns. */
import { type Axis, extentOf, type Sizes } from "../math/axis.ts";
import type { Expr, Reduce } from "../math/expr.ts";
import { allParts, type Guarded, guarded, unguarded } from "./lookup.ts";
import { inReadingOrder } from "./rows.ts";
import { count } from "./space.ts";
import { cost, spread } from "./work.ts";

/** Σ over `inner` of left · right, for each element of `batch`. */
export interface Product {
  readonly batch: readonly Axis[];
  readonly rows: readonly Axis[];
  readonly columns: readonly Axis[];
  readonly inner: readonly Axis[];
  readonly left: Expr;
  readonly right: Expr;
}

/** Fewer rows, columns or terms than this are no work for a product's kernel. */
const LEAST = 2;
const LEAST_INNER = 8;

/** What a reduction is as a product of matrices, for a result that lies in the order of `axes`. */
export function productOf(main: Reduce, axes: readonly Axis[], sizes: Sizes): Product | undefined {
  const { op, over, body } = spread(main);
  if (op.name !== "sum") return undefined;
  const { conditions, factors } = guarded(body);
  const isLong = (a: Axis): boolean => extentOf(a.dim, sizes) > 1;
  const outer = axes.filter((a) => isLong(a));
  const inner = inReadingOrder(body, over);
  if (count(inner, sizes) < LEAST_INNER) return undefined;
  for (const column of [...outer].reverse()) {
    // A side is 0 where a condition of it is not met, whatever its factors are there.
    const side = (isRight: boolean): Guarded => ({
      conditions: conditions.filter((c) => c.test.axes.includes(column) === isRight),
      factors: factors.filter((f) => f.axes.includes(column) === isRight),
    });
    const [left, right] = [side(false), side(true)];
    const has = (of: Guarded, a: Axis): boolean =>
      [...of.conditions.map((c) => c.test), ...of.factors].some((e) => e.axes.includes(a));
    const rows = outer.filter((a) => has(left, a) && !has(right, a));
    const columns = outer.filter((a) => has(right, a) && !has(left, a));
    if (count(rows, sizes) < LEAST || count(columns, sizes) < LEAST) continue;
    const batch = axes.filter((a) => !rows.includes(a) && !columns.includes(a));
    return { batch, rows, columns, inner, left: unguarded(left), right: unguarded(right) };
  }
  return undefined;
}

/** Operations, and tensors, of an operand's element that are computed and read again for each tile. */
const MOST_COST = 3;
const MOST_READS = 2;

/** Whether an operand is so little work that its elements can be computed wherever they are used. */
export function isLight(operand: Expr): boolean {
  const all = allParts([operand]);
  const reads = all.filter((x) => x.kind === "leaf").length;
  return (
    cost(operand) <= MOST_COST && reads <= MOST_READS && !all.some((x) => x.kind === "reduce" && x.depth > 1)
  );
}
