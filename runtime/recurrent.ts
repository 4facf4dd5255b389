/** Runs a recurrent kernel over whole sequences: uploads, dispatches span by span, reads back. */
import type { Block } from "../compiler/kernel/block.ts";
import { BufferPool } from "./buffers.ts";
import type { Device } from "./device.ts";
import { concatenate, download, numbersOf, packStates, sum, uniforms, unpackStates } from "./packing.ts";

/** A kernel as the compiler emits it: its text, and where everything lies. */
export interface KernelCode {
  readonly wgsl: string;
  readonly block: Block;
}

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
const NAN_BITS = 0x7fc00000;

/** What was asked for is more than the device can take: the message says how much, and what would fit. */
export class CapacityError extends Error {
  override readonly name = "CapacityError";
}

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
    return device.during(`the compilation of ${code.block.name}`, async () => {
      const module = device.gpu.createShaderModule({ code: code.wgsl, label: code.block.name });
      const pipeline = await device.gpu.createComputePipelineAsync({
        layout: "auto",
        compute: { module, entryPoint: "main" },
        label: code.block.name,
      });
      return new RecurrentKernel(device, code, pipeline);
    });
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
    const most = this.#device.limits.maxComputeWorkgroupsPerDimension;
    if (B > most || H > most) {
      throw new CapacityError(`B = ${B} and H = ${H}: the device takes at most ${most} of each in one run`);
    }
    const taken: GPUBuffer[] = [];
    const take = (bytes: number, usage: GPUBufferUsageFlags): GPUBuffer => {
      const limit =
        usage & GPUBufferUsage.STORAGE ? this.#device.limits.maxStorageBufferBindingSize : Infinity;
      if (bytes > limit) {
        throw new CapacityError(
          `${block.name} needs a buffer of ${bytes} bytes, and the device allows ${limit}: use a smaller batch or a shorter sequence`,
        );
      }
      const buffer = this.#pool.take(bytes, usage);
      taken.push(buffer);
      return buffer;
    };
    const storage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const upload = (numbers: Float32Array<ArrayBuffer>): GPUBuffer => {
      const buffer = take(numbers.byteLength, storage);
      gpu.queue.writeBuffer(buffer, 0, numbers);
      return buffer;
    };
    const filled = (count: number): GPUBuffer => {
      if (!options.poison) return take(count * 4, storage);
      return upload(new Float32Array(new Uint32Array(count).fill(NAN_BITS).buffer));
    };

    try {
      const record = block.state.stride;
      const stateData = packStates(block, states, B * H);
      const stateBuffer = upload(stateData);
      const outputLength = B * T * H * outputWidth;
      const y = filled(Math.max(1, outputLength));
      const bases: number[] = [];
      const buffers = block.bindings.map((binding) => {
        if (binding.name === "state") return stateBuffer;
        if (binding.name === "scratch") return filled(B * H * block.scratchStride);
        if (binding.access === "read_write") return y;
        const parts = binding.holds.map((t) => numbersOf(data, t.name));
        if (parts.length > 1)
          for (const [i] of parts.entries()) bases.push(sum(parts.slice(0, i).map((p) => p.length)));
        return upload(parts.length === 1 ? (parts[0] as Float32Array<ArrayBuffer>) : concatenate(parts));
      });

      const layer = options.layer ?? { index: 0, count: 1 };
      const span = options.span ?? spanFor(block, B * H);
      const started = performance.now();
      for (let first = 0; first < T && B * H > 0; first += span) {
        const end = Math.min(T, first + span);
        const uniform = take(24 + 4 * bases.length, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
        gpu.queue.writeBuffer(uniform, 0, uniforms(T, first, end, layer, bases));
        const group = gpu.createBindGroup({
          layout: this.#pipeline.getBindGroupLayout(0),
          entries: [...buffers, uniform].map((buffer, binding) => ({ binding, resource: { buffer } })),
        });
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
      const records = await download(gpu, this.#pool, stateBuffer, B * H * record);
      options.progress?.(T);
      return { y: out, states: unpackStates(block, records, B * H), milliseconds };
    } finally {
      for (const b of taken) this.#pool.give(b);
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
