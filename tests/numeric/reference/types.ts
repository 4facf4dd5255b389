/** A dense tensor, row-major: the last index runs fastest. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export type Shape = readonly number[];
export type Tensors = Readonly<Record<string, Tensor>>;
export type Shapes = Readonly<Record<string, Shape>>;

/** Batch, time, heads, length of a key, length of a value; n is the number of steps a token (DeltaProduct). */
export interface Sizes {
  readonly B: number;
  readonly T: number;
  readonly H: number;
  readonly dk: number;
  readonly dv: number;
  readonly n?: number;
}

export interface Result {
  /** [B, T, H, dv] */
  readonly y: Tensor;
  /** The accumulators after the last token, each [B, H, …]. */
  readonly states: Tensors;
}

/** One system, written from its published recurrence. */
export interface Reference {
  /** The spec's file name without `.miras`. */
  readonly name: string;
  /** The model's own name, where it is not the first of its file. */
  readonly model?: string;
  /** What comes with every token, with the full shape [B, T, H, …]. */
  inputs(sizes: Sizes): Shapes;
  /** What is the same for every token, [H, …]. */
  params?(sizes: Sizes): Shapes;
  /** The accumulators, [B, H, …]. The state S that an algorithm keeps for the state W1 is named `S.W1`. */
  states(sizes: Sizes): Shapes;
  readonly requires?: { readonly square?: boolean };
  /**
   * A closed interval for each gate and each param. For a gate in (0, 1) it is the whole legal range with
   * both ends; for one that is only positive, or any real, it is an ordinary part of it.
   */
  readonly ranges: Readonly<Record<string, readonly [number, number]>>;
  /**
   * Narrower intervals for a system that is chaotic over its whole ranges: in these, a relative change of its
   * inputs by 1e-9 moves the outputs by less than about 1e-7 over 500 tokens. Compare long sequences here.
   */
  readonly steady?: Readonly<Record<string, readonly [number, number]>>;
  /** States that have to be given. All others start at zero when they are absent. */
  readonly learned: readonly string[];
  /** Gradients are taken at the state before tokens 0, chunk, 2 chunk, …; absent: at every token. */
  readonly chunk?: number;

  // What ordinary inputs look like. `run` assumes nothing of this, but for `gram`.

  /** Inputs that the model normalises to length 1. */
  readonly unit?: readonly string[];
  /** Inputs that lie close to a multiple of another input. */
  readonly follows?: Readonly<Record<string, string>>;
  /** Square states that are sums of x xᵀ. */
  readonly gram?: readonly string[];

  /** States may be given as [B, H, …] or, the same for the whole batch, as [H, …]. */
  run(sizes: Sizes, inputs: Tensors, params: Tensors, states: Tensors): Result;
}
