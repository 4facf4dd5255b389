/**
 * jax-js, by chunks: products of matrices over all chunks at once, then a loop over chunks for the state alone. It has
 * no scan, and its triangular solve is slower than repeated squaring, so the delta rule's system is solved as
 *
 *     (1 + A)⁻¹ = (1 − A)(1 + A²)(1 + A⁴)…     where A is strictly lower triangular
 *
 * Measured here: chunks of 64 are its fastest, and one `jit` around the loop costs a minute to compile for a tenth.
 */
import type { Device } from "../../runtime/device.ts";
import { patiently } from "../../runtime/node/patience.ts";
import type { Contender, Ready } from "../contender.ts";
import { D, H, type Task } from "../task.ts";
import { load, provideNavigator } from "./load.ts";

/** Every operation consumes its arguments; `ref` keeps one for another use. */
interface Jax {
  readonly numpy: Numpy;
  init(device: "webgpu"): Promise<readonly string[]>;
  defaultDevice(device: "webgpu"): void;
  jit<F>(f: F): F;
  blockUntilReady(arrays: readonly Arr[]): Promise<unknown>;
}

interface Numpy {
  array(data: Float32Array): Arr;
  zeros(shape: readonly number[]): Arr;
  ones(shape: readonly number[]): Arr;
  eye(n: number): Arr;
  tril(x: Arr, diagonal?: number): Arr;
  cumsum(x: Arr, axis: number): Arr;
  exp(x: Arr): Arr;
  log(x: Arr): Arr;
  matmul(a: Arr, b: Arr): Arr;
  matrixTranspose(x: Arr): Arr;
  stack(xs: readonly Arr[]): Arr;
}

interface Arr {
  readonly shape: readonly number[];
  readonly ref: Arr;
  add(x: Arr): Arr;
  sub(x: Arr): Arr;
  mul(x: Arr | number): Arr;
  neg(): Arr;
  reshape(shape: readonly number[]): Arr;
  transpose(axes: readonly number[]): Arr;
  slice(...at: readonly (number | readonly number[])[]): Arr;
  data(): Promise<Float32Array>;
  dispose(): void;
}

type Program = (inputs: readonly Arr[]) => { readonly y: Arr; readonly state: Arr };

const CHUNK = 64;

export const jax = ({ adapter }: Device): Contender => ({
  name: "jax-js",
  includes: "inputs and results stay on the device",
  ours: false,
  takes: ({ workload }) => workload.name in programs,
  async prepare({ workload, T, data }: Task): Promise<Ready> {
    const library = await started();
    const program = (programs[workload.name] as (typeof programs)[string])(library, T);
    const inputs = [...data.values()].map((x) =>
      library.numpy.array(x).reshape(x.length === T * H ? [T, H] : [T, H, D]),
    );
    return {
      run: () =>
        patiently(adapter, async () => {
          const begun = performance.now();
          const { y, state } = program(inputs.map((x) => x.ref));
          await library.blockUntilReady([y, state]);
          const milliseconds = performance.now() - begun;
          state.dispose();
          return { y: await y.data(), milliseconds };
        }),
      close() {
        for (const x of inputs) x.dispose();
      },
    };
  },
});

let starting: Promise<Jax> | undefined;

export function started(): Promise<Jax> {
  starting ??= (async () => {
    await provideNavigator();
    const library = await load<Jax>("@jax-js/jax");
    if (!(await library.init("webgpu")).includes("webgpu")) throw new Error("it finds no WebGPU");
    library.defaultDevice("webgpu");
    return library;
  })();
  return starting;
}

const programs: Readonly<Record<string, (library: Jax, T: number) => Program>> = {
  gla({ numpy: np, jit }, T) {
    const N = T / CHUNK;
    const chunks = chunksOf(N);
    const within = jit((q: Arr, k: Arr, v: Arr, alpha: Arr) => {
      const decay = np.cumsum(np.log(chunks(alpha)), 2);
      const key = chunks(k);
      const value = chunks(v);
      const query = chunks(q)
        .mul(D ** -0.5)
        .mul(np.exp(decay.ref));
      const last = decay.ref.slice([], [], [CHUNK - 1, CHUNK]);
      const scores = np.tril(np.matmul(query.ref, np.matrixTranspose(key.ref.mul(np.exp(decay.ref.neg())))));
      const written = np.matmul(np.matrixTranspose(key.mul(np.exp(last.ref.sub(decay)))), value.ref);
      return [query, np.matmul(scores, value), written, np.matrixTranspose(np.exp(last))] as const;
    });
    const next = jit((state: Arr, kept: Arr, written: Arr) => state.mul(kept).add(written));
    const finish = jit((query: Arr, states: readonly Arr[], local: Arr) =>
      joined(np.matmul(query, np.stack(states)).add(local), T),
    );
    return ([q, k, v, alpha]) => {
      const [query, local, written, kept] = within(q as Arr, k as Arr, v as Arr, alpha as Arr);
      let state = np.zeros([H, D, D]);
      const states: Arr[] = [];
      for (let n = 0; n < N; n++) {
        states.push(state.ref);
        state = next(state, kept.ref.slice(n), written.ref.slice(n));
      }
      for (const x of [kept, written]) x.dispose();
      return { y: finish(query, states, local), state };
    };
  },

  gated_deltanet({ numpy: np, jit }, T) {
    const N = T / CHUNK;
    const chunks = chunksOf(N);
    const within = jit((q: Arr, k: Arr, v: Arr, alpha: Arr, beta: Arr) => {
      const decay = np.cumsum(np.log(chunks(alpha)), 2);
      const column = decay.ref.reshape([N, H, CHUNK, 1]);
      const last = column.ref.slice([], [], [CHUNK - 1, CHUNK]);
      const lower = np.tril(np.ones([CHUNK, CHUNK]));
      const between = np.exp(column.ref.sub(decay.reshape([N, H, 1, CHUNK])).mul(lower.ref)).mul(lower);
      const key = chunks(k);
      const query = chunks(q).mul(D ** -0.5);
      const rate = chunks(beta).reshape([N, H, CHUNK, 1]);
      const transposed = np.matrixTranspose(key.ref);
      const scores = np.matmul(query.ref, transposed.ref).mul(between.ref);
      let power = np.tril(np.matmul(key.ref, transposed).mul(between), -1).mul(rate.ref).neg();
      let inverse = power.ref.add(np.eye(CHUNK));
      for (let n = 2; n < CHUNK; n *= 2) {
        power = np.matmul(power.ref, power);
        inverse = np.matmul(inverse, power.ref.add(np.eye(CHUNK)));
      }
      power.dispose();
      const since = np.exp(column.ref);
      const reading = np.matmul(inverse.ref, key.ref.mul(since.ref).mul(rate.ref));
      const wanted = np.matmul(inverse, chunks(v).mul(rate));
      const writing = np.matrixTranspose(key.mul(np.exp(last.ref.sub(column))));
      return [query.mul(since), scores, reading, wanted, writing, np.exp(last)] as const;
    });
    const next = jit((state: Arr, reading: Arr, wanted: Arr, writing: Arr, kept: Arr) => {
      const missing = wanted.sub(np.matmul(reading, state.ref));
      return [state.mul(kept).add(np.matmul(writing, missing.ref)), missing] as const;
    });
    const finish = jit((query: Arr, states: readonly Arr[], scores: Arr, missing: readonly Arr[]) =>
      joined(np.matmul(query, np.stack(states)).add(np.matmul(scores, np.stack(missing))), T),
    );
    return ([q, k, v, alpha, beta]) => {
      const parts = within(q as Arr, k as Arr, v as Arr, alpha as Arr, beta as Arr);
      const [query, scores, ...each] = parts;
      let state = np.zeros([H, D, D]);
      const states: Arr[] = [];
      const missing: Arr[] = [];
      for (let n = 0; n < N; n++) {
        states.push(state.ref);
        const [reading, wanted, writing, kept] = each.map((x) => x.ref.slice(n)) as [Arr, Arr, Arr, Arr];
        const [after, learned] = next(state, reading, wanted, writing, kept);
        state = after;
        missing.push(learned);
      }
      for (const x of each) x.dispose();
      return { y: finish(query, states, scores, missing), state };
    };
  },
};

/** `[T, H, …]` as `[chunks, H, tokens, …]`. */
const chunksOf =
  (N: number) =>
  (x: Arr): Arr =>
    x.shape.length === 3
      ? x.reshape([N, CHUNK, H, D]).transpose([0, 2, 1, 3])
      : x.reshape([N, CHUNK, H]).transpose([0, 2, 1]);

const joined = (x: Arr, T: number): Arr => x.transpose([0, 2, 1, 3]).reshape([T, H, D]);
