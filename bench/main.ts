/**
 * `npm run bench`: one run, one adapter. The compiled kernel of Gated DeltaNet against a naive one, the
 * time of a first dispatch apart, and the time from text to WGSL for every spec. Every result is checked
 * against the f64 interpreter before its time counts; medians of runs taken in turn.
 */
import { readdirSync, readFileSync } from "node:fs";
import { prelude as loadedPrelude } from "../cli/prelude.ts";
import { targetOf } from "../cli/webgpu.ts";
import { interpret } from "../compiler/derive/interpret.ts";
import { compile, compileKernel, type Model } from "../compiler/pipeline.ts";
import type { SourceFile } from "../compiler/source/span.ts";
import { findDevice, noAdapterHelp } from "../runtime/node/adapter.ts";
import { RecurrentKernel } from "../runtime/recurrent.ts";
import { naiveKernel } from "./naive.ts";

const H = 4;
const D = 64;
const LENGTHS = [256, 1024, 4096];
const RUNS = 9;
const COMPILES = 5;
const BOUND = 1e-5;

const specs = new URL("../specs/", import.meta.url);
const specFile = (name: string): SourceFile => ({
  path: `specs/${name}`,
  text: readFileSync(new URL(name, specs), "utf8"),
});
const prelude = loadedPrelude();
const median = (xs: readonly number[]): number =>
  [...xs].sort((a, b) => a - b)[Math.floor(xs.length / 2)] as number;
const print = (line = ""): void => void process.stdout.write(`${line}\n`);
const cell = (x: number, digits = 2): string => x.toFixed(digits).padStart(10);

function modelOf(name: string): Model {
  const [model] = compile(specFile(name), prelude).models;
  if (!model) throw new Error(`${name} does not compile`);
  return model;
}

/** Unit keys and queries, values of size one, decays near one: a sequence that learns and forgets. */
function sequence(T: number): Map<string, Float32Array<ArrayBuffer>> {
  let state = 12345;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  const vectors = (unit: boolean): Float32Array<ArrayBuffer> => {
    const x = Float32Array.from({ length: T * H * D }, random);
    for (let i = 0; unit && i < x.length; i += D) {
      const norm = Math.hypot(...x.subarray(i, i + D));
      for (let j = i; j < i + D; j++) x[j] = (x[j] as number) / norm;
    }
    return x;
  };
  return new Map([
    ["q", vectors(true)],
    ["k", vectors(true)],
    ["v", vectors(false)],
    ["alpha", Float32Array.from({ length: T * H }, () => 0.95 + 0.1 * Math.abs(random()))],
    ["beta", Float32Array.from({ length: T * H }, () => 0.5 + random())],
  ]);
}

function errorRatio(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let error = 0;
  let size = 0;
  for (let i = 0; i < want.length; i++) {
    error += ((got[i] as number) - (want[i] as number)) ** 2;
    size += (want[i] as number) ** 2;
  }
  return Math.sqrt(error / size);
}

// Mesa keeps compiled shaders on disk: without this a second run would call warm what it measures as cold.
process.env.MESA_SHADER_CACHE_DISABLE = "true";
const device = await findDevice();
if (!device) {
  process.stderr.write(`The benchmark needs an adapter, and there is none.\n${noAdapterHelp()}\n`);
  process.exit(2);
}
print(`adapter: ${device.adapter.name}`);
print();
print(
  `gated_deltanet, forward, B = 1, H = ${H}, dk = dv = ${D}, f32; milliseconds, medians of ${RUNS} warm runs`,
);
print(
  `${"T".padStart(6)}${"fused".padStart(10)}${"naive".padStart(10)}${"ratio".padStart(10)}${"µs/token".padStart(10)}${"error".padStart(10)}`,
);

const model = modelOf("gated_deltanet.miras");
const code = compileKernel(model.rule, { dk: D, dv: D }, targetOf(device));
const compiling = performance.now();
const fused = await RecurrentKernel.create(device, code);
await fused.run({ B: 1, T: 1, H }, sequence(1), new Map(), D);
const cold = performance.now() - compiling;
const naive = await naiveKernel(device);
let wrong = 0;
for (const T of LENGTHS) {
  const data = sequence(T);
  const tokens = new Map([...data].map(([n, x]) => [n, Float64Array.from(x)]));
  const states = new Map([["W", new Float64Array(H * D * D)]]);
  const want = interpret(
    model.rule,
    { B: 1, T, H, sizes: { dk: D, dv: D } },
    { tokens, parameters: new Map(), states },
  );
  const runFused = () => fused.run({ B: 1, T, H }, data, states, D);
  const runNaive = () => naive(data, T, H, D);
  const first = await runFused();
  const errors = [errorRatio(first.y, want.y), errorRatio((await runNaive()).y, want.y)];
  if (errors.some((e) => !(e <= BOUND))) {
    wrong++;
    print(
      `${String(T).padStart(6)}  not timed: the error is ${errors.map((e) => e.toExponential(1)).join(" and ")}, and must be ≤ ${BOUND}`,
    );
    continue;
  }
  const times: [number[], number[]] = [[], []];
  for (let i = 0; i < RUNS; i++) {
    times[0].push((await runFused()).milliseconds);
    times[1].push((await runNaive()).milliseconds);
  }
  const [a, b] = times.map(median) as [number, number];
  print(
    `${String(T).padStart(6)}${cell(a)}${cell(b)}${cell(b / a, 1)}${cell((1000 * a) / T)}${Math.max(...errors)
      .toExponential(1)
      .padStart(10)}`,
  );
}
print(
  `cold: from WGSL to the end of the first dispatch, compilation by the driver included: ${cold.toFixed(0)} ms`,
);
print();
print(`compile time, text to WGSL, warm, in one process; milliseconds, medians of ${COMPILES}`);
for (const name of readdirSync(specs)
  .filter((f) => f.endsWith(".miras"))
  .sort()) {
  const file = specFile(name);
  const once = (): number => {
    const started = performance.now();
    const [compiled] = compile(file, prelude).models;
    if (compiled) compileKernel(compiled.rule, { dk: D, dv: D }, targetOf(device));
    return performance.now() - started;
  };
  once();
  print(`  ${name.padEnd(28)}${cell(median(Array.from({ length: COMPILES }, once)), 1)}`);
}
fused.destroy();
device.destroy();
process.exitCode = wrong === 0 ? 0 : 1;
