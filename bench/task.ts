/** A workload at one length: its model, its data in f32, and the result in f64 that every row is held to. */
import { readdirSync, readFileSync } from "node:fs";
import { prelude } from "../cli/prelude.ts";
import { interpret } from "../compiler/derive/interpret.ts";
import { compile, type Model } from "../compiler/pipeline.ts";
import type { SourceFile } from "../compiler/source/span.ts";
import { errorRatio } from "./statistics.ts";
import type { Gate, Head, Workload } from "./workloads/workload.ts";

export const H = 4;
export const D = 64;

export interface Shape {
  readonly H: number;
  readonly D: number;
}

export type Numbers = Float32Array<ArrayBuffer>;

type Data = ReadonlyMap<string, Numbers | Float64Array>;

export interface Task {
  readonly workload: Workload;
  readonly model: Model;
  readonly T: number;
  /** Inputs `[1, T, H, …]`, in the order q, k, v, gates. */
  readonly data: ReadonlyMap<string, Numbers>;
  /** Those that do not start at zero, `[1, H, …]`. */
  readonly states: ReadonlyMap<string, Numbers>;
  /** `[1, T, H, …]` */
  readonly want: Float64Array;
}

/** What a gate's next value is, from a source of numbers in [0, 1). */
export type Drawing = (gate: Gate, random: () => number) => number;

const withinRange: Drawing = ({ range: [low, high] }, random) => low + (high - low) * random();

export function taskFor(
  workload: Workload,
  T: number,
  { H: heads, D: width }: Shape = { H, D },
  drawing = withinRange,
): Task {
  const model = modelOf(specFile(workload.spec));
  const random = uniform();
  const numbers = (count: number, low: number, high: number): Numbers =>
    Float32Array.from({ length: count }, () => low + (high - low) * random());
  const gates = Object.entries(workload.gates).map(([name, gate]): [string, Numbers] => [
    name,
    Float32Array.from({ length: T * heads * (gate.perChannel ? width : 1) }, () => drawing(gate, random)),
  ]);
  const data = new Map([
    ["q", unit(numbers(T * heads * width, -1, 1), width)],
    ["k", unit(numbers(T * heads * width, -1, 1), width)],
    ["v", numbers(T * heads * width, -0.5, 0.5)],
    ...gates,
  ]);
  const states = new Map(
    Object.entries(workload.learned ?? {}).map(([name, count]) => [
      name,
      numbers(heads * count(width), -0.1, 0.1),
    ]),
  );
  const want = exactly(workload, T, { H: heads, D: width }, data, states);
  return { workload, model, T, data, states, want };
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

/** All specs of the project, and their variants. */
export const specNames = (): string[] =>
  ["", "variants/"].flatMap((folder) =>
    readdirSync(new URL(`../specs/${folder}`, import.meta.url))
      .filter((name) => name.endsWith(".miras"))
      .sort()
      .map((name) => `${folder}${name}`),
  );

export function specFile(name: string): SourceFile {
  return { path: `specs/${name}`, text: readFileSync(new URL(`../specs/${name}`, import.meta.url), "utf8") };
}

export function modelOf(file: SourceFile): Model {
  const [model] = compile(file, prelude()).models;
  if (!model) throw new Error(`${file.path} does not compile`);
  return model;
}

/** The workload's plain loops, head by head: `[1, T, H, …]`. */
export function exactly(
  workload: Workload,
  T: number,
  { H, D }: Shape,
  data: Data,
  states: Data,
): Float64Array {
  const y = new Float64Array(T * H * D);
  for (let h = 0; h < H; h++) {
    const tokens: Record<string, Float64Array> = {};
    for (const [name, x] of data) tokens[name] = strided(x, T, H, h);
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
function strided(x: Numbers | Float64Array, T: number, H: number, h: number): Float64Array {
  const width = x.length / (T * H);
  const out = new Float64Array(T * width);
  for (let t = 0; t < T; t++) out.set(x.subarray((t * H + h) * width, (t * H + h + 1) * width), t * width);
  return out;
}

function unit(x: Numbers, width: number): Numbers {
  for (let i = 0; i < x.length; i += width) {
    const norm = Math.hypot(...x.subarray(i, i + width));
    for (let j = i; j < i + width; j++) x[j] = (x[j] as number) / norm;
  }
  return x;
}

/** In [0, 1), the same in every run: mulberry32. */
export function uniform(): () => number {
  let state = 12345;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
