/**
 * Runs the kernels of a tile form: those that need no state over all tiles of a span at once, then the states from tile
 * to tile, then what is read of them over all tiles at once.
 */
import { BufferPool } from "./buffers.ts";
import type { Device } from "./device.ts";
import { groupOf, pipelineOf, type TiledCode } from "./kernel.ts";
import { Pace } from "./pace.ts";
import { download, numbersOf, packStates, uniforms, unpackStates } from "./packing.ts";
import type { RunOptions, RunResult } from "./recurrent.ts";
import { checkGrid, Resources } from "./resources.ts";
import { boundsOf, checkBounds } from "./sequences.ts";
import { batchTiling, type Part, packedTiling, type Tiling } from "./tilings.ts";

/** Bytes of scratch memory, and of states, that a span has at most. */
const SPAN_BYTES = 2 ** 26;
/** Uniform buffers begin at multiples of this. */
const ALIGNMENT = 256;
/** What kernels for packed sequences read of their tiles, and its numbers for each of them. */
const TABLE = "tile_table";
const TABLE_WIDTH = 4;

export class TiledKernel {
  readonly #device: Device;
  readonly #code: TiledCode;
  readonly #pipelines: readonly GPUComputePipeline[];
  readonly #pool: BufferPool;
  readonly #pace = new Pace();

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

  /**
   * Runs `T` tokens of `B` sequences with `H` heads, or packed ones: as `RecurrentKernel` does, with the same data. Those
   * that are packed have a tile each in a turn, whatever their lengths; `span` is then of the tokens of all of them.
   */
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
    const { cuSeqlens } = options;
    const isPacked = block.bindings.some((b) => b.name === TABLE);
    if (cuSeqlens)
      checkBounds(cuSeqlens, { B, T }, { name: block.name, isPacked, maker: "compilePackedTiles" });
    const tiling = this.#tiling(
      { B, T, H },
      length / block.steps,
      isPacked ? (cuSeqlens ?? boundsOf(Array<number>(B).fill(T))) : undefined,
      options.span,
    );
    const { rows, tiles, room, starts } = tiling;
    checkGrid(this.#device, rows, H);
    const resources = new Resources(this.#device, this.#pool, block.name, options.poison);

    try {
      const outputLength = B * T * H * outputWidth;
      const y = resources.made(outputLength);
      const record = H * stride;
      const state = resources.made(tiling.records * record);
      const scratch = resources.made(room * rows * H * block.scratchStride);
      const carried = resources.storage(record);
      const table = isPacked ? resources.storage(TABLE_WIDTH * room) : undefined;
      const packed = packStates(block, states, starts.length * H);
      // As few writes as there are runs of records: drivers take long over many thousands.
      for (let n = 0, to = 0; n < starts.length && record > 0; n = to) {
        const at = starts[n] as number;
        for (to = n + 1; starts[to] === at + to - n; ) to++;
        gpu.queue.writeBuffer(state, 4 * at * record, packed, n * record, (to - n) * record);
      }
      const own = { state, scratch, y_out: y, ...(table ? { [TABLE]: table } : {}) };
      const bound = kernels.map(({ block: each }) =>
        resources.bind(each, own, (input) => numbersOf(data, input)),
      );

      const layer = options.layer ?? { index: 0, count: 1 };
      // The inputs are there: what is timed from here on is work.
      await gpu.queue.onSubmittedWorkDone();
      const started = performance.now();
      const ofTile = Math.max(1, rows * H * (stride + block.scratchStride));
      for (let left = H > 0 ? tiles : 0; left > 0; ) {
        const fitting = options.span === undefined ? Math.floor(this.#pace.amount / ofTile) : room;
        const count = Math.min(room, left, Math.max(1, fitting));
        const span = tiling.next(count);
        left -= count;
        const staged = (wanted: string, part: Part) =>
          kernels.flatMap(({ stage }, k) => (stage === wanted ? [{ k, part }] : []));
        const dispatches = [
          ...staged("before", span.all),
          ...span.turns.flatMap((turn) => staged("along", turn)),
          ...staged("after", span.all),
        ];
        const width = Math.max(...bound.map(({ bases }) => 36 + 4 * bases.length));
        const slot = Math.ceil(width / ALIGNMENT) * ALIGNMENT;
        const uniform = resources.uniform(slot * dispatches.length);
        const fields = new Uint8Array(slot * dispatches.length);
        const encoder = gpu.createCommandEncoder({ label: block.name });
        const pass = encoder.beginComputePass({ label: `${block.name}, up to token ${span.done}` });
        for (const [i, { k, part }] of dispatches.entries()) {
          const { buffers, bases } = bound[k] as (typeof bound)[number];
          const pipeline = this.#pipelines[k] as GPUComputePipeline;
          const run = uniforms(T, part.first, part.end, layer, [part.tiles, part.at, room, ...bases]);
          fields.set(new Uint8Array(run), slot * i);
          pass.setPipeline(pipeline);
          pass.setBindGroup(
            0,
            groupOf(gpu, pipeline, buffers, { buffer: uniform, offset: slot * i, size: run.byteLength }),
          );
          pass.dispatchWorkgroups((kernels[k] as TiledCode["kernels"][number]).groups, H, rows * part.tiles);
        }
        pass.end();
        gpu.queue.writeBuffer(uniform, 0, fields);
        if (table) gpu.queue.writeBuffer(table, 0, span.table);
        for (const { from, to } of record > 0 ? span.moves : []) {
          encoder.copyBufferToBuffer(state, 4 * from * record, carried, 0, 4 * record);
          encoder.copyBufferToBuffer(carried, 0, state, 4 * to * record, 4 * record);
        }
        const begun = performance.now();
        gpu.queue.submit([encoder.finish()]);
        // One span at a time: drivers do not bear any number of dispatches in their queue.
        await gpu.queue.onSubmittedWorkDone();
        this.#pace.took(count * ofTile, performance.now() - begun);
        if (left > 0) options.progress?.(span.done);
      }
      const milliseconds = performance.now() - started;
      const ends = tiling.ends();
      const out = await download(gpu, this.#pool, y, outputLength);
      const all = await download(gpu, this.#pool, state, (Math.max(-1, ...ends) + 1) * record);
      const last = new Float32Array(ends.length * record);
      for (const [n, at] of ends.entries())
        last.set(all.subarray(at * record, (at + 1) * record), n * record);
      options.progress?.(T);
      return { y: out, states: unpackStates(block, last, ends.length * H), milliseconds };
    } finally {
      resources.release();
    }
  }

  /** How the tiles of a run lie in memory: those of packed sequences, or of a batch. A span bounds what they take. */
  #tiling(
    { B, T, H }: { readonly B: number; readonly T: number; readonly H: number },
    tokens: number,
    bounds: ArrayLike<number> | undefined,
    span: number | undefined,
  ): Tiling {
    const { state, scratchStride } = (this.#code.kernels[0] as TiledCode["kernels"][number]).block;
    const { maxComputeWorkgroupsPerDimension: workgroups, maxStorageBufferBindingSize: largest } =
      this.#device.limits;
    const records = (bytes: number, rows: number, stride: number): number =>
      Math.floor(bytes / (4 * Math.max(1, rows * H * stride)));
    const stride = Math.max(state.stride, scratchStride);
    const asked = span === undefined ? Number.POSITIVE_INFINITY : Math.floor(span / tokens);
    const limit = Math.min(SPAN_BYTES, largest);
    if (!bounds)
      return batchTiling({ B, T }, tokens, (all) =>
        Math.max(
          1,
          Math.min(all, records(limit, B, stride) - 1, Math.floor(workgroups / Math.max(1, B)), asked),
        ),
      );
    return packedTiling(bounds, tokens, (all, N) =>
      Math.max(
        1,
        Math.min(
          all,
          records(limit, 1, stride),
          records(largest, 1, state.stride) - 2 * N,
          workgroups,
          asked,
        ),
      ),
    );
  }
}
