/** Runs a recurrent kernel over whole sequences: uploads, dispatches span by span, reads back. */
import type { Block } from "../compiler/kernel/block.ts";
import { BufferPool } from "./buffers.ts";
import type { Device } from "./device.ts";
import { groupOf, type KernelCode, pipelineOf } from "./kernel.ts";
import { download, numbersOf, packStates, uniforms, unpackStates } from "./packing.ts";
import { checkGrid, Resources } from "./resources.ts";

export interface RunOptions {
  readonly layer?: { readonly index: number; readonly count: number };
  /** Fills outputs and scratch memory with NaN first, so that what is not written shows. */
  readonly poison?: boolean;
  /** Tokens of one dispatch; by default as many as keep it short. */
  readonly span?: number;
  readonly progress?: (tokens: number) => void;
}

export interface RunResult {
  /** `[B, T, H, …output shape]` */
  readonly y: Float32Array;
  /** By name, `[B, H, …shape]`. */
  readonly states: Map<string, Float32Array>;
  /** From the first submission to the end of the work, without transfers. */
  readonly milliseconds: number;
}

/** Numbers of state that a dispatch touches at most: about a tenth of a second on two slow cores. */
const WORK_PER_DISPATCH = 2 ** 25;

export class RecurrentKernel {
  readonly #device: Device;
  readonly #code: KernelCode;
  readonly #pool: BufferPool;
  readonly #pipeline: GPUComputePipeline;

  private constructor(device: Device, code: KernelCode, pipeline: GPUComputePipeline) {
    this.#device = device;
    this.#code = code;
    this.#pipeline = pipeline;
    this.#pool = new BufferPool(device.gpu);
  }

  /** Compiles a kernel. Throws DeviceError where the device refuses it. */
  static create(device: Device, code: KernelCode): Promise<RecurrentKernel> {
    return device.during(
      `the compilation of ${code.block.name}`,
      async () => new RecurrentKernel(device, code, await pipelineOf(device.gpu, code)),
    );
  }

  /**
   * Runs `T` tokens of `B` sequences with `H` heads. `data` holds every input `[B, T, H, …]`, or `[B, T, steps,
   * H, …]` where it comes with each step, and every param `[H, …]` by name, `states` the states before the first token, `[B, H, …]`; a state that is absent is zero.
   */
  run(
    extents: { readonly B: number; readonly T: number; readonly H: number },
    data: ReadonlyMap<string, ArrayLike<number>>,
    states: ReadonlyMap<string, ArrayLike<number>>,
    outputWidth: number,
    options: RunOptions = {},
  ): Promise<RunResult> {
    return this.#device.during(`a run of ${this.#code.block.name}`, () =>
      this.#run(extents, data, states, outputWidth, options),
    );
  }

  destroy(): void {
    this.#pool.destroy();
  }

  async #run(
    { B, T, H }: { readonly B: number; readonly T: number; readonly H: number },
    data: ReadonlyMap<string, ArrayLike<number>>,
    states: ReadonlyMap<string, ArrayLike<number>>,
    outputWidth: number,
    options: RunOptions,
  ): Promise<RunResult> {
    const { block } = this.#code;
    const { gpu } = this.#device;
    checkGrid(this.#device, { B, H });
    const resources = new Resources(this.#device, this.#pool, block.name, options.poison);
    try {
      const state = resources.upload(packStates(block, states, B * H));
      const outputLength = B * T * H * outputWidth;
      const y = resources.made(outputLength);
      const own = { state, scratch: resources.made(B * H * block.scratchStride), y_out: y };
      const { buffers, bases } = resources.bind(block, own, (input) => numbersOf(data, input));

      const layer = options.layer ?? { index: 0, count: 1 };
      const span = options.span ?? spanFor(block, B * H);
      const started = performance.now();
      for (let first = 0; first < T && B * H > 0; first += span) {
        const end = Math.min(T, first + span);
        const fields = uniforms(T, first, end, layer, bases);
        const uniform = resources.uniform(fields.byteLength);
        gpu.queue.writeBuffer(uniform, 0, fields);
        const group = groupOf(gpu, this.#pipeline, buffers, { buffer: uniform });
        const encoder = gpu.createCommandEncoder({ label: block.name });
        const pass = encoder.beginComputePass({ label: `${block.name}, tokens ${first} to ${end}` });
        pass.setPipeline(this.#pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(block.tiles, H, B);
        pass.end();
        gpu.queue.submit([encoder.finish()]);
        if (options.progress && end < T) {
          await gpu.queue.onSubmittedWorkDone();
          options.progress(end);
        }
      }
      await gpu.queue.onSubmittedWorkDone();
      const milliseconds = performance.now() - started;
      const out = await download(gpu, this.#pool, y, outputLength);
      const records = await download(gpu, this.#pool, state, B * H * block.state.stride);
      options.progress?.(T);
      return { y: out, states: unpackStates(block, records, B * H), milliseconds };
    } finally {
      resources.release();
    }
  }
}

/** Tokens of a dispatch, a multiple of the block's quantum. */
function spanFor(block: Block, heads: number): number {
  const perToken = Math.max(
    1,
    heads * block.steps * block.passes * (block.state.stride + block.scratchStride),
  );
  const tokens = Math.floor(WORK_PER_DISPATCH / perToken);
  return Math.max(1, Math.floor(tokens / block.quantum)) * block.quantum;
}
