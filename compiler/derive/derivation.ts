/** How something was found, step by step, for people. */
import type { Axis } from "../math/axis.ts";
import type { Expr } from "../math/expr.ts";

/** A step in words, with the equation that it leads to. */
export interface Step {
  readonly say: string;
  readonly left?: Expr;
  readonly right?: Expr;
  /** The axes over which the equation stands. */
  readonly axes: readonly Axis[];
}

export interface Derivation {
  /** What was found, such as "the link of W1". */
  readonly of: string;
  readonly steps: readonly Step[];
}
