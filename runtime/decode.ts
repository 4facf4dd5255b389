/** One token at a time: the states stay on the GPU between tokens, so that a token's cost does not grow with its place. */
import { BufferPool } from "./buffers.ts";
import type { Device } from "./device.ts";
import { download, numbersOf, packStates, sum, uniforms, unpackStates } from "./packing.ts";
import type { KernelCode } from "./recurrent.ts";

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

/** An input of the tokens of one chunk: where it begins in its buffer, and how many numbers one token of one sequence has. */
interface Input {
  readonly name: string;
  readonly buffer: GPUBuffer;
  readonly base: number;
  readonly width: number;
}

interface Bound {
  readonly group: GPUBindGroup;
  readonly inputs: readonly Input[];
  readonly bases: readonly number[];
  readonly uniform: GPUBuffer;
}

/** Runs a kernel of `compileDecoder` token by token. */
export class Decoder {
  readonly #device: Device;
  readonly #code: KernelCode;
  readonly #options: DecoderOptions;
  readonly #pipeline: GPUComputePipeline;
  readonly #pool: BufferPool;
  readonly #state: GPUBuffer;
  readonly #y: GPUBuffer;
  /** Made with the first token, which says how wide the inputs are. */
  #bound: Bound | undefined;
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
    const { B, H, chunk, outputWidth, states } = options;
    const packed = packStates(code.block, states, B * H);
    this.#state = this.#storage(packed.length);
    device.gpu.queue.writeBuffer(this.#state, 0, packed);
    this.#y = this.#storage(B * chunk * H * outputWidth);
  }

  /** Compiles the kernel and brings the states to the GPU. Throws DeviceError where the device refuses. */
  static create(device: Device, code: KernelCode, options: DecoderOptions): Promise<Decoder> {
    return device.during(`the start of decoding ${code.block.name}`, async () => {
      const module = device.gpu.createShaderModule({ code: code.wgsl, label: code.block.name });
      const pipeline = await device.gpu.createComputePipelineAsync({
        layout: "auto",
        compute: { module, entryPoint: "main" },
        label: code.block.name,
      });
      return new Decoder(device, code, options, pipeline);
    });
  }

  /** How many tokens it has read. */
  get tokens(): number {
    return this.#tokens;
  }

  /** Reads one token of each sequence: inputs by name, `[B, H, …shape]` or `[B, steps, H, …shape]`; gives y, `[B, H, …]`. */
  step(data: Numbers): Promise<Float32Array> {
    return this.#device.during(`a token of ${this.#code.block.name}`, () => this.#step(data));
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
    const { B, H, chunk, outputWidth, layer = { index: 0, count: 1 } } = this.#options;
    this.#bound ??= this.#bind(data);
    const { group, inputs, bases, uniform } = this.#bound;
    const t = this.#tokens % chunk;
    for (const { name, buffer, base, width } of inputs) {
      const numbers = numbersOf(data, name);
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

  #bind(data: Numbers): Bound {
    const { gpu } = this.#device;
    const { block } = this.#code;
    const { B, H, chunk, parameters } = this.#options;
    const inputs: Input[] = [];
    const bases: number[] = [];
    const buffers = block.bindings.map(({ name, access, holds }) => {
      if (name === "state") return this.#state;
      if (name === "scratch") return this.#storage(B * H * block.scratchStride);
      if (access === "read_write") return this.#y;
      const parts = holds.map((t) => ({
        name: t.name,
        isGiven: parameters.has(t.name),
        numbers: numbersOf(parameters.has(t.name) ? parameters : data, t.name),
      }));
      const lengths = parts.map((p) => (p.isGiven ? p.numbers.length : chunk * p.numbers.length));
      const buffer = this.#storage(sum(lengths));
      for (const [i, p] of parts.entries()) {
        const base = sum(lengths.slice(0, i));
        if (parts.length > 1) bases.push(base);
        if (p.isGiven) gpu.queue.writeBuffer(buffer, 4 * base, p.numbers);
        else inputs.push({ name: p.name, buffer, base, width: p.numbers.length / B });
      }
      return buffer;
    });
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    const uniform = this.#pool.take(24 + 4 * bases.length, usage);
    const group = gpu.createBindGroup({
      layout: this.#pipeline.getBindGroupLayout(0),
      entries: [...buffers, uniform].map((buffer, binding) => ({ binding, resource: { buffer } })),
    });
    return { group, inputs, bases, uniform };
  }

  #storage(count: number): GPUBuffer {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    return this.#pool.take(Math.max(16, 4 * count), usage);
  }
}
