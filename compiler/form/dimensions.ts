/** Dimensions that a model requires to be equal, as one: values along them are then seen to be the same. */
import { at, rebuild, reduce } from "../math/algebra.ts";
import { axesFor, type Dim, freshAxis } from "../math/axis.ts";
import { type Expr, extent, open } from "../math/expr.ts";

/** An expression over the canonical axes of `shape`, with every dimension replaced: over those of the new shape. */
export function overOne(e: Expr, shape: readonly Dim[], canonical: (d: Dim) => Dim): Expr {
  const made = new Map<Expr, Expr>();
  const go = (x: Expr): Expr => {
    let found = made.get(x);
    if (!found) {
      found = replaced(x);
      made.set(x, found);
    }
    return found;
  };
  const replaced = (x: Expr): Expr => {
    if (x.kind === "extent") return extent(canonical(x.dim));
    if (x.kind !== "reduce") return rebuild(x, go);
    const { axis, body } = open(x);
    const own = canonical(axis.dim);
    if (own === axis.dim) return rebuild(x, go);
    const along = freshAxis(own);
    return reduce(x.op, along, go(at(body, [axis], [along])));
  };
  return at(go(e), axesFor(shape), axesFor(shape.map(canonical)));
}
