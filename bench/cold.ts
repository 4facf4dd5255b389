/** What a driver takes over each kernel of a form, one by one: from its text to the end of its first, smallest run. */
import type { Device } from "../runtime/device.ts";
import { groupOf, type KernelCode, pipelineOf } from "../runtime/kernel.ts";
import { uniforms } from "../runtime/packing.ts";
import { type Form, forms } from "./forms.ts";
import { median } from "./statistics.ts";
import { D, modelOf, specFile } from "./task.ts";

export interface ColdRow {
  readonly spec: string;
  readonly form: Form;
  /** Median milliseconds of each kernel, the slowest first; none where there is no such form, and `why` says so. */
  readonly kernels: readonly { readonly name: string; readonly milliseconds: number }[];
  readonly why: string;
}

/** Enough for one tile of one head. */
const BYTES = 2 ** 22;
const TOKENS = 16;
/** First runs of each kernel, each of a text of its own: all kernels of a form in turn, since a busy moment is longer than one. */
const ROUNDS = 3;

export async function coldKernels(device: Device, specs: readonly string[]): Promise<ColdRow[]> {
  const rows: ColdRow[] = [];
  for (const spec of specs) {
    for (const form of forms) {
      try {
        const codes = form.kernels(modelOf(specFile(spec)), { dk: D, dv: D, tokens: TOKENS }, device);
        const times = codes.map((): number[] => []);
        for (let round = 0; round < ROUNDS; round++)
          for (const [i, code] of codes.entries())
            times[i]?.push(await device.during(code.block.name, () => firstRun(device, code, round)));
        const kernels = codes.map(({ block }, i) => ({
          name: block.name,
          milliseconds: median(times[i] as number[]),
        }));
        rows.push({
          spec,
          form,
          kernels: kernels.sort((a, b) => b.milliseconds - a.milliseconds),
          why: "",
        });
      } catch (error) {
        rows.push({ spec, form, kernels: [], why: error instanceof Error ? error.message : String(error) });
      }
    }
  }
  return rows;
}

async function firstRun({ gpu }: Device, { wgsl, block }: KernelCode, round: number): Promise<number> {
  const buffer = (size: number, usage: number): GPUBuffer =>
    gpu.createBuffer({ size, usage: usage | GPUBufferUsage.COPY_DST });
  const buffers = block.bindings.map(() => buffer(BYTES, GPUBufferUsage.STORAGE));
  // One tile, with room for it; the tensors of a packed buffer all begin at its start.
  const fields = new Uint8Array(256);
  fields.set(new Uint8Array(uniforms(TOKENS, 0, TOKENS, { index: 0, count: 1 }, [1, 0, 1])));
  const uniform = buffer(fields.byteLength, GPUBufferUsage.UNIFORM);
  gpu.queue.writeBuffer(uniform, 0, fields);
  await gpu.queue.onSubmittedWorkDone();
  const started = performance.now();
  // A text of its own: Dawn keeps what it has compiled.
  const text = `${wgsl}\n// ${block.name}, for the first time, ${round}\n`;
  const pipeline = await pipelineOf(gpu, { wgsl: text, block });
  const encoder = gpu.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, groupOf(gpu, pipeline, buffers, { buffer: uniform }));
  pass.dispatchWorkgroups(1);
  pass.end();
  gpu.queue.submit([encoder.finish()]);
  await gpu.queue.onSubmittedWorkDone();
  const milliseconds = performance.now() - started;
  for (const b of [...buffers, uniform]) b.destroy();
  return milliseconds;
}
