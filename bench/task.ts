/** A workload at one length: its model, its data in f32, and the result in f64 that every row is held to. */
import { readFileSync } from "node:fs";
import { prelude } from "../cli/prelude.ts";
import { interpret } from "../compiler/derive/interpret.ts";
import { compile, type Model } from "../compiler/pipeline.ts";
import type { SourceFile } from "../compiler/source/span.ts";
import { errorRatio } from "./statistics.ts";
import type { Head, Workload } from "./workloads/workload.ts";

export const H = 4;
export const D = 64;

export type Numbers = Float32Array<ArrayBuffer>;

export interface Task {
  readonly workload: Workload;
  readonly model: Model;
  readonly T: number;
  /** Inputs `[1, T, H, …]`, in the order q, k, v, gates. */
  readonly data: ReadonlyMap<string, Numbers>;
  /** Those that do not start at zero, `[1, H, …]`. */
  readonly states: ReadonlyMap<string, Numbers>;
  /** `[1, T, H, D]` */
  readonly want: Float64Array;
}

export function taskFor(workload: Workload, T: number): Task {
  const model = modelOf(specFile(workload.spec));
  const random = uniform();
  const numbers = (count: number, low: number, high: number): Numbers =>
    Float32Array.from({ length: count }, () => low + (high - low) * random());
  const gates = Object.entries(workload.gates).map(([name, { range, perChannel }]): [string, Numbers] => [
    name,
    numbers(T * H * (perChannel ? D : 1), ...range),
  ]);
  const data = new Map([
    ["q", unit(numbers(T * H * D, -1, 1))],
    ["k", unit(numbers(T * H * D, -1, 1))],
    ["v", numbers(T * H * D, -0.5, 0.5)],
    ...gates,
  ]);
  const states = new Map(
    Object.entries(workload.learned ?? {}).map(([name, count]) => [name, numbers(H * count(D), -0.1, 0.1)]),
  );
  return { workload, model, T, data, states, want: exactly(workload, T, data, states) };
}

/** How far the workload's plain loops are from the interpreter of the compiler's rule, over a few chunks. */
export function distanceFromRule(workload: Workload): number {
  const T = 48;
  const { model, data, states, want } = taskFor(workload, T);
  const exact = (given: ReadonlyMap<string, Numbers>) =>
    new Map([...given].map(([name, x]) => [name, Float64Array.from(x)]));
  const run = { tokens: exact(data), parameters: new Map(), states: exact(states) };
  return errorRatio(interpret(model.rule, { B: 1, T, H, sizes: { dk: D, dv: D } }, run).y, want);
}

export function specFile(name: string): SourceFile {
  return { path: `specs/${name}`, text: readFileSync(new URL(`../specs/${name}`, import.meta.url), "utf8") };
}

export function modelOf(file: SourceFile): Model {
  const [model] = compile(file, prelude()).models;
  if (!model) throw new Error(`${file.path} does not compile`);
  return model;
}

function exactly(workload: Workload, T: number, data: Task["data"], states: Task["states"]): Float64Array {
  const y = new Float64Array(T * H * D);
  for (let h = 0; h < H; h++) {
    const tokens: Record<string, Float64Array> = {};
    for (const [name, x] of data) tokens[name] = strided(x, T, h);
    const start: Record<string, Float64Array> = {};
    for (const [name, x] of states)
      start[name] = Float64Array.from(x.subarray((h * x.length) / H, ((h + 1) * x.length) / H));
    const head: Head = { T, d: D, tokens, states: start };
    const ofHead = workload.exact(head);
    for (let t = 0; t < T; t++) y.set(ofHead.subarray(t * D, (t + 1) * D), (t * H + h) * D);
  }
  return y;
}

/** One head of `[T, H, …]`. */
function strided(x: Numbers, T: number, h: number): Float64Array {
  const width = x.length / (T * H);
  const out = new Float64Array(T * width);
  for (let t = 0; t < T; t++) out.set(x.subarray((t * H + h) * width, (t * H + h + 1) * width), t * width);
  return out;
}

function unit(x: Numbers): Numbers {
  for (let i = 0; i < x.length; i += D) {
    const norm = Math.hypot(...x.subarray(i, i + D));
    for (let j = i; j < i + D; j++) x[j] = (x[j] as number) / norm;
  }
  return x;
}

/** In [0, 1), the same in every run: a linear congruence, which is random enough for timing. */
function uniform(): () => number {
  let state = 12345;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
