/** One token at a time, as a model writes: each call takes the state that the last one left. */
import { targetOf } from "../cli/webgpu.ts";
import { compileKernel } from "../compiler/pipeline.ts";
import type { Device } from "../runtime/device.ts";
import { RecurrentKernel } from "../runtime/recurrent.ts";
import { Unavailable } from "./contender.ts";
import { onnxruntimeDecoder } from "./peers/onnxruntime.ts";
import { BOUND } from "./race.ts";
import { errorRatio, median } from "./statistics.ts";
import { D, H, type Numbers, type Task } from "./task.ts";

export interface Decoder {
  readonly name: string;
  readonly includes: string;
  takes(task: Task): boolean;
  start(task: Task): Promise<Decoding>;
}

export interface Decoding {
  /** `[H, D]`, and the microseconds that count. */
  step(token: number): Promise<{ readonly y: ArrayLike<number>; readonly microseconds: number }>;
  close(): void;
}

export type DecodingRow = { readonly decoder: Decoder } & (
  | { readonly kind: "timed"; readonly microseconds: number; readonly error: number }
  | { readonly kind: "not timed"; readonly why: string; readonly fault: boolean }
);

export const decoders = (device: Device): Decoder[] => [
  {
    name: "recurrent",
    includes: "dispatches alone",
    takes: () => true,
    start: (task) => ours(device, task, (alone) => alone),
  },
  {
    name: "recurrent, with transfers",
    includes: "the whole call: the state goes to the device and comes back for each token",
    takes: () => true,
    start: (task) => ours(device, task, (_, whole) => whole),
  },
  {
    name: "onnxruntime",
    includes: "the whole call: the state goes to the device and comes back for each token",
    takes: ({ workload }) => workload.name === "gla" || workload.name === "gated_deltanet",
    async start(task) {
      const decoder = await onnxruntimeDecoder(task);
      return {
        async step(token) {
          const started = performance.now();
          const y = await decoder.step(token);
          return { y, microseconds: 1000 * (performance.now() - started) };
        },
        close: decoder.close,
      };
    },
  },
];

/** The task's tokens one by one; the first quarter warms up and is checked, but does not count. */
export async function decode(task: Task, decoder: Decoder): Promise<DecodingRow> {
  try {
    const decoding = await decoder.start(task);
    const y = new Float64Array(task.want.length);
    const times: number[] = [];
    for (let t = 0; t < task.T; t++) {
      const step = await decoding.step(t);
      y.set(Float64Array.from(step.y), t * H * D);
      if (t >= task.T / 4) times.push(step.microseconds);
    }
    decoding.close();
    const error = errorRatio(y, task.want);
    if (error <= BOUND) return { decoder, kind: "timed", microseconds: median(times), error };
    const why = `not timed: its error is ${error.toExponential(1)}, and must be ≤ ${BOUND}`;
    return { decoder, kind: "not timed", why, fault: true };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const fault = !(error instanceof Error && error.name === "Unavailable");
    return { decoder, kind: "not timed", why, fault };
  }
}

async function ours(
  device: Device,
  { model, T, data, states }: Task,
  choose: (alone: number, whole: number) => number,
): Promise<Decoding> {
  const sizes = { dk: D, dv: D, tokens: T };
  const code = compileKernel(model.rule, sizes, targetOf(device));
  if (code.block.quantum > 1)
    throw new Unavailable(`a call has to begin with a chunk, of ${code.block.quantum} tokens`);
  const kernel = await RecurrentKernel.create(device, code);
  let held: ReadonlyMap<string, ArrayLike<number>> = states;
  return {
    async step(t) {
      const token = new Map([...data].map(([name, x]): [string, Numbers] => [name, at(x, t, T)]));
      const started = performance.now();
      const result = await kernel.run({ B: 1, T: 1, H }, token, held, D);
      const whole = performance.now() - started;
      held = result.states;
      return { y: result.y, microseconds: 1000 * choose(result.milliseconds, whole) };
    },
    close: () => kernel.destroy(),
  };
}

const at = (x: Numbers, t: number, T: number): Numbers =>
  x.slice((t * x.length) / T, ((t + 1) * x.length) / T);
