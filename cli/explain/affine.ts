/**
 * A rule as a map of its state: where the update is affine in W and multiplies it from the right,
 * `W' = W M + C`, with what all of M has in common written in front.
 */
import { normalForm } from "../../compiler/derive/normal-form.ts";
import { simplify } from "../../compiler/derive/simplify.ts";
import { add, isApply, isReduce, mul, renameAxes, sumOver, termsOf } from "../../compiler/math/algebra.ts";
import { type Axis, axesFor, freshAxis } from "../../compiler/math/axis.ts";
import {
  delta,
  type Expr,
  type Leaf,
  leaf,
  openFresh,
  type Tensor,
  tensorsOf,
} from "../../compiler/math/expr.ts";

/** The terms W M and C, over the canonical axes of W; undefined where the update is no such map. */
export function affineMap(update: Expr, state: Tensor): readonly Expr[] | undefined {
  const [rows, columns] = axesFor(state.shape);
  if (!rows || !columns || state.shape.length !== 2) return undefined;
  const inner = freshAxis(columns.dim);
  const maps: Expr[][] = [];
  const rest: Expr[] = [];
  const normal = normalForm(update);
  for (const term of termsOf(normal)) {
    if (!reads(term, state)) {
      rest.push(term);
      continue;
    }
    const found = takeOut(term, state);
    const [i, j] = found?.leaf.index ?? [];
    // The rows must pass through: what depends on them multiplies from the left.
    if (!found || !j || i !== rows || found.others.some((f) => f.axes.includes(rows))) return undefined;
    if (j !== columns && !found.bound.includes(j)) return undefined;
    const body = sumOver(
      mul(...found.others),
      found.bound.filter((a) => a !== j),
    );
    const moved = renameAxes(body, new Map([[j, inner]]));
    const factors = isApply(moved, "mul") ? [...moved.args] : [moved];
    maps.push(j === columns ? [...factors, delta(inner, columns)] : factors);
  }
  const [first] = maps;
  if (!first || maps.length < 2) return undefined;
  const common = first.filter(
    (f) => f.kind !== "constant" && !f.axes.includes(columns) && maps.every((m) => m.includes(f)),
  );
  const map = add(...maps.map((m) => mul(...m.filter((f) => !common.includes(f)))));
  const product = sumOver(mul(leaf(state, [rows, inner]), ...common, map), [inner]);
  return rest.length > 0 ? [product, simplify(add(...rest))] : [product];
}

const reads = (e: Expr, state: Tensor): boolean => tensorsOf(e).has(state);

/** Σ over `bound` of `leaf` times the `others`, where the term is that. */
function takeOut(
  e: Expr,
  state: Tensor,
): { leaf: Leaf; others: readonly Expr[]; bound: readonly Axis[] } | undefined {
  if (e.kind === "leaf" && e.tensor === state) return { leaf: e, others: [], bound: [] };
  if (isApply(e, "mul")) {
    const [part, second] = e.args.filter((f) => reads(f, state));
    const found = part && !second ? takeOut(part, state) : undefined;
    return found && { ...found, others: [...found.others, ...e.args.filter((f) => f !== part)] };
  }
  if (isReduce(e, "sum")) {
    const { axis, body } = openFresh(e);
    const found = takeOut(body, state);
    return found && { ...found, bound: [...found.bound, axis] };
  }
  return undefined;
}
