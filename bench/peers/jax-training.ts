/**
 * Networks in jax-js, with its `valueAndGrad`. Sequences are short enough for attention of any kind to be one matrix
 * of scores; the delta rule is a loop over chunks, as in jax.ts. `jit` is around small parts, since it writes out what
 * is read twice each time: a norm or a convolution with what comes after it compiles for minutes.
 */
import type { Device } from "../../runtime/device.ts";
import { patiently } from "../../runtime/node/patience.ts";
import type { Weights } from "../../runtime/trainable.ts";
import { type MemoryKind, OPTIMIZER, type TrainingTask } from "../training/task.ts";
import type { StepResult, Trainer } from "../training/trainer.ts";
import { started } from "./jax.ts";

/** Every operation consumes its arguments; `ref` keeps one for another use. */
interface Arr {
  readonly shape: readonly number[];
  readonly ref: Arr;
  add(x: Arr | number): Arr;
  sub(x: Arr): Arr;
  mul(x: Arr | number): Arr;
  div(x: Arr | number): Arr;
  neg(): Arr;
  sum(axis?: number, options?: { readonly keepdims: boolean }): Arr;
  mean(axis: number, options: { readonly keepdims: boolean }): Arr;
  reshape(shape: readonly number[]): Arr;
  transpose(axes: readonly number[]): Arr;
  slice(...at: readonly (number | readonly number[])[]): Arr;
  data(): Promise<Float32Array>;
  dispose(): void;
}

interface Numpy {
  readonly int32: unknown;
  array(
    data: Float32Array | Int32Array,
    options: { readonly shape: readonly number[]; readonly dtype?: unknown },
  ): Arr;
  zeros(shape: readonly number[]): Arr;
  ones(shape: readonly number[]): Arr;
  eye(n: number): Arr;
  tril(x: Arr, diagonal?: number): Arr;
  where(condition: Arr, x: Arr | number, y: Arr | number): Arr;
  cumsum(x: Arr, axis: number): Arr;
  exp(x: Arr): Arr;
  log(x: Arr): Arr;
  sqrt(x: Arr): Arr;
  minimum(x: Arr, y: Arr | number): Arr;
  matmul(a: Arr, b: Arr): Arr;
  matrixTranspose(x: Arr): Arr;
  concatenate(xs: readonly Arr[], axis: number): Arr;
  pad(x: Arr, widths: readonly (readonly [number, number])[]): Arr;
}

interface Jax {
  readonly numpy: Numpy;
  readonly nn: {
    oneHot(x: Arr, classes: number): Arr;
    sigmoid(x: Arr): Arr;
    silu(x: Arr): Arr;
    softmax(x: Arr, axis: number): Arr;
    logSoftmax(x: Arr, axis: number): Arr;
  };
  jit<F>(f: F): F;
  valueAndGrad<P, A extends unknown[]>(f: (p: P, ...rest: A) => Arr): (p: P, ...rest: A) => [Arr, P];
}

type Arrays = Record<string, Arr>;

const refs = (some: Arrays): Arrays =>
  Object.fromEntries(Object.entries(some).map(([name, x]) => [name, x.ref]));

export const jaxTraining = ({ adapter }: Device): Trainer => ({
  name: "jax-js",
  includes: "the loss and the gradient's norm back; tokens stay on the device",
  ours: false,
  async prepare(task, weights) {
    const library = (await started()) as unknown as Jax;
    const { numpy: np } = library;
    const { B, T, tokens, targets } = task.batch;
    const each = (make: (w: Weights) => Arr): Arrays =>
      Object.fromEntries([...weights].map(([name, w]) => [name, make(w)]));
    let state = {
      learned: each(({ data, shape }) => np.array(data, { shape })),
      mean: each(({ shape }) => np.zeros(shape)),
      square: each(({ shape }) => np.zeros(shape)),
    };
    const whole = (numbers: Int32Array): Arr => np.array(numbers, { shape: [B, T], dtype: np.int32 });
    const [given, wanted] = [whole(tokens), whole(targets)];
    const step = trainingStep(library, task);
    let steps = 0;
    return {
      async step(): Promise<StepResult> {
        steps++;
        const corrections = Float32Array.of(1 - OPTIMIZER.beta1 ** steps, 1 - OPTIMIZER.beta2 ** steps);
        const [result, next] = step(state, given.ref, wanted.ref, np.array(corrections, { shape: [2] }));
        state = next;
        const data = await patiently(adapter, () => result.data());
        const [loss, gradientNorm] = data as unknown as [number, number];
        return { loss, gradientNorm };
      },
      close() {
        for (const x of [given, wanted, ...Object.values(state).flatMap((s) => Object.values(s))])
          x.dispose();
      },
    };
  },
});

interface State {
  readonly learned: Arrays;
  readonly mean: Arrays;
  readonly square: Arrays;
}

/** The loss with the gradient's norm, and what is learned then. */
function trainingStep(library: Jax, task: TrainingTask) {
  const { numpy: np, jit } = library;
  const { rate, clip, weightDecay, beta1, beta2, epsilon } = OPTIMIZER;
  const decays = new Set(task.decaying);
  const inParts = library.valueAndGrad(lossOf(library, task));
  // Around all of it `jit` saves a quarter, and of the delta rule's many products takes minutes to compile.
  const gradients = task.spec.kind === "linear" || task.spec.kind === "softmax" ? jit(inParts) : inParts;
  const square = jit((x: Arr) => x.ref.mul(x).sum());
  const limit = jit((loss: Arr, squares: readonly Arr[]) => {
    const norm = np.sqrt(squares.reduce((a, b) => a.add(b)));
    const factor = np.minimum(np.zeros([]).add(clip).div(norm.ref.add(1e-12)), 1);
    return [np.concatenate([loss.reshape([1]), norm.reshape([1])], 0), factor] as const;
  });
  const updated = [0, weightDecay].map((decay) =>
    jit((learned: Arr, gradient: Arr, m: Arr, v: Arr, factor: Arr, corrections: Arr) => {
      const g = gradient.mul(factor);
      const mean = m.mul(beta1).add(g.ref.mul(1 - beta1));
      const square = v.mul(beta2).add(g.ref.mul(g).mul(1 - beta2));
      const [one, two] = [corrections.ref.slice(0), corrections.slice(1)];
      const direction = mean.ref.div(one).div(np.sqrt(square.ref.div(two)).add(epsilon));
      return [learned.mul(1 - rate * decay).sub(direction.mul(rate)), mean, square] as const;
    }),
  );
  return (state: State, tokens: Arr, targets: Arr, corrections: Arr): [Arr, State] => {
    const [loss, gradient] = gradients(refs(state.learned), tokens, targets);
    const [result, factor] = limit(
      loss,
      Object.values(gradient).map((g) => square(g.ref)),
    );
    const next = { learned: {} as Arrays, mean: {} as Arrays, square: {} as Arrays };
    for (const [name, learned] of Object.entries(state.learned)) {
      const update = updated[Number(decays.has(name))] as (typeof updated)[number];
      const [m, v] = [state.mean[name] as Arr, state.square[name] as Arr];
      const [after, mean, square] = update(learned, gradient[name] as Arr, m, v, factor.ref, corrections.ref);
      next.learned[name] = after;
      next.mean[name] = mean;
      next.square[name] = square;
    }
    for (const x of [factor, corrections]) x.dispose();
    return [result, next];
  };
}

function lossOf(library: Jax, { sizes, batch, spec }: TrainingTask) {
  const { numpy: np, nn, jit } = library;
  const { vocabulary, width, heads, dk, dv, layers } = sizes;
  const { B, T } = batch;
  const counted = batch.targets.reduce((n, target) => n + Number(target >= 0), 0);
  const read = MEMORIES[spec.kind](library, T);

  const root = jit((x: Arr): Arr => np.sqrt(x.ref.mul(x).mean(-1, { keepdims: true }).add(1e-6)));
  const scaled = jit((x: Arr, scale: Arr, gain: Arr): Arr => x.div(scale).mul(gain));
  const norm = (x: Arr, gain: Arr): Arr => scaled(x.ref, root(x), gain);
  const length = jit((x: Arr): Arr => np.sqrt(x.ref.mul(x).sum(-1, { keepdims: true }).add(1e-6)));
  const divided = jit((x: Arr, by: Arr): Arr => x.div(by));
  const unit = (x: Arr): Arr => divided(x.ref, length(x));
  /** `[B T, in]` with `[…out, in]` to `[B T, out]`. */
  const map = jit((x: Arr, weight: Arr): Arr => {
    const inner = weight.shape.at(-1) as number;
    const outer = weight.shape.slice(0, -1).reduce((n, d) => n * d, 1);
    return np.matmul(x, np.matrixTranspose(weight.reshape([outer, inner])));
  });
  /** `[B, H, T, d]` */
  const perHead = (y: Arr, d: number): Arr => y.reshape([B, T, heads, d]).transpose([0, 2, 1, 3]);
  /** Its filter at 0 is the token's own. */
  const convolved = jit((y: Arr, filter: Arr): Arr => {
    const taps = filter.shape.at(-1) as number;
    const flat = filter.reshape([width, taps]);
    const from = y.reshape([B, T, width]);
    const parts = Array.from({ length: taps }, (_, lag) => {
      const cut = from.ref.slice([], [0, T - lag], []);
      const past =
        lag === 0
          ? cut
          : np.pad(cut, [
              [0, 0],
              [lag, 0],
              [0, 0],
            ]);
      return past.mul(flat.ref.slice([], lag));
    });
    for (const x of [from, flat]) x.dispose();
    return nn.silu(parts.reduce((sum, part) => sum.add(part)));
  });
  const split = jit((y: Arr): Arr => perHead(y, dk));
  const gated = jit(
    (y: Arr, bias: Arr): Arr => nn.sigmoid(y.add(bias)).reshape([B, T, heads]).transpose([0, 2, 1]),
  );
  const turned = jit((y: Arr): Arr => rope(library, perHead(y, dk), T, dk));
  const feeding = (x: Arr, of: (name: string) => Arr): readonly Arr[] => {
    const projected = (name: string): Arr => map(x.ref, of(`${name}.project`));
    if (spec.kind === "softmax")
      return [turned(projected("q")), turned(projected("k")), split(projected("v"))];
    if (spec.kind === "linear") return ["q", "k", "v"].map((name) => split(projected(name)));
    const gates = spec.kind === "delta" ? ["beta"] : ["beta", "alpha"];
    const [q, k, v] = ["q", "k", "v"].map((name) => split(convolved(projected(name), of(`${name}.conv`))));
    return [
      unit(q as Arr),
      unit(k as Arr),
      v as Arr,
      ...gates.map((name) => gated(projected(name), of(`${name}.bias`))),
    ];
  };
  const joined = jit((y: Arr): Arr => y.transpose([0, 2, 1, 3]).reshape([B * T, heads * dv]));
  const times = jit((y: Arr, gate: Arr): Arr => y.mul(nn.silu(gate)));
  const added = jit(
    (stream: Arr, y: Arr, weight: Arr): Arr =>
      stream.add(map(y, weight.reshape([width, y.shape[1] as number]))),
  );
  const memory = (stream: Arr, of: (name: string) => Arr): Arr => {
    const x = norm(stream.ref, of("input.norm"));
    const y = read(feeding(x, of));
    let all = joined(spec.kind === "softmax" ? y : norm(y, of("output.norm")));
    if (spec.kind === "gated delta") all = times(all, map(x.ref, of("output.project")));
    x.dispose();
    return added(stream, all, of("output.back"));
  };
  const mixer = (stream: Arr, of: (name: string) => Arr): Arr => {
    const x = norm(stream.ref, of("input.norm"));
    const inside = times(map(x.ref, of("up")), map(x, of("gate")));
    return added(stream, inside, of("down"));
  };
  const embedded = library.jit(
    (tokens: Arr, table: Arr): Arr => np.matmul(nn.oneHot(tokens.reshape([B * T]), vocabulary), table),
  );
  const surprise = jit((logits: Arr, targets: Arr): Arr => {
    const likely = nn.logSoftmax(logits, -1);
    return likely
      .mul(nn.oneHot(targets.reshape([B * T]), vocabulary))
      .sum()
      .mul(-1 / counted);
  });

  return (learned: Arrays, tokens: Arr, targets: Arr): Arr => {
    const w = (name: string): Arr => (learned[name] as Arr).ref;
    let stream = embedded(tokens, w("embedding"));
    for (let layer = 0; layer < layers; layer++) {
      stream = memory(stream, (name) => w(`layers.${layer}.${spec.model}.${name}`));
      stream = mixer(stream, (name) => w(`layers.${layer}.swiglu.${name}`));
    }
    return surprise(map(norm(stream, w("final_norm")), w("embedding")), targets);
  };
}

/** Rotates channels i and i + n/2 by t · 10000^(−2i/n). */
function rope({ numpy: np }: Jax, x: Arr, T: number, n: number): Arr {
  const half = n / 2;
  const angles = Float64Array.from(
    { length: T * half },
    (_, i) => Math.floor(i / half) * 10000 ** (-(i % half) / half),
  );
  const [cos, sin] = [Math.cos, Math.sin].map((f) =>
    np.array(Float32Array.from(angles, f), { shape: [T, half] }),
  );
  const [a, b] = [x.ref.slice([], [], [], [0, half]), x.slice([], [], [], [half, n])];
  const [c, s] = [cos as Arr, sin as Arr];
  return np.concatenate([a.ref.mul(c.ref).sub(b.ref.mul(s.ref)), b.mul(c).add(a.mul(s))], -1);
}

/** What is read, `[B, H, T, dv]`, of q, k and v that are alike, and of gates beta and alpha, `[B, H, T]`. */
type Read = (fed: readonly Arr[]) => Arr;

const CHUNK = 16;

const MEMORIES: Readonly<Record<MemoryKind, (library: Jax, T: number) => Read>> = {
  linear: ({ numpy: np, jit }) =>
    jit(([q, k, v]: readonly Arr[]): Arr => {
      const scale = (q as Arr).shape.at(-1) as number;
      const scores = np.matmul((q as Arr).mul(scale ** -0.5), np.matrixTranspose(k as Arr));
      return np.matmul(np.tril(scores), v as Arr);
    }),
  softmax: ({ numpy: np, nn, jit }, T) =>
    jit(([q, k, v]: readonly Arr[]): Arr => {
      const scale = ((q as Arr).shape.at(-1) as number) ** -0.5;
      const past = np.tril(np.ones([T, T]));
      // What is to come is far below anything else, and its softmax is 0.
      const hidden = past.add(np.ones([T, T]).neg()).mul(1e9);
      const scores = np.matmul((q as Arr).mul(scale), np.matrixTranspose(k as Arr)).add(hidden);
      return np.matmul(nn.softmax(scores, -1), v as Arr);
    }),
  delta: chunked,
  "gated delta": chunked,
};

/** Several functions, since one `jit` around all of them takes minutes to compile. */
function chunked({ numpy: np, jit }: Jax, T: number): Read {
  if (T % CHUNK !== 0) throw new Error(`${T} tokens are no whole number of chunks of ${CHUNK}`);
  const N = T / CHUNK;
  const within = jit((fed: readonly Arr[]) => {
    const [q, k, v, beta, alpha] = fed as readonly [Arr, Arr, Arr, Arr, Arr | undefined];
    const [B, H, , dk] = q.shape as [number, number, number, number];
    const chunks = (x: Arr): Arr => x.reshape([B, H, N, CHUNK, x.shape[3] ?? 1]);
    const key = chunks(k);
    const query = chunks(q).mul(dk ** -0.5);
    const rate = chunks(beta);
    const lower = np.tril(np.ones([CHUNK, CHUNK]));
    const transposed = np.matrixTranspose(key.ref);
    let scores = np.matmul(query.ref, transposed.ref);
    let system = np.matmul(key.ref, transposed);
    let [reader, writer, since] = [query, key.ref, key];
    let kept = np.ones([B, H, N, 1, 1]);
    if (alpha) {
      const decay = np.cumsum(np.log(alpha.reshape([B, H, N, CHUNK])), 3);
      const column = decay.ref.reshape([B, H, N, CHUNK, 1]);
      const last = column.ref.slice([], [], [], [CHUNK - 1, CHUNK]);
      const apart = column.ref.sub(decay.reshape([B, H, N, 1, CHUNK]));
      const between = np.exp(apart.mul(lower.ref));
      scores = scores.mul(between.ref);
      system = system.mul(between);
      const decayed = np.exp(column.ref);
      reader = reader.mul(decayed.ref);
      since = since.mul(decayed);
      writer = writer.mul(np.exp(last.ref.sub(column)));
      kept = np.exp(last);
    }
    return {
      reader,
      scores: scores.mul(lower),
      power: np.tril(system, -1).mul(rate.ref).neg(),
      since: since.mul(rate.ref),
      values: chunks(v).mul(rate),
      writing: np.matrixTranspose(writer),
      kept,
    };
  });
  const inverted = jit((power: Arr) => power.add(np.eye(CHUNK)));
  const squared = jit((power: Arr) => np.matmul(power.ref, power));
  const further = jit((inverse: Arr, power: Arr) => np.matmul(inverse, power.add(np.eye(CHUNK))));
  const solved = jit((inverse: Arr, since: Arr, values: Arr) => [
    np.matmul(inverse.ref, since),
    np.matmul(inverse, values),
  ]);
  const first = jit((wanted: Arr, scores: Arr, writing: Arr) => [
    np.matmul(scores, wanted.ref),
    np.matmul(writing, wanted),
  ]);
  const next = jit(
    (state: Arr, wanted: Arr, reading: Arr, reader: Arr, scores: Arr, writing: Arr, kept: Arr) => {
      const missing = wanted.sub(np.matmul(reading, state.ref));
      const y = np.matmul(scores, missing.ref).add(np.matmul(reader, state.ref));
      return [y, state.mul(kept).add(np.matmul(writing, missing))];
    },
  );
  return (fed) => {
    const { reader, scores, power: system, since, values, writing, kept } = within(fed);
    let power = system;
    let inverse = inverted(power.ref);
    for (let n = 2; n < CHUNK; n *= 2) {
      power = squared(power);
      inverse = further(inverse, power.ref);
    }
    power.dispose();
    const [reading, wanted] = solved(inverse, since, values) as [Arr, Arr];
    const at = (x: Arr, n: number): Arr => x.ref.slice([], [], n);
    let [y, state] = first(at(wanted, 0), at(scores, 0), at(writing, 0)) as [Arr, Arr];
    const parts = [y];
    for (let n = 1; n < N; n++) {
      [y, state] = next(
        state,
        at(wanted, n),
        at(reading, n),
        at(reader, n),
        at(scores, n),
        at(writing, n),
        at(kept, n),
      ) as [Arr, Arr];
      parts.push(y);
    }
    for (const x of [state, reader, scores, writing, kept, reading, wanted]) x.dispose();
    return np.concatenate(parts, 2);
  };
}
