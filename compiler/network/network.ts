/** A network, checked: its sizes are numbers, and each part of its block is known. */
import type { Rule } from "../derive/rule.ts";
import type { Sizes } from "../math/axis.ts";
import type { Expr, Tensor } from "../math/expr.ts";
import type { Span } from "../source/span.ts";

export interface NetworkSizes {
  readonly vocabulary: number;
  readonly width: number;
  readonly heads: number;
  /** Lengths of the keys and values of a head. */
  readonly dk: number;
  readonly dv: number;
  /** How often the block is repeated. */
  readonly layers: number;
}

/** A model as a layer: what feeds its memory, the memory, and what is done to its output. */
export interface MemoryPart {
  readonly kind: "memory";
  readonly name: string;
  readonly span: Span;
  readonly rule: Rule;
}

/** Two linear maps with a function between them, token by token. */
export interface MixerPart {
  readonly kind: "mixer";
  readonly name: string;
  readonly span: Span;
  /** Channels between the two maps. */
  readonly hidden: number;
  /** Whether a third map gives a factor for what the function gives. */
  readonly isGated: boolean;
  /** The function between them, of `x [hidden]`. */
  readonly activation: { readonly x: Tensor; readonly value: Expr };
}

export type Part = MemoryPart | MixerPart;

export interface Network {
  readonly name: string;
  readonly span: Span;
  readonly sizes: NetworkSizes;
  /** Of one layer, in order; each has a norm before it and a residual around it. */
  readonly parts: readonly Part[];
  /** Whether the logits are made with the embedding's own weights. */
  readonly isTied: boolean;
  /** Whether there is a norm after the last layer. */
  readonly hasFinalNorm: boolean;
}

/** The sizes that a program of the network names, for `B` sequences of `T` tokens. */
export const sizesOf = ({ sizes }: Network, B: number, T: number): Sizes => ({
  B,
  T,
  tokens: T,
  H: sizes.heads,
  width: sizes.width,
  vocabulary: sizes.vocabulary,
  dk: sizes.dk,
  dv: sizes.dv,
});
