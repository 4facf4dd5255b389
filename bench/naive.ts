/** Runs the naive kernel: as much of a harness as one kernel needs. */
import { readFileSync } from "node:fs";
import type { Device } from "../runtime/device.ts";

const code = readFileSync(new URL("./naive.wgsl", import.meta.url), "utf8");
const INPUTS = ["q", "k", "v", "alpha", "beta"] as const;

export interface Timed {
  readonly y: Float32Array;
  readonly milliseconds: number;
}

export async function naiveKernel(
  device: Device,
): Promise<
  (data: ReadonlyMap<string, Float32Array<ArrayBuffer>>, T: number, H: number, dv: number) => Promise<Timed>
> {
  const { gpu } = device;
  const pipeline = await gpu.createComputePipelineAsync({
    layout: "auto",
    compute: { module: gpu.createShaderModule({ code }), entryPoint: "main" },
  });
  const storage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const bufferOf = (data: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>, usage: number): GPUBuffer => {
    const buffer = gpu.createBuffer({ size: Math.max(16, data.byteLength), usage });
    gpu.queue.writeBuffer(buffer, 0, data);
    return buffer;
  };
  return (data, T, H, dv) =>
    device.during("the naive kernel", async () => {
      const bytes = T * H * dv * 4;
      const y = gpu.createBuffer({ size: bytes, usage: storage });
      const buffers = [
        ...INPUTS.map((name) => bufferOf(data.get(name) as Float32Array<ArrayBuffer>, storage)),
        y,
        bufferOf(Uint32Array.of(T), GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST),
      ];
      const group = gpu.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
      });
      await gpu.queue.onSubmittedWorkDone();
      const started = performance.now();
      const encoder = gpu.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(H);
      pass.end();
      gpu.queue.submit([encoder.finish()]);
      await gpu.queue.onSubmittedWorkDone();
      const milliseconds = performance.now() - started;
      const staging = gpu.createBuffer({
        size: bytes,
        usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      });
      const copy = gpu.createCommandEncoder();
      copy.copyBufferToBuffer(y, 0, staging, 0, bytes);
      gpu.queue.submit([copy.finish()]);
      await staging.mapAsync(GPUMapMode.READ);
      const out = new Float32Array(staging.getMappedRange().slice(0));
      for (const b of [...buffers, staging]) b.destroy();
      return { y: out, milliseconds };
    });
}
