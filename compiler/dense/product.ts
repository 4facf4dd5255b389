/** Finding matrix products: a sum over factors of which some have the rows of the result, and others its columns. */
import { call, mul } from "../math/algebra.ts";
import { type Axis, extentOf, type Sizes } from "../math/axis.ts";
import { constant, type Expr, type Reduce } from "../math/expr.ts";
import { allParts, guarded } from "./lookup.ts";
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
  const all = [...factors, ...conditions.map((c) => call("where", c, constant(1), constant(0)))];
  const isLong = (a: Axis): boolean => extentOf(a.dim, sizes) > 1;
  const outer = axes.filter((a) => isLong(a));
  const inner = inReadingOrder(body, over);
  if (count(inner, sizes) < LEAST_INNER) return undefined;
  for (const column of [...outer].reverse()) {
    const right = all.filter((f) => f.axes.includes(column));
    const left = all.filter((f) => !f.axes.includes(column));
    const has = (side: readonly Expr[], a: Axis): boolean => side.some((f) => f.axes.includes(a));
    const rows = outer.filter((a) => has(left, a) && !has(right, a));
    const columns = outer.filter((a) => has(right, a) && !has(left, a));
    if (count(rows, sizes) < LEAST || count(columns, sizes) < LEAST) continue;
    const batch = axes.filter((a) => !rows.includes(a) && !columns.includes(a));
    return { batch, rows, columns, inner, left: mul(...left), right: mul(...right) };
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
