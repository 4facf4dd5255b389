import { zeros } from "./tensor.ts";
import type { Reference, Shape, Sizes, Tensor, Tensors } from "./types.ts";

/** Numbers that depend on the seed alone: xoshiro128**, its state filled by splitmix32. */
export class Random {
  private readonly state: [number, number, number, number];

  constructor(seed: number) {
    let counter = seed >>> 0;
    const next = () => {
      counter = (counter + 0x9e3779b9) >>> 0;
      let mixed = counter;
      mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
      return (mixed ^ (mixed >>> 15)) >>> 0;
    };
    this.state = [next(), next(), next(), next()];
  }

  /** 32 random bits. */
  bits(): number {
    const s = this.state;
    const product = Math.imul(s[1], 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = (s[3] << 11) | (s[3] >>> 21);
    return result;
  }

  /** Uniform in [0, 1), 53 bits. */
  uniform(): number {
    return ((this.bits() >>> 5) * 2 ** 26 + (this.bits() >>> 6)) / 2 ** 53;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  chance(probability: number): boolean {
    return this.uniform() < probability;
  }

  /** Normal with mean 0 and variance 1 (Box–Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }
}

export interface Case {
  readonly sizes: Sizes;
  readonly inputs: Tensors;
  readonly params: Tensors;
  readonly states: Tensors;
}

export interface CaseOptions {
  /** Gates often exactly at an end of their range, or at 1; some keys, values and queries all zero. */
  readonly edge: boolean;
  /** Give every state, not only those that have to be given. */
  readonly states?: boolean;
  /** A factor on the values, for large and small ones. */
  readonly values?: number;
  /** Use the reference's steady ranges, where it has such. */
  readonly steady?: boolean;
  /** Other ranges for some gates or params; these come before all others. */
  readonly ranges?: Reference["ranges"];
}

/** Inputs for a reference. The same seed, sizes and options give the same case. */
export function randomCase(reference: Reference, sizes: Sizes, seed: number, options: CaseOptions): Case {
  if (reference.requires?.square && sizes.dk !== sizes.dv) {
    throw new RangeError(`${reference.name} needs dv = dk`);
  }
  const random = new Random(seed);
  const unit = reference.unit ?? [];
  const follows = reference.follows ?? {};

  const ranges = { ...reference.ranges, ...(options.steady ? reference.steady : {}), ...options.ranges };

  const inputs: Record<string, Tensor> = {};
  for (const [name, shape] of Object.entries(reference.inputs(sizes))) {
    const range = ranges[name];
    if (range !== undefined) inputs[name] = gate(random, shape, range, options.edge);
    else if (follows[name] === undefined)
      inputs[name] = vectors(random, shape, unit.includes(name), options.edge);
  }
  for (const [name, other] of Object.entries(follows)) {
    const followed = inputs[other];
    if (followed === undefined) throw new Error(`${name} follows ${other}, which does not come before it`);
    inputs[name] = near(random, followed);
  }
  const factor = options.values ?? 1;
  if (inputs.v !== undefined) inputs.v = { ...inputs.v, data: inputs.v.data.map((x) => factor * x) };

  const params: Record<string, Tensor> = {};
  for (const [name, shape] of Object.entries(reference.params?.(sizes) ?? {})) {
    const range = ranges[name];
    if (range === undefined) throw new Error(`${reference.name}: the param ${name} has no range`);
    params[name] = gate(random, shape, range, options.edge);
  }

  const states: Record<string, Tensor> = {};
  for (const [name, shape] of Object.entries(reference.states(sizes))) {
    if (!options.states && !reference.learned.includes(name)) continue;
    states[name] = reference.gram?.includes(name) ? gram(random, shape) : weights(random, shape);
  }
  return { sizes, inputs, params, states };
}

function gate(random: Random, shape: Shape, [low, high]: readonly [number, number], edge: boolean): Tensor {
  const special = [low, high, ...[0, 1].filter((x) => x > low && x < high)];
  const result = zeros(shape);
  for (let i = 0; i < result.data.length; i++) {
    const chosen = special[Math.floor(random.uniform() * special.length)] ?? low;
    result.data[i] = edge && random.chance(0.5) ? chosen : random.between(low, high);
  }
  return result;
}

function vectors(random: Random, shape: Shape, unit: boolean, edge: boolean): Tensor {
  const result = zeros(shape);
  const length = shape.at(-1) ?? 1;
  for (let start = 0; start < result.data.length; start += length) {
    const x = result.data.subarray(start, start + length);
    for (let i = 0; i < length; i++) x[i] = random.normal();
    if (unit) normalise(x);
    if (edge && random.chance(0.2)) x.fill(0);
  }
  return result;
}

/** For each vector x of another tensor: c (x + 0.3 r), c in [0, 0.9] and r of length 1; 0 stays 0. */
function near(random: Random, other: Tensor): Tensor {
  const result = zeros(other.shape);
  const length = other.shape.at(-1) ?? 1;
  for (let start = 0; start < result.data.length; start += length) {
    const x = other.data.subarray(start, start + length);
    const r = new Float64Array(length).map(() => random.normal());
    normalise(r);
    const c = x.every((value) => value === 0) ? 0 : random.between(0, 0.9);
    for (let i = 0; i < length; i++) result.data[start + i] = c * ((x[i] ?? 0) + 0.3 * (r[i] ?? 0));
  }
  return result;
}

/** Normal entries, with the variance 1 / (number of inputs) that weights usually start with. */
function weights(random: Random, shape: Shape): Tensor {
  const result = zeros(shape);
  const deviation = 1 / Math.sqrt(shape.at(-1) ?? 1);
  for (let i = 0; i < result.data.length; i++) result.data[i] = deviation * random.normal();
  return result;
}

/** For a state [B, H, d, d]: X Xᵀ / d with a normal X. */
function gram(random: Random, shape: Shape): Tensor {
  const result = zeros(shape);
  const d = shape.at(-1) ?? 1;
  for (let start = 0; start < result.data.length; start += d * d) {
    const x = new Float64Array(d * d).map(() => random.normal());
    for (let i = 0; i < d; i++) {
      for (let j = 0; j < d; j++) {
        let sum = 0;
        for (let m = 0; m < d; m++) sum += (x[i * d + m] ?? 0) * (x[j * d + m] ?? 0);
        result.data[start + i * d + j] = sum / d;
      }
    }
  }
  return result;
}

function normalise(x: Float64Array): void {
  let sum = 0;
  for (const value of x) sum += value * value;
  if (sum > 0) for (let i = 0; i < x.length; i++) x[i] = (x[i] ?? 0) / Math.sqrt(sum);
}
