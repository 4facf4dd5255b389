/**
 * TensorFlow.js, by chunks: as in jax.ts, with its operations. It compiles no graphs, so each operation is a dispatch.
 * Measured here: chunks of 32 are its fastest.
 */
import type { Device } from "../../runtime/device.ts";
import { patiently } from "../../runtime/node/patience.ts";
import type { Contender, Ready } from "../contender.ts";
import { D, H, type Task } from "../task.ts";
import { load, provideNavigator } from "./load.ts";

interface Tfjs {
  setBackend(name: "webgpu"): Promise<boolean>;
  tidy<T>(f: () => T): T;
  tensor(data: Float32Array, shape: readonly number[]): Tensor;
  zeros(shape: readonly number[]): Tensor;
  reshape(x: Tensor, shape: readonly number[]): Tensor;
  transpose(x: Tensor, axes: readonly number[]): Tensor;
  matMul(a: Tensor, b: Tensor, transposeA?: boolean, transposeB?: boolean): Tensor;
  cumsum(x: Tensor, axis: number): Tensor;
  exp(x: Tensor): Tensor;
  log(x: Tensor): Tensor;
  neg(x: Tensor): Tensor;
  add(a: Tensor, b: Tensor): Tensor;
  sub(a: Tensor, b: Tensor): Tensor;
  mul(a: Tensor, b: Tensor | number): Tensor;
  slice(x: Tensor, begin: readonly number[], size: readonly number[]): Tensor;
  stack(xs: readonly Tensor[]): Tensor;
  unstack(x: Tensor): Tensor[];
}

interface Tensor {
  readonly rank: number;
  data(): Promise<Float32Array>;
  dispose(): void;
}

type Program = (inputs: readonly Tensor[]) => Tensor;

const CHUNK = 32;

export const tfjs = ({ adapter }: Device): Contender => ({
  name: "tfjs",
  includes: "inputs stay on the device, the result comes back: it has no other way to wait",
  ours: false,
  takes: ({ workload }) => workload.name in programs,
  async prepare({ workload, T, data }: Task): Promise<Ready> {
    const tf = await started();
    const program = (programs[workload.name] as (typeof programs)[string])(tf, T);
    const inputs = [...data.values()].map((x) => tf.tensor(x, x.length === T * H ? [T, H] : [T, H, D]));
    return {
      run: () =>
        patiently(adapter, async () => {
          const begun = performance.now();
          const result = tf.tidy(() => program(inputs));
          const y = await result.data();
          const milliseconds = performance.now() - begun;
          result.dispose();
          return { y, milliseconds };
        }),
      close() {
        for (const x of inputs) x.dispose();
      },
    };
  },
});

let starting: Promise<Tfjs> | undefined;

export function started(): Promise<Tfjs> {
  starting ??= (async () => {
    await provideNavigator();
    const tf = await load<Tfjs>("@tensorflow/tfjs-core");
    await load("@tensorflow/tfjs-backend-webgpu");
    if (!(await tf.setBackend("webgpu"))) throw new Error("it finds no WebGPU");
    return tf;
  })();
  return starting;
}

const programs: Readonly<Record<string, (tf: Tfjs, T: number) => Program>> = {
  gla(tf, T) {
    const N = T / CHUNK;
    const chunks = chunksOf(tf, N);
    return ([q, k, v, alpha]) => {
      const decay = tf.cumsum(tf.log(chunks(alpha)), 2);
      const last = tf.slice(decay, [0, 0, CHUNK - 1, 0], [N, H, 1, D]);
      const key = chunks(k);
      const value = chunks(v);
      const query = tf.mul(tf.mul(chunks(q), D ** -0.5), tf.exp(decay));
      const scores = tf.mul(
        tf.matMul(query, tf.mul(key, tf.exp(tf.neg(decay))), false, true),
        triangle(tf, (row, column) => row >= column),
      );
      const written = tf.unstack(tf.matMul(tf.mul(key, tf.exp(tf.sub(last, decay))), value, true));
      const kept = tf.unstack(tf.reshape(tf.exp(last), [N, H, D, 1]));
      let state = tf.zeros([H, D, D]);
      const states = written.map((what, n) => {
        const before = state;
        state = tf.add(tf.mul(state, kept[n] as Tensor), what);
        return before;
      });
      const y = tf.add(tf.matMul(query, tf.stack(states)), tf.matMul(scores, value));
      return joined(tf, y, T);
    };
  },

  gated_deltanet(tf, T) {
    const N = T / CHUNK;
    const chunks = chunksOf(tf, N);
    return ([q, k, v, alpha, beta]) => {
      const decay = tf.cumsum(tf.log(chunks(alpha)), 2);
      const column = tf.reshape(decay, [N, H, CHUNK, 1]);
      const last = tf.slice(column, [0, 0, CHUNK - 1, 0], [N, H, 1, 1]);
      const lower = triangle(tf, (i, j) => i >= j);
      const below = triangle(tf, (i, j) => i > j);
      const identity = triangle(tf, (i, j) => i === j);
      const apart = tf.sub(column, tf.reshape(decay, [N, H, 1, CHUNK]));
      const between = tf.mul(tf.exp(tf.mul(apart, lower)), lower);
      const key = chunks(k);
      const query = tf.mul(chunks(q), D ** -0.5);
      const rate = tf.reshape(chunks(beta), [N, H, CHUNK, 1]);
      const scores = tf.mul(tf.matMul(query, key, false, true), between);
      const system = tf.mul(tf.matMul(key, key, false, true), between);
      let power = tf.neg(tf.mul(tf.mul(system, below), rate));
      let inverse = tf.add(power, identity);
      for (let n = 2; n < CHUNK; n *= 2) {
        power = tf.matMul(power, power);
        inverse = tf.matMul(inverse, tf.add(power, identity));
      }
      const since = tf.exp(column);
      const reading = tf.unstack(tf.matMul(inverse, tf.mul(tf.mul(key, since), rate)));
      const wanted = tf.unstack(tf.matMul(inverse, tf.mul(chunks(v), rate)));
      const writing = tf.unstack(tf.mul(key, tf.exp(tf.sub(last, column))));
      const kept = tf.unstack(tf.exp(last));
      let state = tf.zeros([H, D, D]);
      const states: Tensor[] = [];
      const missing = wanted.map((values, n) => {
        states.push(state);
        const error = tf.sub(values, tf.matMul(reading[n] as Tensor, state));
        state = tf.add(tf.mul(state, kept[n] as Tensor), tf.matMul(writing[n] as Tensor, error, true));
        return error;
      });
      const y = tf.add(
        tf.matMul(tf.mul(query, since), tf.stack(states)),
        tf.matMul(scores, tf.stack(missing)),
      );
      return joined(tf, y, T);
    };
  },
};

/** `[T, H, …]` as `[chunks, H, tokens, …]`. */
const chunksOf =
  (tf: Tfjs, N: number) =>
  (x: Tensor | undefined): Tensor => {
    if (!x) throw new Error("a program reads an input that its workload does not have");
    return x.rank === 3
      ? tf.transpose(tf.reshape(x, [N, CHUNK, H, D]), [0, 2, 1, 3])
      : tf.transpose(tf.reshape(x, [N, CHUNK, H]), [0, 2, 1]);
  };

const joined = (tf: Tfjs, x: Tensor, T: number): Tensor =>
  tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [T, H, D]);

/** 1 where the row and the column are so, else 0. */
function triangle(tf: Tfjs, holds: (row: number, column: number) => boolean): Tensor {
  const numbers = Float32Array.from({ length: CHUNK * CHUNK }, (_, i) =>
    Number(holds(Math.floor(i / CHUNK), i % CHUNK)),
  );
  return tf.tensor(numbers, [CHUNK, CHUNK]);
}
