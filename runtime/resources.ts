/** What one run takes of its device: buffers and workgroups, never more than there are. */
import type { BufferPool } from "./buffers.ts";
import type { Device } from "./device.ts";
import type { Launch } from "./kernel.ts";
import { boundsOf } from "./sequences.ts";

const NAN_BITS = 0x7fc00000;

/** What was asked for is more than the device can take: the message says how much, and what would fit. */
export class CapacityError extends Error {
  override readonly name = "CapacityError";
}

/** The buffers of a kernel's bindings, in their order. */
export interface Bound {
  readonly buffers: readonly GPUBuffer[];
  /** Where packed inputs begin, as the block's `bases` want it. */
  readonly bases: readonly number[];
  /** Which buffer each input lies in, and where it begins there. */
  readonly inputs: ReadonlyMap<string, { readonly buffer: GPUBuffer; readonly base: number }>;
}

export class Resources {
  readonly #device: Device;
  readonly #pool: BufferPool;
  readonly #name: string;
  readonly #poison: boolean;
  readonly #taken: GPUBuffer[] = [];
  readonly #uploaded = new Map<string, GPUBuffer>();

  /** For a run of what is called `name`; with `poison`, what it does not write is NaN. */
  constructor(device: Device, pool: BufferPool, name: string, poison = false) {
    this.#device = device;
    this.#pool = pool;
    this.#name = name;
    this.#poison = poison;
  }

  /** A storage buffer of `count` numbers, whatever they are. */
  storage(count: number): GPUBuffer {
    const limit = this.#device.limits.maxStorageBufferBindingSize;
    if (4 * count > limit)
      throw new CapacityError(
        `${this.#name} needs a buffer of ${4 * count} bytes, and the device allows ${limit}: use a smaller batch or a shorter sequence`,
      );
    return this.#take(4 * count, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST);
  }

  /** One for numbers that the kernels make. */
  made(count: number): GPUBuffer {
    if (!this.#poison) return this.storage(count);
    return this.upload(new Float32Array(new Uint32Array(count).fill(NAN_BITS).buffer));
  }

  /** One that holds these, one after the other. */
  upload(...parts: readonly (Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>)[]): GPUBuffer {
    const bounds = boundsOf(parts.map((p) => p.length));
    const buffer = this.storage(bounds.at(-1) as number);
    for (const [i, part] of parts.entries())
      this.#device.gpu.queue.writeBuffer(buffer, 4 * (bounds[i] as number), part);
    return buffer;
  }

  uniform(bytes: number): GPUBuffer {
    return this.#take(bytes, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
  }

  /** The run's `own` buffers by name, and one for each other binding: its inputs, uploaded once for all kernels that read them. */
  bind(
    { bindings }: Launch,
    own: Readonly<Record<string, GPUBuffer>>,
    numbersOf: (input: string) => Float32Array<ArrayBuffer>,
  ): Bound {
    const bases: number[] = [];
    const inputs = new Map<string, { buffer: GPUBuffer; base: number }>();
    const buffers = bindings.map(({ name, holds }) => {
      const made = own[name];
      if (made) return made;
      const parts = holds.map((t) => numbersOf(t.name));
      const begins = boundsOf(parts.map((p) => p.length)).slice(0, -1);
      const key = holds.map((t) => t.name).join();
      const buffer = this.#uploaded.get(key) ?? this.upload(...parts);
      this.#uploaded.set(key, buffer);
      if (holds.length > 1) bases.push(...begins);
      for (const [i, t] of holds.entries()) inputs.set(t.name, { buffer, base: begins[i] as number });
      return buffer;
    });
    return { buffers, bases, inputs };
  }

  release(): void {
    for (const buffer of this.#taken.splice(0)) this.#pool.give(buffer);
  }

  #take(bytes: number, usage: GPUBufferUsageFlags): GPUBuffer {
    const buffer = this.#pool.take(bytes, usage);
    this.#taken.push(buffer);
    return buffer;
  }
}

/** Refuses more sequences or heads than a dispatch has workgroups. */
export function checkGrid({ limits }: Device, sequences: number, heads: number): void {
  const most = limits.maxComputeWorkgroupsPerDimension;
  if (sequences > most || heads > most)
    throw new CapacityError(
      `sequences: ${sequences}, heads: ${heads}; the device takes at most ${most} of each in one run: split the batch`,
    );
}
