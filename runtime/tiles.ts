/**
 * Runs the kernels of a tile form: those that need no state over all tiles of a span at once, then the states from tile
 * to tile, then what is read of them over all tiles at once.
 */
import { BufferPool } from "./buffers.ts";
import type { Device } from "./device.ts";
import { groupOf, pipelineOf, type TiledCode } from "./kernel.ts";
import { download, numbersOf, packStates, uniforms, unpackStates } from "./packing.ts";
import type { RunOptions, RunResult } from "./recurrent.ts";
import { checkGrid, Resources } from "./resources.ts";

/** Bytes of scratch memory, and of states, that a span has at most. */
const SPAN_BYTES = 2 ** 26;
/** Uniform buffers begin at multiples of this. */
const ALIGNMENT = 256;

export class TiledKernel {
  readonly #device: Device;
  readonly #code: TiledCode;
  readonly #pipelines: readonly GPUComputePipeline[];
  readonly #pool: BufferPool;

  private constructor(device: Device, code: TiledCode, pipelines: readonly GPUComputePipeline[]) {
    this.#device = device;
    this.#code = code;
    this.#pipelines = pipelines;
    this.#pool = new BufferPool(device.gpu);
  }

  /** Compiles the kernels. Throws DeviceError where the device refuses one. */
  static create(device: Device, code: TiledCode): Promise<TiledKernel> {
    const [first] = code.kernels;
    return device.during(`the compilation of ${first?.block.name}`, async () => {
      const pipelines = code.kernels.map((kernel) => pipelineOf(device.gpu, kernel));
      return new TiledKernel(device, code, await Promise.all(pipelines));
    });
  }

  /** Runs `T` tokens of `B` sequences with `H` heads: as `RecurrentKernel` does, with the same data. */
  run(
    extents: { readonly B: number; readonly T: number; readonly H: number },
    data: ReadonlyMap<string, ArrayLike<number>>,
    states: ReadonlyMap<string, ArrayLike<number>>,
    outputWidth: number,
    options: RunOptions = {},
  ): Promise<RunResult> {
    const name = this.#code.kernels[0]?.block.name;
    return this.#device.during(`a run of ${name}`, () =>
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
    const { kernels, length } = this.#code;
    const { block } = kernels[0] as TiledCode["kernels"][number];
    const { gpu } = this.#device;
    const { stride } = block.state;
    const tokens = length / block.steps;
    const tiles = Math.ceil(T / tokens);
    const bytes = 4 * Math.max(1, B * H * Math.max(stride, block.scratchStride));
    const most = this.#device.limits.maxComputeWorkgroupsPerDimension;
    const limit = Math.min(SPAN_BYTES, this.#device.limits.maxStorageBufferBindingSize);
    const room = Math.max(
      1,
      Math.min(
        tiles,
        Math.floor(limit / bytes) - 1,
        Math.floor(most / Math.max(1, B)),
        Math.floor((options.span ?? T) / tokens),
      ),
    );
    checkGrid(this.#device, B, H);
    const resources = new Resources(this.#device, this.#pool, block.name, options.poison);

    try {
      const outputLength = B * T * H * outputWidth;
      const y = resources.made(outputLength);
      const record = H * stride;
      const state = resources.made((room + 1) * B * record);
      const scratch = resources.made(room * B * H * block.scratchStride);
      const carried = resources.storage(record);
      const packed = packStates(block, states, B * H);
      const inBatch = (b: number, slot: number): number => (b * (room + 1) + slot) * record;
      if (record > 0)
        for (let b = 0; b < B; b++)
          gpu.queue.writeBuffer(state, 4 * inBatch(b, 0), packed, b * record, record);
      const own = { state, scratch, y_out: y };
      const bound = kernels.map(({ block: each }) =>
        resources.bind(each, own, (input) => numbersOf(data, input)),
      );

      const layer = options.layer ?? { index: 0, count: 1 };
      const started = performance.now();
      for (let first = 0; first < tiles && B * H > 0; first += room) {
        const count = Math.min(room, tiles - first);
        const dispatches = kernels.flatMap(({ stage }, k) =>
          stage === "before" ? [{ k, at: 0, tiles: count }] : [],
        );
        for (let at = 0; at < count; at++)
          dispatches.push(
            ...kernels.flatMap(({ stage }, k) => (stage === "along" ? [{ k, at, tiles: 1 }] : [])),
          );
        dispatches.push(
          ...kernels.flatMap(({ stage }, k) => (stage === "after" ? [{ k, at: 0, tiles: count }] : [])),
        );
        const width = Math.max(...bound.map(({ bases }) => 36 + 4 * bases.length));
        const slot = Math.ceil(width / ALIGNMENT) * ALIGNMENT;
        const uniform = resources.uniform(slot * dispatches.length);
        const fields = new Uint8Array(slot * dispatches.length);
        const encoder = gpu.createCommandEncoder({ label: block.name });
        const pass = encoder.beginComputePass({ label: `${block.name}, tiles from ${first}` });
        for (const [i, { k, at, tiles: wide }] of dispatches.entries()) {
          const { buffers, bases } = bound[k] as (typeof bound)[number];
          const pipeline = this.#pipelines[k] as GPUComputePipeline;
          const from = (first + at) * tokens;
          const run = uniforms(T, from, Math.min(T, from + wide * tokens), layer, [wide, at, room, ...bases]);
          fields.set(new Uint8Array(run), slot * i);
          pass.setPipeline(pipeline);
          pass.setBindGroup(
            0,
            groupOf(gpu, pipeline, buffers, { buffer: uniform, offset: slot * i, size: run.byteLength }),
          );
          pass.dispatchWorkgroups((kernels[k] as TiledCode["kernels"][number]).groups, H, B * wide);
        }
        pass.end();
        gpu.queue.writeBuffer(uniform, 0, fields);
        // The next span starts where this one ends.
        for (let b = 0; b < B && record > 0; b++) {
          encoder.copyBufferToBuffer(state, 4 * inBatch(b, count), carried, 0, 4 * record);
          encoder.copyBufferToBuffer(carried, 0, state, 4 * inBatch(b, 0), 4 * record);
        }
        gpu.queue.submit([encoder.finish()]);
        // One span at a time: drivers do not bear any number of dispatches in their queue.
        await gpu.queue.onSubmittedWorkDone();
        if (first + count < tiles) options.progress?.((first + count) * tokens);
      }
      const milliseconds = performance.now() - started;
      const out = await download(gpu, this.#pool, y, outputLength);
      const all = await download(gpu, this.#pool, state, (room + 1) * B * record);
      const last = new Float32Array(B * record);
      for (let b = 0; b < B; b++) last.set(all.subarray(inBatch(b, 0), inBatch(b, 0) + record), b * record);
      options.progress?.(T);
      return { y: out, states: unpackStates(block, last, B * H), milliseconds };
    } finally {
      resources.release();
    }
  }
}
