/** What is derived of an algorithm: how its memory is read, and what it carries. */
import type { AlgorithmState, Read, Spec } from "../check/spec.ts";
import type { Expr } from "../math/expr.ts";
import type { Derivation } from "./derivation.ts";

/** How the memory is read at an expression over the canonical axes of `read.x`. */
export type Reading = (x: Expr, when: Read["when"]) => Expr;

/** What a kind of algorithm derives. */
export interface Found {
  readonly spec: Spec;
  readonly reading: Reading;
  readonly carried: readonly AlgorithmState[];
  readonly derivation: Derivation | undefined;
}
