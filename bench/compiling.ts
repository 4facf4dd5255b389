/** From the text of a spec to WGSL, for every spec, warm and in one process. */
import { prelude } from "../cli/prelude.ts";
import { targetOf } from "../cli/webgpu.ts";
import { compile, compileKernel } from "../compiler/pipeline.ts";
import type { Device } from "../runtime/device.ts";
import { median } from "./statistics.ts";
import { D, specFile, specNames } from "./task.ts";

export interface CompileRow {
  readonly spec: string;
  /** Undefined where it does not compile, and `why` says so. */
  readonly milliseconds: number | undefined;
  readonly why: string;
}

export function compileTimes(device: Device, runs: number): CompileRow[] {
  return specNames().map((spec) => {
    try {
      once(device, spec);
      return { spec, milliseconds: median(Array.from({ length: runs }, () => once(device, spec))), why: "" };
    } catch (error) {
      return { spec, milliseconds: undefined, why: error instanceof Error ? error.message : String(error) };
    }
  });
}

function once(device: Device, spec: string): number {
  const file = specFile(spec);
  const started = performance.now();
  const [model] = compile(file, prelude()).models;
  if (!model) throw new Error("it has errors");
  compileKernel(model.rule, { dk: D, dv: D, tokens: 1024 }, targetOf(device));
  return performance.now() - started;
}
