/** One token at a time: the states stay on the GPU between tokens, so that a token's cost does not grow with its place. */
import { BufferPool } from "./buffers.ts";
import type { Device } from "./device.ts";
import { groupOf, type KernelCode, pipelineOf } from "./kernel.ts";
import { download, numbersOf, packStates, uniforms, unpackStates } from "./packing.ts";
import { type Bound, Resources } from "./resources.ts";

type Numbers = ReadonlyMap<string, ArrayLike<number>>;

export interface DecoderOptions {
  readonly B: number;
  readonly H: number;
  /** Numbers of y of one token and head. */
  readonly outputWidth: number;
  /** Tokens of a chunk; 1 for a model without chunks. */
  readonly chunk: number;
  /** Params by name, `[H, …shape]`. */
  readonly parameters: Numbers;
  /** The states where a chunk starts, by name, `[B, H, …shape]`; zero where absent. */
  readonly states: Numbers;
  readonly layer?: { readonly index: number; readonly count: number };
}

/** Runs a kernel of `compileDecoder` token by token. */
export class Decoder {
  readonly #device: Device;
  readonly #code: KernelCode;
  readonly #options: DecoderOptions;
  readonly #pipeline: GPUComputePipeline;
  readonly #pool: BufferPool;
  readonly #resources: Resources;
  readonly #state: GPUBuffer;
  readonly #y: GPUBuffer;
  /** Made with the first token, which says how wide the inputs are. */
  #bound: (Bound & { readonly group: GPUBindGroup; readonly uniform: GPUBuffer }) | undefined;
  #tokens = 0;

  private constructor(
    device: Device,
    code: KernelCode,
    options: DecoderOptions,
    pipeline: GPUComputePipeline,
  ) {
    this.#device = device;
    this.#code = code;
    this.#options = options;
    this.#pipeline = pipeline;
    this.#pool = new BufferPool(device.gpu);
    this.#resources = new Resources(device, this.#pool, code.block.name);
    const { B, H, chunk, outputWidth, states } = options;
    this.#state = this.#resources.upload(packStates(code.block, states, B * H));
    this.#y = this.#resources.storage(B * chunk * H * outputWidth);
  }

  /** Compiles the kernel and brings the states to the GPU. Throws DeviceError where the device refuses. */
  static create(device: Device, code: KernelCode, options: DecoderOptions): Promise<Decoder> {
    return device.during(
      `the start of decoding ${code.block.name}`,
      async () => new Decoder(device, code, options, await pipelineOf(device.gpu, code)),
    );
  }

  /** How many tokens it has read. */
  get tokens(): number {
    return this.#tokens;
  }

  /** Reads one token of each sequence: inputs by name, `[B, H, …shape]` or `[B, steps, H, …shape]`; gives y, `[B, H, …]`. */
  step(data: Numbers): Promise<Float32Array> {
    return this.#device.during(`a token of ${this.#code.block.name}`, () => this.#step(data));
  }

  /** Starts new sequences from these states, which are those where a chunk starts; zero where absent. */
  restart(states: Numbers): void {
    const { B, H } = this.#options;
    this.#device.gpu.queue.writeBuffer(this.#state, 0, packStates(this.#code.block, states, B * H));
    this.#tokens = 0;
  }

  /** The states after the last token by name, `[B, H, …shape]`. */
  states(): Promise<Map<string, Float32Array>> {
    const { B, H } = this.#options;
    const { block } = this.#code;
    return this.#device.during(`the states of ${block.name}`, async () => {
      const packed = await download(this.#device.gpu, this.#pool, this.#state, B * H * block.state.stride);
      return unpackStates(block, packed, B * H);
    });
  }

  destroy(): void {
    this.#pool.destroy();
  }

  async #step(data: Numbers): Promise<Float32Array> {
    const { gpu } = this.#device;
    const { B, H, chunk, parameters, outputWidth, layer = { index: 0, count: 1 } } = this.#options;
    this.#bound ??= this.#bind(data);
    const { group, inputs, bases, uniform } = this.#bound;
    const t = this.#tokens % chunk;
    for (const [name, { buffer, base }] of inputs) {
      if (parameters.has(name)) continue;
      const numbers = numbersOf(data, name);
      const width = numbers.length / B;
      for (let b = 0; b < B; b++)
        gpu.queue.writeBuffer(buffer, 4 * (base + (b * chunk + t) * width), numbers, b * width, width);
    }
    gpu.queue.writeBuffer(uniform, 0, uniforms(chunk, t, t + 1, layer, bases));
    const row = H * outputWidth;
    const out = this.#pool.take(4 * B * row, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
    const encoder = gpu.createCommandEncoder({ label: this.#code.block.name });
    const pass = encoder.beginComputePass({ label: `${this.#code.block.name}, token ${this.#tokens}` });
    pass.setPipeline(this.#pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(this.#code.block.tiles, H, B);
    pass.end();
    for (let b = 0; b < B; b++)
      encoder.copyBufferToBuffer(this.#y, 4 * (b * chunk + t) * row, out, 4 * b * row, 4 * row);
    gpu.queue.submit([encoder.finish()]);
    this.#tokens++;
    await out.mapAsync(GPUMapMode.READ, 0, 4 * B * row);
    const y = new Float32Array(out.getMappedRange(0, 4 * B * row).slice(0));
    out.unmap();
    this.#pool.give(out);
    return y;
  }

  #bind(data: Numbers) {
    const { gpu } = this.#device;
    const { block } = this.#code;
    const { B, H, chunk, parameters } = this.#options;
    const scratch = this.#resources.storage(B * H * block.scratchStride);
    const own = { state: this.#state, scratch, y_out: this.#y };
    // An input of each token has room for those of a whole chunk.
    const bound = this.#resources.bind(block, own, (input) =>
      parameters.has(input)
        ? numbersOf(parameters, input)
        : new Float32Array(chunk * numbersOf(data, input).length),
    );
    const uniform = this.#resources.uniform(24 + 4 * bound.bases.length);
    const group = groupOf(gpu, this.#pipeline, bound.buffers, { buffer: uniform });
    return { ...bound, group, uniform };
  }
}
