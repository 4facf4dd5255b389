/** Runs a recurrent kernel over whole sequences: uploads, dispatches span by span, reads back. */
import { BufferPool } from "./buffers.ts";
import type { Device } from "./device.ts";
import { groupOf, type KernelCode, type Launch, pipelineOf } from "./kernel.ts";
import { Pace } from "./pace.ts";
import { download, numbersOf, packStates, uniforms, unpackStates } from "./packing.ts";
import { checkGrid, Resources } from "./resources.ts";
import { boundsOf, checkBounds, lengthsOf, longestOf } from "./sequences.ts";

export interface RunOptions {
  readonly layer?: { readonly index: number; readonly count: number };
  /** Fills outputs and scratch memory with NaN first, so that what is not written shows. */
  readonly poison?: boolean;
  /** Tokens of one dispatch; by default as many as keep it short. */
  readonly span?: number;
  readonly progress?: (tokens: number) => void;
  /**
   * `[N + 1]`, from 0 to T and never falling: where each of N sequences starts that are packed, one after the other, into
   * the tokens of a batch of one, and where the last ends. Inputs are then `[1, T, H, …]` and states `[N, H, …]`; each
   * sequence starts with states and with a chunk of its own. For kernels of `compilePacked` and `compilePackedTiles`,
   * which without this run a batch as any others do; `tokens` is then the length of the longest sequence, or more.
   */
  readonly cuSeqlens?: ArrayLike<number>;
}

export interface RunResult {
  /** `[B, T, H, …output shape]` */
  readonly y: Float32Array;
  /** By name, `[B, H, …shape]`, or `[N, H, …shape]` of packed sequences. */
  readonly states: Map<string, Float32Array>;
  /** From the first submission to the end of the work, without transfers. */
  readonly milliseconds: number;
}

export class RecurrentKernel {
  readonly #device: Device;
  readonly #code: KernelCode;
  readonly #pool: BufferPool;
  readonly #pipeline: GPUComputePipeline;
  readonly #pace = new Pace();

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
   * H, …]` where it comes with each step, and every param `[H, …]` by name, `states` the states before the first token,
   * `[B, H, …]`; a state that is absent is zero.
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
    const isPacked = block.bindings.some((b) => b.name === "cu_seqlens");
    if (options.cuSeqlens)
      checkBounds(options.cuSeqlens, { B, T }, { name: block.name, isPacked, maker: "compilePacked" });
    const bounds = options.cuSeqlens ?? boundsOf(Array<number>(B).fill(T));
    const lengths = lengthsOf(bounds);
    const N = lengths.length;
    checkGrid(this.#device, N, H);
    const resources = new Resources(this.#device, this.#pool, block.name, options.poison);
    try {
      const state = resources.upload(packStates(block, states, N * H));
      const outputLength = B * T * H * outputWidth;
      const y = resources.made(outputLength);
      const scratch = resources.made(N * H * block.scratchStride);
      const packing = isPacked ? { cu_seqlens: resources.upload(Uint32Array.from(bounds)) } : {};
      const own = { state, scratch, y_out: y, ...packing };
      const { buffers, bases } = resources.bind(block, own, (input) => numbersOf(data, input));

      const layer = options.layer ?? { index: 0, count: 1 };
      const longest = longestOf(lengths);
      // The inputs are there: what is timed from here on is work.
      await gpu.queue.onSubmittedWorkDone();
      const started = performance.now();
      let first = 0;
      while (first < longest) {
        const running = lengths.filter((length) => length > first).length;
        const ofToken = Math.max(1, running * H * workOf(block));
        const fitting = Math.max(1, Math.floor(this.#pace.amount / ofToken / block.quantum)) * block.quantum;
        const end = Math.min(longest, first + (options.span ?? fitting));
        const fields = uniforms(T, first, end, layer, bases);
        const uniform = resources.uniform(fields.byteLength);
        gpu.queue.writeBuffer(uniform, 0, fields);
        const group = groupOf(gpu, this.#pipeline, buffers, { buffer: uniform });
        const encoder = gpu.createCommandEncoder({ label: block.name });
        const pass = encoder.beginComputePass({ label: `${block.name}, tokens ${first} to ${end}` });
        pass.setPipeline(this.#pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(block.tiles, H, N);
        pass.end();
        const begun = performance.now();
        gpu.queue.submit([encoder.finish()]);
        await gpu.queue.onSubmittedWorkDone();
        this.#pace.took((end - first) * ofToken, performance.now() - begun);
        first = end;
        if (end < longest)
          options.progress?.(lengths.reduce((done, length) => done + Math.min(length, end), 0) / B);
      }
      const milliseconds = performance.now() - started;
      const out = await download(gpu, this.#pool, y, outputLength);
      const records = await download(gpu, this.#pool, state, N * H * block.state.stride);
      options.progress?.(T);
      return { y: out, states: unpackStates(block, records, N * H), milliseconds };
    } finally {
      resources.release();
    }
  }
}

/** Numbers of state that a token of one head touches. */
const workOf = ({ steps, passes, state, scratchStride }: Launch): number =>
  steps * passes * (state.stride + scratchStride);
