/**
 * Runs a program of kernels over named tensors: all in memory of the GPU, and sequences of dispatches that go from one
 * to the other.
 */
import type { Device } from "./device.ts";
import { layOut, type Place, placeOf } from "./program/layout.ts";
import { checkLimits } from "./program/limits.ts";
import type { Dispatch, ProgramParts } from "./program/parts.ts";
import { type Compiled, compiled, meaningOf } from "./program/pipelines.ts";
import { uniformsOf, wordsOf } from "./program/uniforms.ts";

/** Dispatches, and invocations, of one submission: so many that it costs little for each, so few that it is short. */
const DISPATCHES_PER_SUBMIT = 64;
const INVOCATIONS_PER_SUBMIT = 2 ** 20;
const NAN_BITS = 0x7fc00000;

export class ProgramRunner {
  readonly #device: Device;
  readonly #parts: ProgramParts;
  readonly #places: ReadonlyMap<string, Place>;
  readonly #buffers: readonly GPUBuffer[];
  readonly #uniforms: GPUBuffer;
  readonly #sequences: ReadonlyMap<string, readonly Ready[]>;

  private constructor(
    device: Device,
    parts: ProgramParts,
    places: ReadonlyMap<string, Place>,
    buffers: readonly GPUBuffer[],
    uniforms: GPUBuffer,
    sequences: ReadonlyMap<string, readonly Ready[]>,
  ) {
    this.#device = device;
    this.#parts = parts;
    this.#places = places;
    this.#buffers = buffers;
    this.#uniforms = uniforms;
    this.#sequences = sequences;
  }

  /**
   * Lays out the memory, compiles each different kernel once and binds everything. Throws CapacityError, before anything
   * is compiled, where the device has less than is needed, and DeviceError where it refuses a kernel.
   */
  static create(device: Device, parts: ProgramParts): Promise<ProgramRunner> {
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
        const resources: GPUBindingResource[] = d.code.block.bindings.map((b) => {
          const { buffer, offset, bytes } = placeOf(b, d, parts, places);
          return { buffer: buffers[buffer] as GPUBuffer, offset, size: bytes };
        });
        resources.push({ buffer: uniforms, offset: offsets.get(d) as number, size: wordsOf(d).byteLength });
        const entries = resources.map((resource, binding) => ({ binding, resource }));
        const { groups, code } = d;
        const invocations = groups[0] * groups[1] * groups[2] * code.block.lanes;
        return { pipeline, group: gpu.createBindGroup({ layout, entries }), groups, invocations };
      };
      const sequences = new Map(
        Object.entries(parts.sequences).map(([name, list]) => [name, list.map(ready)] as const),
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

  /** Starts all dispatches of a sequence, in order; `read` waits for them. Throws RangeError where there is none such. */
  run(sequence: string): void {
    const list = this.#sequences.get(sequence);
    if (!list) throw new RangeError(`${this.#parts.name} has no sequence ${sequence}`);
    const { gpu } = this.#device;
    let first = 0;
    while (first < list.length) {
      const part = submitted(list, first);
      const encoder = gpu.createCommandEncoder({ label: `${this.#parts.name}, ${sequence}` });
      const pass = encoder.beginComputePass({ label: `${this.#parts.name}, ${sequence} from ${first}` });
      for (const { pipeline, group, groups } of part) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(...groups);
      }
      pass.end();
      gpu.queue.submit([encoder.finish()]);
      first += part.length;
    }
  }

  /** Waits for everything that was started, and throws DeviceError where something of it failed. */
  done(): Promise<void> {
    const { gpu } = this.#device;
    return this.#device.during(`a run of ${this.#parts.name}`, () => gpu.queue.onSubmittedWorkDone().then());
  }

  destroy(): void {
    for (const b of [...this.#buffers, this.#uniforms]) b.destroy();
  }

  #place(name: string): Place {
    const place = this.#places.get(name);
    if (!place) throw new RangeError(`${this.#parts.name} has no tensor ${name}`);
    if (this.#parts.temporary?.has(name) && !this.#parts.poison)
      throw new RangeError(`${name} is a temporary of ${this.#parts.name}: its memory is shared with others`);
    return place;
  }
}

/** A dispatch that has everything it needs. */
interface Ready {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly groups: readonly [number, number, number];
  readonly invocations: number;
}

/** The next ones that are submitted together: one at least. */
function submitted(list: readonly Ready[], first: number): readonly Ready[] {
  let invocations = 0;
  let end = first;
  while (end < list.length && end < first + DISPATCHES_PER_SUBMIT) {
    invocations += (list[end] as Ready).invocations;
    if (end > first && invocations > INVOCATIONS_PER_SUBMIT) break;
    end++;
  }
  return list.slice(first, end);
}
