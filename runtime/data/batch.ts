/** What a network learns from: sequences of tokens, and what should come next in each place. */

export interface Batch {
  /** Sequences. */
  readonly B: number;
  /** Tokens of each. */
  readonly T: number;
  /** `[B, T]`: numbers below the vocabulary's size. */
  readonly tokens: Int32Array;
  /** `[B, T]`: the token that should be predicted in each place, or -1 where none counts. */
  readonly targets: Int32Array;
}

/** Batches without end, the same ones for the same seed. */
export interface BatchSource {
  readonly vocabulary: number;
  /** The next batch. */
  next(): Batch;
  /** Where it is: everything that `restore` needs to go on with the same batches, as JSON. */
  position(): unknown;
  /** Goes on from a `position()`. Throws RangeError where that is none of this source's. */
  restore(position: unknown): void;
}

/** What there is to train on, and to be measured by. */
export interface Task {
  /** In a few words, with the source that it follows. */
  readonly description: string;
  readonly vocabulary: number;
  readonly training: BatchSource;
  /** The same batches whenever it is called. */
  validation(): Iterable<Batch>;
}
