/**
 * Networks in TensorFlow.js, with its `valueAndGrads`. Each operation is a dispatch, so what is learned is one vector
 * to AdamW. Sequences are short enough for attention of any kind to be one matrix of scores; the delta rule is a loop
 * over chunks, as in tfjs.ts.
 */

import { createRequire } from "node:module";
import type { Device } from "../../runtime/device.ts";
import { patiently } from "../../runtime/node/patience.ts";
import { type MemoryKind, OPTIMIZER, type TrainingTask } from "../training/task.ts";
import type { StepResult, Trainer } from "../training/trainer.ts";
import { started } from "./tfjs.ts";

interface Tensor {
  readonly shape: readonly number[];
  data(): Promise<Float32Array>;
  dispose(): void;
}

interface Tfjs {
  tidy<T>(f: () => T): T;
  tensor(data: Float32Array | Int32Array, shape: readonly number[], type: "float32" | "int32"): Tensor;
  zeros(shape: readonly number[]): Tensor;
  oneHot(x: Tensor, classes: number): Tensor;
  reshape(x: Tensor, shape: readonly number[]): Tensor;
  transpose(x: Tensor, axes: readonly number[]): Tensor;
  matMul(a: Tensor, b: Tensor, transposeA?: boolean, transposeB?: boolean): Tensor;
  cumsum(x: Tensor, axis: number): Tensor;
  exp(x: Tensor): Tensor;
  log(x: Tensor): Tensor;
  neg(x: Tensor): Tensor;
  square(x: Tensor): Tensor;
  sqrt(x: Tensor): Tensor;
  rsqrt(x: Tensor): Tensor;
  sigmoid(x: Tensor): Tensor;
  softmax(x: Tensor, axis?: number): Tensor;
  logSoftmax(x: Tensor, axis?: number): Tensor;
  add(a: Tensor, b: Tensor | number): Tensor;
  sub(a: Tensor, b: Tensor | number): Tensor;
  mul(a: Tensor, b: Tensor | number): Tensor;
  div(a: Tensor | number, b: Tensor | number): Tensor;
  minimum(a: Tensor, b: Tensor | number): Tensor;
  sum(x: Tensor, axis?: number, keepDims?: boolean): Tensor;
  mean(x: Tensor, axis: number, keepDims: boolean): Tensor;
  slice(x: Tensor, begin: readonly number[], size: readonly number[]): Tensor;
  split(x: Tensor, sizes: readonly number[]): Tensor[];
  concat(xs: readonly Tensor[], axis?: number): Tensor;
  stack(xs: readonly Tensor[], axis?: number): Tensor;
  unstack(x: Tensor): Tensor[];
  pad(x: Tensor, widths: readonly (readonly [number, number])[]): Tensor;
  valueAndGrads(
    f: (...xs: Tensor[]) => Tensor,
  ): (xs: readonly Tensor[]) => { value: Tensor; grads: Tensor[] };
}

export const tfjsTraining = ({ adapter }: Device): Trainer => ({
  name: "tfjs",
  includes: "the loss and the gradient's norm back; tokens stay on the device",
  ours: false,
  async prepare(task, weights) {
    const tf = (await started()) as unknown as Tfjs;
    await loadGradients();
    const { B, T, tokens, targets } = task.batch;
    const { rate, clip, weightDecay, beta1, beta2, epsilon } = OPTIMIZER;
    const names = [...weights.keys()];
    const shapes = [...weights.values()].map((w) => w.shape);
    const lengths = [...weights.values()].map((w) => w.data.length);
    const length = lengths.reduce((a, b) => a + b, 0);
    const vector = (of: (name: string, i: number) => Float32Array): Tensor => {
      const all = new Float32Array(length);
      let at = 0;
      for (const [i, name] of names.entries()) {
        all.set(of(name, i), at);
        at += lengths[i] as number;
      }
      return tf.tensor(all, [length], "float32");
    };
    const decaying = new Set(task.decaying);
    const kept = vector((name, i) =>
      new Float32Array(lengths[i] as number).fill(1 - (decaying.has(name) ? rate * weightDecay : 0)),
    );
    let learned = vector((name) => weights.get(name)?.data as Float32Array);
    let [mean, square] = [tf.zeros([length]), tf.zeros([length])];
    const [given, wanted] = [tokens, targets].map((x) => tf.tensor(x, [B * T], "int32")) as [Tensor, Tensor];
    const loss = lossOf(tf, task);
    const gradients = tf.valueAndGrads((...all) =>
      loss(new Map(names.map((name, i) => [name, all[i] as Tensor])), given, wanted),
    );
    let steps = 0;
    return {
      async step(): Promise<StepResult> {
        steps++;
        const { result, next } = tf.tidy(() => {
          const apart = tf
            .split(learned, lengths)
            .map((x, i) => tf.reshape(x, shapes[i] as readonly number[]));
          const { value, grads } = gradients(apart);
          const gradient = tf.concat(grads.map((g, i) => tf.reshape(g, [lengths[i] as number])));
          const norm = tf.sqrt(tf.sum(tf.square(gradient)));
          const g = tf.mul(gradient, tf.minimum(tf.div(clip, tf.add(norm, 1e-12)), 1));
          const m = tf.add(tf.mul(mean, beta1), tf.mul(g, 1 - beta1));
          const v = tf.add(tf.mul(square, beta2), tf.mul(tf.square(g), 1 - beta2));
          const root = tf.sqrt(tf.div(v, 1 - beta2 ** steps));
          const direction = tf.div(tf.mul(m, rate / (1 - beta1 ** steps)), tf.add(root, epsilon));
          return {
            result: tf.stack([value, norm]),
            next: [tf.sub(tf.mul(learned, kept), direction), m, v] as const,
          };
        });
        for (const x of [learned, mean, square]) x.dispose();
        [learned, mean, square] = next;
        const data = await patiently(adapter, () => result.data());
        const [loss, gradientNorm] = data as unknown as [number, number];
        result.dispose();
        return { loss, gradientNorm };
      },
      close() {
        for (const x of [kept, learned, mean, square, given, wanted]) x.dispose();
      },
    };
  },
});

let loading: Promise<void> | undefined;

/** What Node.js loads of the package leaves the gradients out, and its files that have them are for bundlers alone. */
function loadGradients(): Promise<void> {
  loading ??= (async () => {
    const { build } = await import("esbuild");
    const file = createRequire(import.meta.url).resolve(
      "@tensorflow/tfjs-core/dist/register_all_gradients.js",
    );
    const bundle = await build({
      entryPoints: [file],
      bundle: true,
      format: "esm",
      write: false,
      logLevel: "error",
    });
    const text = bundle.outputFiles[0]?.text ?? "";
    await import(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`);
  })();
  return loading;
}

type Learned = ReadonlyMap<string, Tensor>;

function lossOf(tf: Tfjs, { sizes, batch, spec }: TrainingTask) {
  const { vocabulary, width, heads, dk, dv, layers } = sizes;
  const { B, T } = batch;
  const counted = batch.targets.reduce((n, target) => n + Number(target >= 0), 0);
  const read = MEMORIES[spec.kind](tf, T);
  const silu = (x: Tensor): Tensor => tf.mul(x, tf.sigmoid(x));
  const norm = (x: Tensor, gain: Tensor): Tensor =>
    tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), 1e-6))), gain);
  const unit = (x: Tensor): Tensor => tf.mul(x, tf.rsqrt(tf.add(tf.sum(tf.square(x), -1, true), 1e-6)));
  /** `[B T, in]` with `[…out, in]` to `[B T, out]`. */
  const map = (x: Tensor, weight: Tensor): Tensor => {
    const inner = x.shape[1] as number;
    const outer = weight.shape.reduce((n, d) => n * d, 1) / inner;
    return tf.matMul(x, tf.reshape(weight, [outer, inner]), false, true);
  };
  /** `[B, H, T, d]` */
  const perHead = (x: Tensor, d: number): Tensor =>
    tf.transpose(tf.reshape(x, [B, T, heads, d]), [0, 2, 1, 3]);
  /** Its filter at 0 is the token's own. */
  const conv = (x: Tensor, filter: Tensor): Tensor => {
    const taps = filter.shape.at(-1) as number;
    const each = tf.unstack(tf.transpose(tf.reshape(filter, [width, taps]), [1, 0]));
    const padded = tf.pad(tf.reshape(x, [B, T, width]), [
      [0, 0],
      [taps - 1, 0],
      [0, 0],
    ]);
    return each
      .map((f, j) => tf.mul(tf.slice(padded, [0, taps - 1 - j, 0], [B, T, width]), f))
      .reduce((a, b) => tf.add(a, b));
  };

  const memory = (x: Tensor, of: (name: string) => Tensor): Tensor => {
    const projected = (name: string): Tensor => map(x, of(`${name}.project`));
    const gate = (name: string): Tensor =>
      tf.transpose(
        tf.reshape(tf.sigmoid(tf.add(projected(name), of(`${name}.bias`))), [B, T, heads]),
        [0, 2, 1],
      );
    if (spec.kind === "delta" || spec.kind === "gated delta") {
      const fed = (name: string, d: number): Tensor =>
        perHead(silu(conv(projected(name), of(`${name}.conv`))), d);
      const alpha = spec.kind === "gated delta" ? gate("alpha") : undefined;
      return read(unit(fed("q", dk)), unit(fed("k", dk)), fed("v", dv), gate("beta"), alpha);
    }
    const turned = (z: Tensor): Tensor => (spec.kind === "softmax" ? rope(tf, z, T, dk) : z);
    const [q, k] = [perHead(projected("q"), dk), perHead(projected("k"), dk)];
    return read(turned(q), turned(k), perHead(projected("v"), dv));
  };

  return (learned: Learned, tokens: Tensor, targets: Tensor): Tensor => {
    const w = (name: string): Tensor => learned.get(name) as Tensor;
    let stream = tf.matMul(tf.oneHot(tokens, vocabulary), w("embedding"));
    for (let layer = 0; layer < layers; layer++) {
      const of = (name: string) => w(`layers.${layer}.${spec.model}.${name}`);
      const x = norm(stream, of("input.norm"));
      const y = memory(x, of);
      const normed = spec.kind === "softmax" ? y : norm(y, of("output.norm"));
      let joined = tf.reshape(tf.transpose(normed, [0, 2, 1, 3]), [B * T, heads * dv]);
      if (spec.kind === "gated delta") joined = tf.mul(joined, silu(map(x, of("output.project"))));
      stream = tf.add(stream, map(joined, of("output.back")));

      const mixer = (name: string) => w(`layers.${layer}.swiglu.${name}`);
      const z = norm(stream, mixer("input.norm"));
      stream = tf.add(stream, map(tf.mul(silu(map(z, mixer("gate"))), map(z, mixer("up"))), mixer("down")));
    }
    const likely = tf.logSoftmax(map(norm(stream, w("final_norm")), w("embedding")));
    return tf.mul(tf.sum(tf.mul(likely, tf.oneHot(targets, vocabulary))), -1 / counted);
  };
}

/** Rotates channels i and i + n/2 by t · 10000^(−2i/n). */
function rope(tf: Tfjs, x: Tensor, T: number, n: number): Tensor {
  const half = n / 2;
  const [B, H] = x.shape as [number, number];
  const angles = Float64Array.from(
    { length: T * half },
    (_, i) => Math.floor(i / half) * 10000 ** (-(i % half) / half),
  );
  const [cos, sin] = [Math.cos, Math.sin].map((f) =>
    tf.tensor(Float32Array.from(angles, f), [T, half], "float32"),
  ) as [Tensor, Tensor];
  const [a, b] = [0, half].map((from) => tf.slice(x, [0, 0, 0, from], [B, H, T, half])) as [Tensor, Tensor];
  return tf.concat([tf.sub(tf.mul(a, cos), tf.mul(b, sin)), tf.add(tf.mul(b, cos), tf.mul(a, sin))], -1);
}

/** What is read, `[B, H, T, dv]`, of q, k and v that are alike, and of gates `[B, H, T]`. */
type Read = (q: Tensor, k: Tensor, v: Tensor, beta?: Tensor, alpha?: Tensor) => Tensor;

const CHUNK = 16;

const MEMORIES: Readonly<Record<MemoryKind, (tf: Tfjs, T: number) => Read>> = {
  linear: (tf, T) => (q, k, v) => {
    const scale = (q.shape.at(-1) as number) ** -0.5;
    const past = square(tf, T, (row, column) => Number(row >= column));
    return tf.matMul(tf.mul(tf.matMul(tf.mul(q, scale), k, false, true), past), v);
  },
  softmax: (tf, T) => (q, k, v) => {
    const scale = (q.shape.at(-1) as number) ** -0.5;
    // What is to come is far below anything else, and its softmax is 0.
    const hidden = square(tf, T, (row, column) => (row >= column ? 0 : -1e9));
    return tf.matMul(tf.softmax(tf.add(tf.matMul(tf.mul(q, scale), k, false, true), hidden)), v);
  },
  delta: chunked,
  "gated delta": chunked,
};

function chunked(tf: Tfjs, T: number): Read {
  if (T % CHUNK !== 0) throw new Error(`${T} tokens are no whole number of chunks of ${CHUNK}`);
  return (q, k, v, beta, alpha) => {
    const [B, H, , dk] = q.shape as [number, number, number, number];
    const dv = v.shape.at(-1) as number;
    const N = T / CHUNK;
    /** `[N, B H, CHUNK, d]` */
    const chunks = (x: Tensor, d: number): Tensor =>
      tf.transpose(tf.reshape(x, [B * H, N, CHUNK, d]), [1, 0, 2, 3]);
    const key = chunks(k, dk);
    const query = tf.mul(chunks(q, dk), dk ** -0.5);
    const rate = chunks(beta as Tensor, 1);
    const lower = square(tf, CHUNK, (row, column) => Number(row >= column));
    const below = square(tf, CHUNK, (row, column) => Number(row > column));
    const identity = square(tf, CHUNK, (row, column) => Number(row === column));
    let scores = tf.mul(tf.matMul(query, key, false, true), lower);
    let system = tf.mul(tf.mul(tf.matMul(key, key, false, true), below), rate);
    let [reader, writer, since] = [query, key, key];
    let kept: Tensor[] | undefined;
    if (alpha) {
      // The gradient of its sums along any axis but the last has a wrong shape.
      const decay = tf.cumsum(tf.reshape(chunks(tf.log(alpha), 1), [N, B * H, CHUNK]), 2);
      const column = tf.reshape(decay, [N, B * H, CHUNK, 1]);
      const last = tf.slice(column, [0, 0, CHUNK - 1, 0], [N, B * H, 1, 1]);
      const apart = tf.sub(column, tf.reshape(decay, [N, B * H, 1, CHUNK]));
      const between = tf.exp(tf.mul(apart, lower));
      scores = tf.mul(scores, between);
      system = tf.mul(system, between);
      const decayed = tf.exp(column);
      reader = tf.mul(query, decayed);
      since = tf.mul(key, decayed);
      writer = tf.mul(key, tf.exp(tf.sub(last, column)));
      kept = tf.unstack(tf.exp(last));
    }
    let power = tf.neg(system);
    let inverse = tf.add(power, identity);
    for (let n = 2; n < CHUNK; n *= 2) {
      power = tf.matMul(power, power);
      inverse = tf.matMul(inverse, tf.add(power, identity));
    }
    const reading = tf.unstack(tf.matMul(inverse, tf.mul(since, rate)));
    const wanted = tf.unstack(tf.matMul(inverse, tf.mul(chunks(v, dv), rate)));
    const [scored, read, written] = [scores, reader, writer].map((x) => tf.unstack(x)) as [
      Tensor[],
      Tensor[],
      Tensor[],
    ];
    let state: Tensor | undefined;
    const parts = wanted.map((values, n) => {
      const missing = state ? tf.sub(values, tf.matMul(reading[n] as Tensor, state)) : values;
      const own = tf.matMul(scored[n] as Tensor, missing);
      const y = state ? tf.add(own, tf.matMul(read[n] as Tensor, state)) : own;
      const more = tf.matMul(written[n] as Tensor, missing, true);
      const before = state && (kept ? tf.mul(state, kept[n] as Tensor) : state);
      state = before ? tf.add(before, more) : more;
      return y;
    });
    return tf.reshape(tf.concat(parts, 1), [B, H, T, dv]);
  };
}

function square(tf: Tfjs, n: number, make: (row: number, column: number) => number): Tensor {
  const numbers = Float32Array.from({ length: n * n }, (_, i) => make(Math.floor(i / n), i % n));
  return tf.tensor(numbers, [n, n], "float32");
}
