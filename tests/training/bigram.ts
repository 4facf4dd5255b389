/**
 * A network that is small enough to be followed by hand: the logits of the next token are a row of a table, learned by
 * AdamW in f32. Nothing in it is random, so that two runs can be compared bit for bit.
 */
import type { Batch, BatchSource, Task } from "../../runtime/data/batch.ts";
import type { Measured, Reader, Stepped, Trainable, Weights } from "../../runtime/trainable.ts";

const [BETA1, BETA2, EPSILON] = [0.9, 0.99, 1e-8];

export interface BigramOptions {
  readonly clip?: number;
  readonly weightDecay?: number;
  readonly seed?: number;
}

export class Bigram implements Trainable {
  readonly vocabulary: number;
  readonly parameters: number;
  isDestroyed = false;
  #steps = 0;
  /** Logits `[token, next]`, and a bias `[next]`. */
  #weights: Map<string, Weights>;
  #moments: Map<string, Weights>;
  readonly #clip: number;
  readonly #decay: number;

  constructor(vocabulary: number, { clip = 1, weightDecay = 0, seed = 1 }: BigramOptions = {}) {
    this.vocabulary = vocabulary;
    this.parameters = vocabulary * vocabulary + vocabulary;
    this.#clip = clip;
    this.#decay = weightDecay;
    const tensor = (shape: readonly number[], value: (i: number) => number): Weights => ({
      shape,
      data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => value(i)),
    });
    const shapes: [string, number[]][] = [
      ["table", [vocabulary, vocabulary]],
      ["bias", [vocabulary]],
    ];
    this.#weights = new Map(shapes.map(([name, s]) => [name, tensor(s, (i) => Math.sin(seed + i) / 50)]));
    this.#moments = new Map(
      shapes.flatMap(([name, s]) => [`${name}.m`, `${name}.v`].map((n) => [n, tensor(s, () => 0)])),
    );
  }

  async step(batches: readonly Batch[], learningRate: number): Promise<Stepped> {
    const gradients = new Map([...this.#weights].map(([n, { data }]) => [n, new Float64Array(data.length)]));
    let [loss, correct, counted] = [0, 0, 0];
    for (const batch of batches) {
      const m = this.#pass(batch, gradients, batches.length);
      loss += m.loss / batches.length;
      correct += m.correct;
      counted += m.counted;
    }
    let square = 0;
    for (const g of gradients.values()) for (const x of g) square += x * x;
    const gradientNorm = Math.sqrt(square);
    this.#update(gradients, learningRate, Math.min(1, this.#clip / gradientNorm));
    return { loss, correct, counted, gradientNorm };
  }

  #update(gradients: ReadonlyMap<string, Float64Array>, rate: number, scale: number): void {
    this.#steps++;
    const [c1, c2] = [1 - BETA1 ** this.#steps, 1 - BETA2 ** this.#steps];
    for (const [name, { data }] of this.#weights) {
      const g = gradients.get(name) as Float64Array;
      const m = this.#moments.get(`${name}.m`)?.data as Float32Array;
      const v = this.#moments.get(`${name}.v`)?.data as Float32Array;
      for (let i = 0; i < data.length; i++) {
        const x = (g[i] as number) * scale;
        m[i] = BETA1 * (m[i] as number) + (1 - BETA1) * x;
        v[i] = BETA2 * (v[i] as number) + (1 - BETA2) * x * x;
        const w = data[i] as number;
        const move = (m[i] as number) / c1 / (Math.sqrt((v[i] as number) / c2) + EPSILON);
        data[i] = w - rate * (move + this.#decay * w);
      }
    }
  }

  async measure(batch: Batch): Promise<Measured> {
    return this.#pass(batch);
  }

  #logits(token: number): Float32Array {
    const [table, bias] = ["table", "bias"].map((n) => this.#weights.get(n)?.data as Float32Array);
    const V = this.vocabulary;
    return Float32Array.from({ length: V }, (_, j) => (table?.[token * V + j] ?? 0) + (bias?.[j] ?? 0));
  }

  #pass({ tokens, targets }: Batch, gradients?: ReadonlyMap<string, Float64Array>, share = 1): Measured {
    const places = [...targets.keys()].filter((i) => (targets[i] as number) >= 0);
    let [loss, correct] = [0, 0];
    for (const i of places) {
      const [token, target] = [tokens[i] as number, targets[i] as number];
      const logits = this.#logits(token);
      const top = Math.max(...logits);
      const powers = logits.map((x) => Math.exp(x - top));
      const sum = powers.reduce((a, b) => a + b, 0);
      loss -= (logits[target] as number) - top - Math.log(sum);
      if (logits.indexOf(top) === target) correct++;
      if (gradients === undefined) continue;
      const [table, bias] = ["table", "bias"].map((n) => gradients.get(n) as Float64Array);
      for (let j = 0; j < this.vocabulary; j++) {
        const d = ((powers[j] as number) / sum - (j === target ? 1 : 0)) / places.length / share;
        if (table) table[token * this.vocabulary + j] = (table[token * this.vocabulary + j] as number) + d;
        if (bias) bias[j] = (bias[j] as number) + d;
      }
    }
    return { loss: loss / places.length, correct, counted: places.length };
  }

  async weights(): Promise<Map<string, Weights>> {
    return copy(this.#weights);
  }

  async optimizer(): Promise<{ step: number; moments: Map<string, Weights> }> {
    return { step: this.#steps, moments: copy(this.#moments) };
  }

  async restore(
    weights: ReadonlyMap<string, Weights>,
    optimizer?: { readonly step: number; readonly moments: ReadonlyMap<string, Weights> },
  ): Promise<void> {
    for (const [name, { data }] of this.#weights)
      if (weights.get(name)?.data.length !== data.length) throw new RangeError(`${name} does not fit`);
    this.#weights = copy(weights);
    if (optimizer === undefined) return;
    this.#steps = optimizer.step;
    this.#moments = copy(optimizer.moments);
  }

  async reader(): Promise<Reader> {
    return { next: async (token) => this.#logits(token), destroy: () => {} };
  }

  destroy(): void {
    this.isDestroyed = true;
  }
}

const copy = (tensors: ReadonlyMap<string, Weights>): Map<string, Weights> =>
  new Map([...tensors].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));

/** What follows a token: always the same one, so that a bigram learns it to the end. */
const follows = (token: number, vocabulary: number): number => (token * 3 + 1) % vocabulary;

/** A generator with one number of state, which is its position. */
class Sequences implements BatchSource {
  readonly vocabulary: number;
  readonly #shape: readonly [number, number];
  #state: number;

  constructor(vocabulary: number, shape: readonly [number, number], seed: number) {
    this.vocabulary = vocabulary;
    this.#shape = shape;
    this.#state = seed;
  }

  next(): Batch {
    const [B, T] = this.#shape;
    const tokens = Int32Array.from({ length: B * T }, () => {
      this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
      return (this.#state >>> 8) % this.vocabulary;
    });
    return { B, T, tokens, targets: tokens.map((t) => follows(t, this.vocabulary)) };
  }

  position(): unknown {
    return { state: this.#state };
  }

  restore(position: unknown): void {
    const { state } = Object(position);
    if (typeof state !== "number") throw new RangeError("this is no position of these sequences");
    this.#state = state;
  }
}

export function bigramTask(vocabulary = 7, shape: readonly [number, number] = [2, 5], seed = 1): Task {
  return {
    description: `what follows a token, of ${vocabulary}`,
    vocabulary,
    training: new Sequences(vocabulary, shape, seed),
    *validation() {
      const source = new Sequences(vocabulary, shape, 99);
      for (let i = 0; i < 3; i++) yield source.next();
    },
  };
}
