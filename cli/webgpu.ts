/** Runs memories on the WebGPU adapter of this machine. */
import { elements, type Result, type Run } from "../compiler/derive/interpret.ts";
import type { Rule } from "../compiler/derive/rule.ts";
import { targetFor } from "../compiler/kernel/target.ts";
import type { Sizes } from "../compiler/math/axis.ts";
import {
  compileKernel,
  compilePacked,
  compileTiles,
  type Kernel,
  type TileCode,
} from "../compiler/pipeline.ts";
import type { Device } from "../runtime/device.ts";
import { findDevice } from "../runtime/node/adapter.ts";
import { RecurrentKernel } from "../runtime/recurrent.ts";
import { TiledKernel } from "../runtime/tiles.ts";
import { type Backend, type FormName, NO_PACKED_TILES, noTiles } from "./backend.ts";
import { UsageError } from "./errors.ts";

/** The facts of a device that kernels are made for. */
export const targetOf = (device: Device) =>
  targetFor({
    subgroupSize: device.subgroupSize,
    storageBuffers: device.limits.maxStorageBuffersPerShaderStage,
    workgroupBytes: device.limits.maxComputeWorkgroupStorageSize,
  });

export interface WebgpuOptions {
  /** Fills outputs with NaN first, so that what is not written shows: for tests. */
  readonly poison?: boolean;
  readonly form?: FormName;
}

/** Undefined where this machine has no adapter. */
export async function webgpuBackend({
  poison = false,
  form,
}: WebgpuOptions = {}): Promise<Backend | undefined> {
  const device = await findDevice();
  if (!device) return undefined;
  // One rule is run many times with the same sizes: lower it once, and compile each text once.
  const codes = new Map<Rule, Map<string, Kernel | TileCode>>();
  const kernels = new Map<string, RecurrentKernel | TiledKernel>();
  const codeFor = (rule: Rule, sizes: Sizes, isPacked: boolean): Kernel | TileCode => {
    const ofRule = codes.get(rule) ?? new Map<string, Kernel | TileCode>();
    codes.set(rule, ofRule);
    const key = JSON.stringify([sizes, isPacked]);
    const compile = form === "parallel" ? tilesOf : isPacked ? compilePacked : compileKernel;
    const code = ofRule.get(key) ?? compile(rule, sizes, targetOf(device));
    ofRule.set(key, code);
    return code;
  };
  const kernelFor = async (
    rule: Rule,
    sizes: Sizes,
    isPacked: boolean,
  ): Promise<RecurrentKernel | TiledKernel> => {
    const code = codeFor(rule, sizes, isPacked);
    const isTiled = "kernels" in code;
    const text = isTiled ? code.kernels.map((k) => k.wgsl).join() : code.wgsl;
    const made = (): Promise<RecurrentKernel | TiledKernel> =>
      isTiled ? TiledKernel.create(device, code) : RecurrentKernel.create(device, code);
    const kernel = kernels.get(text) ?? (await made());
    kernels.set(text, kernel);
    return kernel;
  };
  return {
    kind: "webgpu",
    name: device.adapter.name,
    async run({ rule, spec }, { B, T, H, sizes: given }, run, progress) {
      const { cuSeqlens } = run;
      if (cuSeqlens && form === "parallel") throw new UsageError(NO_PACKED_TILES);
      if (T === 0) return withoutTokens(rule, (cuSeqlens ? cuSeqlens.length - 1 : B) * H, given, run);
      const sizes = { tokens: T, ...given };
      const kernel = await kernelFor(rule, sizes, cuSeqlens !== undefined);
      const data = new Map([...run.tokens, ...run.parameters]);
      const { y, states } = await kernel.run(
        { B, T, H },
        data,
        run.states,
        elements(spec.outputShape, sizes),
        {
          poison,
          ...(run.layer ? { layer: run.layer } : {}),
          ...(cuSeqlens ? { cuSeqlens } : {}),
          ...(progress ? { progress } : {}),
        },
      );
      return {
        y: Float64Array.from(y),
        states: new Map([...states].map(([name, s]) => [name, Float64Array.from(s)])),
      };
    },
    async close() {
      for (const k of kernels.values()) k.destroy();
      device.destroy();
    },
  };
}

function tilesOf(...[rule, sizes, target]: Parameters<typeof compileTiles>): TileCode {
  const code = compileTiles(rule, sizes, target);
  if (!code) throw new UsageError(noTiles(rule));
  return code;
}

/** Nothing is computed, and a memory as long as the sequence has no size that a kernel could have. */
function withoutTokens(rule: Rule, records: number, given: Sizes, run: Run): Result {
  const sizes = { ...given, tokens: 0 };
  const states = rule.states.map(({ name, shape }): [string, Float64Array] => {
    const held = run.states.get(name);
    return [name, held?.slice() ?? new Float64Array(records * elements(shape, sizes))];
  });
  return { y: new Float64Array(0), states: new Map(states) };
}
