/**
 * A computation over whole tensors, step by step: each has the value of an expression over those before it. What
 * follows from itself along an axis is a recursion. The same steps can be differentiated, interpreted and lowered.
 */
import { type Axis, dim } from "../math/axis.ts";
import type { Expr, Tensor } from "../math/expr.ts";

/** Sequences of a batch, and heads. */
export const BATCH = dim(["B"]);
export const HEADS = dim(["H"]);

/** A value, over the canonical axes of its tensor's shape. */
export interface Definition {
  readonly kind: "definition";
  readonly tensor: Tensor;
  readonly value: Expr;
}

/**
 * Definitions that read one another, and themselves, where a position along `axis` comes before their own, or after
 * it where they run backwards; at their own position, those that stand before them here. All have the axis.
 */
export interface Recursion {
  readonly kind: "recursion";
  readonly axis: Axis;
  readonly backwards: boolean;
  readonly definitions: readonly Definition[];
}

export type Step = Definition | Recursion;

export const definitionsOf = (step: Step): readonly Definition[] =>
  step.kind === "definition" ? [step] : step.definitions;
