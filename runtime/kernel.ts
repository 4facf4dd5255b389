/** A kernel on its way to a dispatch: its code, compiled, and bound to buffers. */
import type { Block } from "../compiler/kernel/block.ts";

/** A kernel as the compiler emits it: its text, and where everything lies. */
export interface KernelCode {
  readonly wgsl: string;
  readonly block: Block;
}

export function pipelineOf(gpu: GPUDevice, { wgsl, block }: KernelCode): Promise<GPUComputePipeline> {
  const module = gpu.createShaderModule({ code: wgsl, label: block.name });
  return gpu.createComputePipelineAsync({
    layout: "auto",
    compute: { module, entryPoint: "main" },
    label: block.name,
  });
}

/** The buffers of the bindings in their order, and the uniform buffer after them. */
export function groupOf(
  gpu: GPUDevice,
  pipeline: GPUComputePipeline,
  buffers: readonly GPUBuffer[],
  uniform: GPUBufferBinding,
): GPUBindGroup {
  const resources = [...buffers.map((buffer) => ({ buffer })), uniform];
  return gpu.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: resources.map((resource, binding) => ({ binding, resource })),
  });
}
