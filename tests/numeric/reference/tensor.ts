import { type Matrix, scale, type Vector } from "./algebra.ts";
import type { Result, Shape, Sizes, Tensor, Tensors } from "./types.ts";

export function zeros(shape: Shape): Tensor {
  return { shape, data: new Float64Array(shape.reduce((count, extent) => count * extent, 1)) };
}

/** [B, T, H, …]: something that comes with every token. */
export function token(s: Sizes, ...shape: number[]): Shape {
  return [s.B, s.T, s.H, ...shape];
}

/** [B, H, …]: a state. */
export function state(s: Sizes, ...shape: number[]): Shape {
  return [s.B, s.H, ...shape];
}

export function named(tensors: Tensors, name: string): Tensor {
  const tensor = tensors[name];
  if (tensor === undefined) throw new Error(`no tensor ${name} among ${Object.keys(tensors).join(", ")}`);
  return tensor;
}

/** The block that the leading indices choose, as a view. */
function block(tensor: Tensor, index: readonly number[]): Float64Array {
  let start = 0;
  let length = tensor.data.length;
  index.forEach((i, axis) => {
    const extent = tensor.shape[axis];
    if (extent === undefined || !(i >= 0 && i < extent)) {
      throw new RangeError(`index [${index}] into a tensor of shape [${tensor.shape}]`);
    }
    length /= extent;
    start += i * length;
  });
  return tensor.data.subarray(start, start + length);
}

export function scalarAt(tensor: Tensor, ...index: number[]): number {
  const [value, more] = block(tensor, index);
  if (value === undefined || more !== undefined)
    throw new RangeError(`[${index}] of [${tensor.shape}] is no scalar`);
  return value;
}

export function vectorAt(tensor: Tensor, ...index: number[]): Vector {
  if (index.length !== tensor.shape.length - 1)
    throw new RangeError(`[${index}] of [${tensor.shape}] is no vector`);
  return block(tensor, index).slice();
}

export function matrixAt(tensor: Tensor, ...index: number[]): Matrix {
  const [rows, columns, more] = tensor.shape.slice(index.length);
  if (rows === undefined || columns === undefined || more !== undefined) {
    throw new RangeError(`[${index}] of [${tensor.shape}] is no matrix`);
  }
  return { rows, columns, data: block(tensor, index).slice() };
}

/** Writes into the block that the indices choose. */
export function put(tensor: Tensor, index: readonly number[], values: Vector | Matrix): void {
  const data = values instanceof Float64Array ? values : values.data;
  const target = block(tensor, index);
  if (target.length !== data.length) {
    throw new RangeError(`${data.length} values into [${index}] of [${tensor.shape}]`);
  }
  target.set(data);
}

/** A copy of the state that was given, or zeros; a state without the batch dimension is repeated. */
export function start(states: Tensors, name: string, shape: Shape): Tensor {
  const result = zeros(shape);
  const given = states[name];
  if (given === undefined) return result;
  if (`${given.shape}` === `${shape}`) {
    result.data.set(given.data);
  } else if (`${given.shape}` === `${shape.slice(1)}`) {
    for (let b = 0; b < (shape[0] ?? 0); b++) result.data.set(given.data, b * given.data.length);
  } else {
    throw new RangeError(`state ${name} has shape [${given.shape}], not [${shape}]`);
  }
  return result;
}

/** As `start`, for a state that has no value of its own to start from. */
export function startLearned(states: Tensors, name: string, shape: Shape): Tensor {
  named(states, name);
  return start(states, name, shape);
}

/** Calls `visit` for each sequence: each batch entry and head. */
export function eachSequence(s: Sizes, visit: (b: number, h: number) => void): void {
  for (let b = 0; b < s.B; b++) {
    for (let h = 0; h < s.H; h++) visit(b, h);
  }
}

/** One token of one head of one batch entry. */
export interface Token {
  readonly h: number;
  vector(name: string): Vector;
  scalar(name: string): number;
  /** For tensors [B, T, n, H, …]. */
  vectorOf(name: string, step: number): Vector;
  scalarOf(name: string, step: number): number;
}

export function tokenAt(inputs: Tensors, b: number, t: number, h: number): Token {
  return {
    h,
    vector: (name) => vectorAt(named(inputs, name), b, t, h),
    scalar: (name) => scalarAt(named(inputs, name), b, t, h),
    vectorOf: (name, step) => vectorAt(named(inputs, name), b, t, step, h),
    scalarOf: (name, step) => scalarAt(named(inputs, name), b, t, step, h),
  };
}

/** The loops around a memory that is one matrix W [dv, dk]: `step` has one token and W before it. */
export function matrixMemory(
  s: Sizes,
  inputs: Tensors,
  states: Tensors,
  step: (W: Matrix, token: Token) => { W: Matrix; y: Vector },
): Result {
  const final = start(states, "W", state(s, s.dv, s.dk));
  const y = zeros(token(s, s.dv));
  eachSequence(s, (b, h) => {
    let W = matrixAt(final, b, h);
    for (let t = 0; t < s.T; t++) {
      const after = step(W, tokenAt(inputs, b, t, h));
      W = after.W;
      put(y, [b, t, h], after.y);
    }
    put(final, [b, h], W);
  });
  return { y, states: { W: final } };
}

/** The query with the usual scale, q / √dk. */
export function scaledQuery(token: Token): Vector {
  const q = token.vector("q");
  return scale(1 / Math.sqrt(q.length), q);
}
