/** Runs rules that are made by hand, and compares them with the interpreter. */
import { elements, type Result, type Run } from "../../compiler/derive/interpret.ts";
import { DEFAULT_FACTS, type Target, targetFor } from "../../compiler/kernel/target.ts";
import { compileKernel } from "../../compiler/pipeline.ts";
import { RecurrentKernel } from "../../runtime/recurrent.ts";
import { errorRatio } from "../support/compare.ts";
import { type Extents, type Made, reference } from "../support/rules.ts";
import { device } from "./device.ts";

const facts = (subgroupSize: number) => ({
  subgroupSize,
  storageBuffers: device?.limits.maxStorageBuffersPerShaderStage ?? 8,
  workgroupBytes: device?.limits.maxComputeWorkgroupStorageSize ?? 16384,
});

export const targets: readonly (readonly [string, Target])[] = [
  ...(device?.subgroupSize ? [["subgroups", targetFor(facts(device.subgroupSize))] as const] : []),
  // What every adapter has, and no more: few buffers, too.
  ["no subgroups", targetFor(DEFAULT_FACTS)],
];

export interface Comparison {
  /** RMS ratio of the output and of each state. */
  readonly errors: Readonly<Record<string, number>>;
  readonly compiling: number;
  readonly running: number;
  readonly wanted: Result;
}

export async function compare(
  made: Made,
  extents: Extents,
  run: Run,
  target: Target,
  span?: number,
): Promise<Comparison> {
  if (!device) throw new Error("no device");
  const { sizes } = extents;
  const started = performance.now();
  const kernel = await RecurrentKernel.create(device, compileKernel(made.rule, sizes, target));
  const compiling = performance.now() - started;
  try {
    const width = elements(made.all.outputShape, sizes);
    const options = { poison: true, ...(span ? { span } : {}) };
    const got = await kernel.run(
      extents,
      new Map([...run.tokens, ...run.parameters]),
      run.states,
      width,
      options,
    );
    const wanted = reference(made, extents, run);
    const errors = {
      y: errorRatio(got.y, wanted.y),
      ...Object.fromEntries([...wanted.states].map(([n, s]) => [n, errorRatio(got.states.get(n) ?? [], s)])),
    };
    return { errors, compiling, running: got.milliseconds, wanted };
  } finally {
    kernel.destroy();
  }
}
