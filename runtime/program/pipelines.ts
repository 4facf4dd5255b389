/** Compiles the kernels of a program, each different one once. */
import type { Dispatch, ProgramCode } from "./parts.ts";

export interface Compiled {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/**
 * What a text says, whatever it calls things and remarks on them: compiling takes long, and the layers of a network differ
 * in their names alone.
 */
export function meaningOf({ wgsl }: Pick<ProgramCode, "wgsl">): string {
  const code = wgsl.replaceAll(/\/\/.*/g, "");
  const declared = code.matchAll(/\b(?:let|var(?:<[^>]*>)?)\s+(\w+)/g);
  const names = new Map<string, string>();
  for (const [, name = ""] of declared) if (!names.has(name)) names.set(name, `$${names.size}`);
  return code.replaceAll(/\b[A-Za-z_]\w*/g, (name) => names.get(name) ?? name);
}

/** A pipeline for each meaning. */
export async function compiled(
  gpu: GPUDevice,
  dispatches: readonly Dispatch[],
): Promise<Map<string, Compiled>> {
  const byText = new Map(dispatches.map(({ code }) => [meaningOf(code), code]));
  const made = [...byText].map(async ([meaning, { wgsl, block }]): Promise<[string, Compiled]> => {
    // Not the layout that is taken from the text: that lacks the bindings that are not used.
    const types: GPUBufferBindingType[] = [
      ...block.bindings.map((b) => (b.access === "read" ? "read-only-storage" : "storage")),
      "uniform",
    ];
    const layout = gpu.createBindGroupLayout({
      entries: types.map((type, binding) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type },
      })),
    });
    const pipeline = await gpu.createComputePipelineAsync({
      layout: gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module: gpu.createShaderModule({ code: wgsl, label: block.name }), entryPoint: "main" },
      label: block.name,
    });
    return [meaning, { pipeline, layout }];
  });
  return new Map(await Promise.all(made));
}
