/** Runs a workload's naive kernel: as much of a harness as one kernel needs. */
import { readFileSync } from "node:fs";
import type { Device } from "../runtime/device.ts";
import type { Contender, Ready } from "./contender.ts";
import { D, H, type Numbers, type Task } from "./task.ts";

export const naive = (device: Device): Contender => ({
  name: "naive",
  includes: "dispatches alone",
  ours: false,
  takes: () => true,
  prepare: (task) => device.during("the naive kernel", () => prepare(device, task)),
});

async function prepare(device: Device, { workload, T, data, states }: Task): Promise<Ready> {
  const { gpu } = device;
  const { file, record, groups } = workload.naive;
  const code = readFileSync(new URL(`./workloads/${file}`, import.meta.url), "utf8");
  const pipeline = await gpu.createComputePipelineAsync({
    layout: "auto",
    compute: { module: gpu.createShaderModule({ code }), entryPoint: "main" },
  });
  const storage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const filled = (content: Numbers | Uint32Array<ArrayBuffer>, usage: number): GPUBuffer => {
    const buffer = gpu.createBuffer({ size: content.byteLength, usage });
    gpu.queue.writeBuffer(buffer, 0, content);
    return buffer;
  };
  const bytes = T * H * D * 4;
  const start = record ? records(states, record.states, record.length(D)) : undefined;
  const state = start && filled(start, storage);
  const y = gpu.createBuffer({ size: bytes, usage: storage });
  const staging = gpu.createBuffer({ size: bytes, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const buffers = [
    ...[...data.values()].map((x) => filled(x, storage)),
    ...(state ? [state] : []),
    y,
    filled(Uint32Array.of(T, H), GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST),
  ];
  const group = gpu.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const run = async () => {
    if (state && start) gpu.queue.writeBuffer(state, 0, start);
    await gpu.queue.onSubmittedWorkDone();
    const started = performance.now();
    const encoder = gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(groups?.(T) ?? 1, H);
    pass.end();
    gpu.queue.submit([encoder.finish()]);
    await gpu.queue.onSubmittedWorkDone();
    const milliseconds = performance.now() - started;
    const copy = gpu.createCommandEncoder();
    copy.copyBufferToBuffer(y, 0, staging, 0, bytes);
    gpu.queue.submit([copy.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const out = new Float32Array(staging.getMappedRange().slice(0));
    staging.unmap();
    return { y: out, milliseconds };
  };
  return {
    run: () => device.during("the naive kernel", run),
    close() {
      for (const b of [...buffers, staging]) b.destroy();
    },
  };
}

/** A record for each head, the named states at its beginning and zeros after. */
function records(states: ReadonlyMap<string, Numbers>, names: readonly string[], length: number): Numbers {
  const all = new Float32Array(H * length);
  for (let h = 0; h < H; h++) {
    let at = h * length;
    for (const name of names) {
      const state = states.get(name) ?? new Float32Array();
      const size = state.length / H;
      all.set(state.subarray(h * size, (h + 1) * size), at);
      at += size;
    }
  }
  return all;
}
