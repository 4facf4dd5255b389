/** A network's forward pass written out in loops, with no code of the compiler. All tensors are nested arrays. */

export type Vector = number[];
export type Matrix = number[][];

/** Reads weights by name, as nested arrays of a given shape. */
export class Weights {
  readonly #data: ReadonlyMap<string, Float64Array>;
  readonly used = new Set<string>();

  constructor(data: ReadonlyMap<string, Float64Array>) {
    this.#data = data;
  }

  #get(name: string, length: number): Float64Array {
    const found = this.#data.get(name);
    if (found?.length !== length) throw new Error(`${name}: ${found?.length} numbers, not ${length}`);
    this.used.add(name);
    return found;
  }

  vector(name: string, n: number): Vector {
    return [...this.#get(name, n)];
  }

  matrix(name: string, rows: number, columns: number): Matrix {
    const flat = this.#get(name, rows * columns);
    return range(rows).map((i) => [...flat.subarray(i * columns, (i + 1) * columns)]);
  }

  /** `[n, rows, columns]` */
  stack(name: string, n: number, rows: number, columns: number): Matrix[] {
    const all = this.matrix(name, n * rows, columns);
    return range(n).map((i) => all.slice(i * rows, (i + 1) * rows));
  }
}

export const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
export const dot = (a: Vector, b: Vector): number => a.reduce((s, x, i) => s + x * (b[i] as number), 0);
export const times = (m: Matrix, x: Vector): Vector => m.map((row) => dot(row, x));
export const plus = (a: Vector, b: Vector): Vector => a.map((x, i) => x + (b[i] as number));
export const scaled = (a: Vector, b: Vector): Vector => a.map((x, i) => x * (b[i] as number));
export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
export const silu = (x: number): number => x * sigmoid(x);
export const softplus = (x: number): number => Math.log(1 + Math.exp(x));
export const gelu = (x: number): number =>
  (x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))) / 2;
export const unit = (x: Vector): Vector => x.map((e) => e / Math.sqrt(dot(x, x) + 1e-6));

export function rmsnorm(x: Vector, gain: Vector): Vector {
  const root = Math.sqrt(dot(x, x) / x.length + 1e-6);
  return x.map((e, i) => (e / root) * (gain[i] as number));
}

/** `filter [channels, width]` over `xs [T, channels]`. */
export const conv = (filter: Matrix, xs: Matrix): Matrix =>
  xs.map((x, t) =>
    x.map((_, c) =>
      (filter[c] as Vector).reduce((s, f, j) => s + (t >= j ? f * (xs[t - j]?.[c] as number) : 0), 0),
    ),
  );

/** Channels i and i + n/2 are a point in the plane, turned by t · base^(−2i/n). */
export function rotated(x: Vector, t: number, base: number): Vector {
  const half = x.length / 2;
  const turned = [...x];
  for (let i = 0; i < half; i++) {
    const angle = t * base ** ((-2 * i) / x.length);
    const [a, b] = [x[i] as number, x[i + half] as number];
    turned[i] = a * Math.cos(angle) - b * Math.sin(angle);
    turned[i + half] = b * Math.cos(angle) + a * Math.sin(angle);
  }
  return turned;
}

/** Mean cross-entropy, the number of places that count, and how many of them are right. */
export function crossEntropy(logits: Matrix, targets: readonly number[]) {
  let [loss, correct, counted] = [0, 0, 0];
  for (const [i, row] of logits.entries()) {
    const target = targets[i] as number;
    if (target < 0) continue;
    counted++;
    loss += Math.log(row.reduce((s, x) => s + Math.exp(x), 0)) - (row[target] as number);
    if (row.every((x) => x <= (row[target] as number))) correct++;
  }
  return { loss: counted > 0 ? loss / counted : 0, correct, counted };
}
