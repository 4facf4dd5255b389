/** A kernel on its way to a dispatch: its code, compiled, and bound to buffers. */
import type { Block, Slot } from "../compiler/kernel/block.ts";
import type { TileKernel } from "../compiler/kernel/tile/lower.ts";

/** What running a kernel takes of its block: where everything lies, and how it is split. */
export interface Launch
  extends Pick<Block, "name" | "tiles" | "scratchStride" | "steps" | "passes" | "quantum"> {
  readonly bindings: readonly {
    readonly name: string;
    readonly holds: readonly { readonly name: string }[];
  }[];
  /** The record of states of one batch and head, in the `state` buffer. */
  readonly state: { readonly stride: number; readonly slots: readonly Omit<Slot, "tensor">[] };
}

/** A kernel as the compiler emits it: its text, and what running it takes. */
export interface KernelCode {
  readonly wgsl: string;
  readonly block: Launch;
}

/** The kernels of a tile form, in the order in which they run, and the turns of a tile. */
export interface TiledCode {
  readonly kernels: readonly (KernelCode & Pick<TileKernel, "stage" | "groups">)[];
  readonly length: number;
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
