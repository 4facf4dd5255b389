/** Runs memories on the WebGPU adapter of this machine. */
import { elements } from "../compiler/derive/interpret.ts";
import type { Rule } from "../compiler/derive/rule.ts";
import { targetFor } from "../compiler/kernel/target.ts";
import type { Sizes } from "../compiler/math/axis.ts";
import { compileKernel } from "../compiler/pipeline.ts";
import type { Device } from "../runtime/device.ts";
import { findDevice } from "../runtime/node/adapter.ts";
import { RecurrentKernel } from "../runtime/recurrent.ts";
import type { Backend } from "./backend.ts";

/** The facts of a device that kernels are made for. */
export const targetOf = (device: Device) =>
  targetFor({
    subgroupSize: device.subgroupSize,
    storageBuffers: device.limits.maxStorageBuffersPerShaderStage,
    workgroupBytes: device.limits.maxComputeWorkgroupStorageSize,
  });

/** Undefined where this machine has no adapter. */
export async function webgpuBackend(): Promise<Backend | undefined> {
  const device = await findDevice();
  if (!device) return undefined;
  // One rule is run many times with the same sizes: compile it once.
  const kernels = new Map<Rule, Map<string, RecurrentKernel>>();
  const kernelFor = async (rule: Rule, sizes: Sizes): Promise<RecurrentKernel> => {
    const ofRule = kernels.get(rule) ?? new Map<string, RecurrentKernel>();
    kernels.set(rule, ofRule);
    const key = JSON.stringify(sizes);
    const known = ofRule.get(key);
    if (known) return known;
    const kernel = await RecurrentKernel.create(device, compileKernel(rule, sizes, targetOf(device)));
    ofRule.set(key, kernel);
    return kernel;
  };
  return {
    kind: "webgpu",
    name: device.adapter.name,
    async run({ rule, spec }, { B, T, H, sizes }, run, progress) {
      const kernel = await kernelFor(rule, sizes);
      const data = new Map([...run.tokens, ...run.parameters]);
      const { y, states } = await kernel.run(
        { B, T, H },
        data,
        run.states,
        elements(spec.outputShape, sizes),
        {
          ...(run.layer ? { layer: run.layer } : {}),
          ...(progress ? { progress } : {}),
        },
      );
      return {
        y: Float64Array.from(y),
        states: new Map([...states].map(([name, s]) => [name, Float64Array.from(s)])),
      };
    },
    async close() {
      for (const ofRule of kernels.values()) for (const k of ofRule.values()) k.destroy();
      device.destroy();
    },
  };
}
