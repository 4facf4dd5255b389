/** When two values are the same but for the names of their axes: then one of them is enough. */
import { renameAxes } from "../math/algebra.ts";
import { type Axis, axesFor } from "../math/axis.ts";
import type { Expr } from "../math/expr.ts";
import { allParts } from "./lookup.ts";

export interface Key {
  /** The value at canonical axes: the same for all that differ in nothing but the names of theirs. */
  readonly key: Expr;
  readonly canonical: readonly Axis[];
  /** Its own axes, in that order. */
  readonly index: readonly Axis[];
}

export function keyOf(e: Expr): Key {
  const index = inOrder(e);
  const canonical = axesFor(index.map((a) => a.dim));
  return { key: renameAxes(e, new Map(index.map((a, i) => [a, canonical[i] as Axis]))), canonical, index };
}

/** The free axes, in the order in which what is read has them. */
export function inOrder(e: Expr): Axis[] {
  const found = new Set<Axis>();
  for (const x of allParts([e])) if (x.kind === "leaf") for (const a of x.index) found.add(a);
  for (const a of e.axes) found.add(a);
  return [...found].filter((a) => e.axes.includes(a));
}
