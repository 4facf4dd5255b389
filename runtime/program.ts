/**
 * Runs a program of kernels over named tensors: all in memory of the GPU, and sequences of dispatches that go from one
 * to the other.
 */
import type { Device } from "./device.ts";
import { LONGEST } from "./pace.ts";
import { layOut, type Place, placeOf } from "./program/layout.ts";
import { checkLimits } from "./program/limits.ts";
import type { Dispatch, ProgramParts } from "./program/parts.ts";
import { type Compiled, compiled, meaningOf } from "./program/pipelines.ts";
import { type Ready, Sequence } from "./program/sequence.ts";
import { uniformsOf, wordsOf } from "./program/uniforms.ts";

/** Not a number as f32, nor as two of f16. */
const NAN_BITS = 0x7fc07fc0;

export class ProgramRunner {
  readonly #device: Device;
  readonly #parts: ProgramParts;
  readonly #places: ReadonlyMap<string, Place>;
  readonly #buffers: readonly GPUBuffer[];
  readonly #uniforms: GPUBuffer;
  readonly #sequences: ReadonlyMap<string, Sequence>;

  private constructor(
    device: Device,
    parts: ProgramParts,
    places: ReadonlyMap<string, Place>,
    buffers: readonly GPUBuffer[],
    uniforms: GPUBuffer,
    sequences: ReadonlyMap<string, Sequence>,
  ) {
    this.#device = device;
    this.#parts = parts;
    this.#places = places;
    this.#buffers = buffers;
    this.#uniforms = uniforms;
    this.#sequences = sequences;
  }

  /**
   * Lays out the memory, compiles each different kernel once and binds everything. A dispatch that takes more than `longest`
   * milliseconds is cut. Throws CapacityError, before anything is compiled, where the device has less than is needed, and
   * DeviceError where it refuses a kernel.
   */
  static create(device: Device, parts: ProgramParts, longest = LONGEST): Promise<ProgramRunner> {
    const { places, sizes } = layOut(parts);
    checkLimits(device, parts, sizes);
    return device.during(`the compilation of ${parts.name}`, async () => {
      const { gpu } = device;
      const dispatches = Object.values(parts.sequences).flat();
      const pipelines = await compiled(gpu, dispatches);
      const buffers = sizes.map((size) =>
        gpu.createBuffer({
          size,
          usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
          label: parts.name,
        }),
      );
      if (parts.poison)
        for (const b of buffers) gpu.queue.writeBuffer(b, 0, new Uint32Array(b.size / 4).fill(NAN_BITS));
      const { data, offsets } = uniformsOf(dispatches);
      const uniforms = gpu.createBuffer({
        size: data.byteLength,
        usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
      });
      gpu.queue.writeBuffer(uniforms, 0, data);
      const ready = (d: Dispatch): Ready => {
        const { pipeline, layout } = pipelines.get(meaningOf(d.code)) as Compiled;
        const storage = d.code.block.bindings.map((b): GPUBindingResource => {
          const { buffer, offset, bytes } = placeOf(b, d, parts, places);
          return { buffer: buffers[buffer] as GPUBuffer, offset, size: bytes };
        });
        const uniform = { buffer: uniforms, offset: offsets.get(d) as number, size: wordsOf(d).byteLength };
        const entries = [...storage, uniform].map((resource, binding) => ({ binding, resource }));
        const whole = { group: gpu.createBindGroup({ layout, entries }), groups: d.groups };
        const label = d.code.block.name;
        return { label, pipeline, layout, storage, whole, startsAnywhere: d.uniform === undefined };
      };
      const sequences = new Map(
        Object.entries(parts.sequences).map(
          ([name, list]) =>
            [name, new Sequence(gpu, `${parts.name}, ${name}`, list.map(ready), longest)] as const,
        ),
      );
      return new ProgramRunner(device, parts, places, buffers, uniforms, sequences);
    });
  }

  /** Bytes of memory for all tensors together. */
  get bytes(): number {
    return this.#buffers.reduce((n, b) => n + b.size, 0);
  }

  /** Throws RangeError unless there is such a tensor and `data` is as long as it is. */
  write(name: string, data: Float32Array<ArrayBuffer>): void {
    const { buffer, offset } = this.#place(name);
    const wanted = this.#parts.tensors.get(name) as number;
    if (data.length !== wanted)
      throw new RangeError(`${name} has ${wanted} elements, and ${data.length} are written`);
    this.#device.gpu.queue.writeBuffer(this.#buffers[buffer] as GPUBuffer, offset, data);
  }

  /** What the tensors hold after everything that was run, in one transfer. */
  read(...names: readonly string[]): Promise<Map<string, Float32Array<ArrayBuffer>>> {
    return this.#device.during(`reading of ${this.#parts.name}`, async () => {
      const { gpu } = this.#device;
      const wanted = names.map((name) => {
        const { buffer, offset } = this.#place(name);
        return { name, buffer, offset, bytes: 4 * (this.#parts.tensors.get(name) as number) };
      });
      const total = wanted.reduce((n, w) => n + w.bytes, 0);
      if (total === 0) return new Map(names.map((name) => [name, new Float32Array()]));
      const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
      const staging = gpu.createBuffer({ size: total, usage });
      try {
        const encoder = gpu.createCommandEncoder();
        let at = 0;
        for (const { buffer, offset, bytes } of wanted) {
          if (bytes > 0)
            encoder.copyBufferToBuffer(this.#buffers[buffer] as GPUBuffer, offset, staging, at, bytes);
          at += bytes;
        }
        gpu.queue.submit([encoder.finish()]);
        await staging.mapAsync(GPUMapMode.READ);
        const all = staging.getMappedRange();
        at = 0;
        const found = new Map<string, Float32Array<ArrayBuffer>>();
        for (const { name, bytes } of wanted) {
          found.set(name, new Float32Array(all.slice(at, at + bytes)));
          at += bytes;
        }
        return found;
      } finally {
        staging.destroy();
      }
    });
  }

  /**
   * Starts all dispatches of a sequence, in order; `read` waits for them. The first times it waits itself, to learn how long
   * they take. Throws RangeError where there is none such.
   */
  async run(sequence: string): Promise<void> {
    const found = this.#sequences.get(sequence);
    if (!found) throw new RangeError(`${this.#parts.name} has no sequence ${sequence}`);
    if (found.isMeasured) found.start();
    else await this.#device.during(`a run of ${this.#parts.name}`, () => found.measure());
  }

  /** Waits for everything that was started, and throws DeviceError where something of it failed. */
  done(): Promise<void> {
    const { gpu } = this.#device;
    return this.#device.during(`a run of ${this.#parts.name}`, () => gpu.queue.onSubmittedWorkDone().then());
  }

  destroy(): void {
    for (const b of [...this.#buffers, this.#uniforms]) b.destroy();
    for (const s of this.#sequences.values()) s.destroy();
  }

  #place(name: string): Place {
    const place = this.#places.get(name);
    if (!place) throw new RangeError(`${this.#parts.name} has no tensor ${name}`);
    if (this.#parts.temporary?.has(name) && !this.#parts.poison)
      throw new RangeError(`${name} is a temporary of ${this.#parts.name}: its memory is shared with others`);
    return place;
  }
}
