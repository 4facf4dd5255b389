/** What the training loop asks of a network on a device. */
import type { Batch } from "./data/batch.ts";

export interface Measured {
  /** Cross-entropy in nats: the mean over the places that count. */
  readonly loss: number;
  /** Places where the likeliest token is the right one, of those that count. */
  readonly correct: number;
  readonly counted: number;
}

export interface Stepped extends Measured {
  /** ‖∇‖₂ over all parameters, before clipping. */
  readonly gradientNorm: number;
}

/** A named tensor on its way to a file or from one. */
export interface Weights {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Reads tokens one at a time. */
export interface Reader {
  /** The logits `[vocabulary]` of what follows. */
  next(token: number): Promise<Float32Array>;
  destroy(): void;
}

export interface Trainable {
  /** How many numbers are learned. */
  readonly parameters: number;
  readonly vocabulary: number;
  /** The next step of the optimizer: a mean over the batches, which share one shape. */
  step(batches: readonly Batch[], learningRate: number): Promise<Stepped>;
  /** Measures without learning. */
  measure(batch: Batch): Promise<Measured>;
  /** Everything that is learned, by its stable name. */
  weights(): Promise<Map<string, Weights>>;
  /** What the optimizer carries, by name, and the number of steps taken. */
  optimizer(): Promise<{ readonly step: number; readonly moments: Map<string, Weights> }>;
  /** Takes what `weights` and `optimizer` gave. Throws RangeError on a name or a shape that does not fit. */
  restore(
    weights: ReadonlyMap<string, Weights>,
    optimizer?: { readonly step: number; readonly moments: ReadonlyMap<string, Weights> },
  ): Promise<void>;
  /** A new sequence, with the weights as they are now; `length` is the most tokens that it can have, 4096 where left out. */
  reader(length?: number): Promise<Reader>;
  destroy(): void;
}
