/** Replacing parts of a value by others, from the top. */
import { rebuild } from "../math/algebra.ts";
import type { Expr } from "../math/expr.ts";

/** Replaces what `replace` has something else for, from the top. */
export function rewrite(e: Expr, replace: (x: Expr, go: (x: Expr) => Expr) => Expr | undefined): Expr {
  const memo = new Map<Expr, Expr>();
  const go = (x: Expr): Expr => {
    let made = memo.get(x);
    if (!made) {
      made = replace(x, go) ?? rebuild(x, go);
      memo.set(x, made);
    }
    return made;
  };
  return go(e);
}
