/**
 * Which call made an expression. Functions are inlined, and expressions are hash-consed, so that an
 * expression that came from `f(h)` can still be printed as `f(h)`.
 */
import type { Expr } from "../math/expr.ts";

export interface CallLabel {
  readonly name: string;
  readonly args: readonly Expr[];
}

export type Labels = ReadonlyMap<Expr, CallLabel>;
