/** Packed sequences of a model: random ones, and what the f64 interpreter makes of each on its own. */
import { type Extents, elements, interpret, type Result, type Run } from "../../compiler/derive/interpret.ts";
import type { Model } from "../../compiler/pipeline.ts";
import type { RecurrentKernel, RunOptions } from "../../runtime/recurrent.ts";
import { boundsOf } from "../../runtime/sequences.ts";
import type { TiledKernel } from "../../runtime/tiles.ts";
import { referenceFor } from "../numeric/reference/index.ts";
import { type Sequence, sequenceOf, slice } from "./sequences.ts";

/** Of each kind: a matrix, deep memories by chunks, steps, rings, a linear system, and inputs of each channel. */
export const PACKED = [
  "gated_deltanet",
  "titans",
  "yaad",
  "deltaproduct",
  "sliding_window_attention",
  "attention",
  "mesanet",
  "rwkv6",
];

export interface Plan {
  readonly lengths: readonly number[];
  readonly H: number;
  /** Whether each sequence goes on from a state that other tokens left. */
  readonly isGiven: boolean;
  readonly seed: number;
}

export function packedOf(model: Model, name: string, plan: Plan, sizes: Extents["sizes"]): Sequence {
  const { lengths, H, isGiven, seed } = plan;
  const ranges = referenceFor(name).steady ?? {};
  const bounds = boundsOf(lengths);
  const T = bounds.at(-1) as number;
  const { extents, run } = sequenceOf(model, { B: 1, T, H, sizes }, seed, { ranges });
  const before = { before: isGiven ? 3 : 0, ranges };
  const starts = sequenceOf(model, { B: lengths.length, T: 0, H, sizes }, seed + 1, before).run.states;
  // A state that is learned is never absent.
  const given = model.rule.states.filter((s) => isGiven || s.initial === "learned").map((s) => s.name);
  const rounded = (data: Run["tokens"]) =>
    new Map([...data].map(([n, x]) => [n, Float64Array.from(Float32Array.from(x))]));
  return {
    extents,
    run: {
      tokens: rounded(run.tokens),
      parameters: rounded(run.parameters),
      states: rounded(new Map([...starts].filter(([n]) => given.includes(n)))),
      cuSeqlens: bounds,
    },
  };
}

/** Each sequence by itself, one run after the other; the results side by side. */
export function eachAlone({ rule, spec }: Model, { extents, run }: Sequence): Result {
  const { H, T, sizes } = extents;
  const { cuSeqlens: bounds = [0, T], ...whole } = run;
  const N = bounds.length - 1;
  const part = (data: Float64Array, n: number): Float64Array =>
    data.subarray((n * data.length) / N, ((n + 1) * data.length) / N);
  const y = new Float64Array(T * H * elements(spec.outputShape, sizes));
  const states = new Map(
    rule.states.map((s) => [s.name, new Float64Array(N * H * elements(s.shape, sizes))]),
  );
  for (let n = 0; n < N; n++) {
    const [from, to] = [bounds[n] as number, bounds[n + 1] as number];
    const got = interpret(
      rule,
      { ...extents, T: to - from },
      {
        ...whole,
        tokens: new Map([...run.tokens].map(([name, x]) => [name, slice(x, extents, from, to)])),
        states: new Map([...run.states].map(([name, x]) => [name, part(x, n)])),
      },
    );
    y.set(got.y, from * H * elements(spec.outputShape, sizes));
    for (const [name, s] of got.states) states.get(name)?.set(s, n * s.length);
  }
  return { y, states };
}

/** What a kernel makes of a run, in poisoned memory. */
export async function runOn(
  kernel: Pick<RecurrentKernel | TiledKernel, "run">,
  { spec }: Model,
  extents: Extents,
  run: Run,
  options: RunOptions = {},
): Promise<Result> {
  const data = new Map([...run.tokens, ...run.parameters]);
  const width = elements(spec.outputShape, extents.sizes);
  const { y, states } = await kernel.run(extents, data, run.states, width, { poison: true, ...options });
  const doubles = [...states].map(([n, s]): [string, Float64Array] => [n, Float64Array.from(s)]);
  return { y: Float64Array.from(y), states: new Map(doubles) };
}
