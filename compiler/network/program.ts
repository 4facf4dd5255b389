/**
 * A network as a list of steps, in order: values in index notation, and memories that read a sequence. Its sizes
 * are names: `B` sequences of `T` tokens, `H` heads, `width`, `vocabulary`, `dk`, `dv`. Names of tensors are unique.
 */
import type { Rule } from "../derive/rule.ts";
import type { Definition } from "../form/steps.ts";
import { dim } from "../math/axis.ts";
import type { Tensor } from "../math/expr.ts";

export const TOKENS = dim(["T"]);
export const WIDTH = dim(["width"]);
export const VOCABULARY = dim(["vocabulary"]);

/** A memory reads every sequence, head by head, from the states that it starts with. */
export interface MemoryCall {
  readonly kind: "memory";
  readonly rule: Rule;
  readonly layer: { readonly index: number; readonly count: number };
  /** By the rule's names: `[B, T, H, …shape]`, or `[B, T, steps, H, …shape]`. */
  readonly inputs: ReadonlyMap<string, Tensor>;
  /** `[H, …shape]` */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** States that do not start at zero, `[H, …shape]`: the same for every sequence. */
  readonly states: ReadonlyMap<string, Tensor>;
  /** `[B, T, H, …output shape]` */
  readonly output: Tensor;
}

export type Step = Definition | MemoryCall;

/** How a parameter starts. */
export type Start =
  | { readonly kind: "constant"; readonly value: number }
  /** Drawn from a normal distribution of mean 0. */
  | { readonly kind: "normal"; readonly deviation: number };

/** What is learned. */
export interface Learned {
  readonly tensor: Tensor;
  readonly start: Start;
  /** Whether the optimizer pulls it towards zero: matrices that multiply, not gains, biases and starts of memories. */
  readonly shrinks: boolean;
}

export interface Program {
  readonly name: string;
  /** Tokens as numbers, `[B, T]`. */
  readonly tokens: Tensor;
  readonly learned: readonly Learned[];
  readonly steps: readonly Step[];
  /** `[B, T, vocabulary]` */
  readonly logits: Tensor;
}
