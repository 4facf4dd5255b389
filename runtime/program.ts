/**
 * Runs a program of kernels over named tensors: all in memory of the GPU, and sequences of dispatches that go from one
 * to the other. Tensors that only one sequence uses share memory where their lifetimes do not overlap.
 */
import type { Binding, Block } from "../compiler/kernel/block.ts";
import type { Device } from "./device.ts";
import { CapacityError } from "./resources.ts";

/** A kernel's text, and what running it takes of its block. */
export interface ProgramCode {
  readonly wgsl: string;
  readonly block: Pick<Block, "name" | "bindings" | "lanes" | "workgroup">;
}

/** A kernel with its workgroups. */
export interface Dispatch {
  readonly code: ProgramCode;
  readonly groups: readonly [number, number, number];
  /** Words of the uniform buffer, where they are not those of `plainUniform`. */
  readonly uniform?: Uint32Array<ArrayBuffer>;
  /** The tensor, or the group of tensors, that stands for a binding by name; without it the tensors that the binding holds. */
  readonly bound?: Readonly<Record<string, string>>;
}

export interface ProgramParts {
  /** What the whole is called, for messages. */
  readonly name: string;
  /** Elements of every tensor. */
  readonly tensors: ReadonlyMap<string, number>;
  /** Tensors that are the same memory as another of as many elements: new name → old name. */
  readonly aliases?: ReadonlyMap<string, string>;
  /**
   * Tensors that lie one after the other in one buffer, by the name of the group: a binding that holds all of them, in
   * this order, is bound to it. Where `apart`, each can be bound alone as well, and begins at a multiple of 256 bytes.
   */
  readonly groups?: ReadonlyMap<string, { readonly tensors: readonly string[]; readonly apart?: boolean }>;
  /** Tensors whose contents are nobody's business outside a run of a sequence: their memory may be shared. */
  readonly temporary?: ReadonlySet<string>;
  readonly sequences: Readonly<Record<string, readonly Dispatch[]>>;
  /** Fills all memory with NaN first, and shares none, so that what is not written shows. */
  readonly poison?: boolean;
}

/** Where a tensor lies. */
interface Place {
  readonly buffer: number;
  /** In bytes. */
  readonly offset: number;
  readonly bytes: number;
}

/** Uniform buffers, and parts of storage buffers, begin at multiples of this. */
const ALIGNMENT = 256;
/** Dispatches, and invocations, of one submission: so many that it costs little for each, so few that it is short. */
const DISPATCHES_PER_SUBMIT = 64;
const INVOCATIONS_PER_SUBMIT = 2 ** 20;
const NAN_BITS = 0x7fc00000;

/** The fields of a run that is none of a sequence of tokens: a step of 1, the rest 0. */
const plainUniform = (): Uint32Array<ArrayBuffer> => Uint32Array.of(0, 0, 0, 1, 0, 0);

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
    check(device, parts, sizes);
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

interface Compiled {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/**
 * What a text says, whatever it calls things and remarks on them: compiling takes long, and the layers of a network differ
 * in their names alone.
 */
export function meaningOf({ wgsl }: Pick<ProgramCode, "wgsl">): string {
  const code = wgsl.replaceAll(/\/\/.*/g, "");
  const declared = code.matchAll(/\b(?:let|var(?:<[^>]*>)?)\s+(\w+)/g);
  const names = new Map<string, string>();
  for (const [, name = ""] of declared) if (!names.has(name)) names.set(name, `$${names.size}`);
  return code.replaceAll(/\b[A-Za-z_]\w*/g, (name) => names.get(name) ?? name);
}

/** A pipeline for each meaning. */
async function compiled(gpu: GPUDevice, dispatches: readonly Dispatch[]): Promise<Map<string, Compiled>> {
  const byText = new Map(dispatches.map(({ code }) => [meaningOf(code), code]));
  const made = [...byText].map(async ([meaning, { wgsl, block }]): Promise<[string, Compiled]> => {
    // Not the layout that is taken from the text: that lacks the bindings that are not used.
    const types: GPUBufferBindingType[] = [
      ...block.bindings.map((b) => (b.access === "read" ? "read-only-storage" : "storage")),
      "uniform",
    ];
    const layout = gpu.createBindGroupLayout({
      entries: types.map((type, binding) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type },
      })),
    });
    const pipeline = await gpu.createComputePipelineAsync({
      layout: gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module: gpu.createShaderModule({ code: wgsl, label: block.name }), entryPoint: "main" },
      label: block.name,
    });
    return [meaning, { pipeline, layout }];
  });
  return new Map(await Promise.all(made));
}

const wordsOf = (d: Dispatch): Uint32Array<ArrayBuffer> => d.uniform ?? plainUniform();

/** All uniforms in one buffer, equal ones once. */
function uniformsOf(dispatches: readonly Dispatch[]): {
  data: Uint8Array<ArrayBuffer>;
  offsets: Map<Dispatch, number>;
} {
  const slots = new Map<string, { at: number; words: Uint32Array<ArrayBuffer> }>();
  const offsets = new Map<Dispatch, number>();
  let end = 0;
  for (const d of dispatches) {
    const words = wordsOf(d);
    const key = words.join();
    let slot = slots.get(key);
    if (!slot) {
      slot = { at: end, words };
      slots.set(key, slot);
      end += Math.ceil(words.byteLength / ALIGNMENT) * ALIGNMENT;
    }
    offsets.set(d, slot.at);
  }
  const data = new Uint8Array(Math.max(ALIGNMENT, end));
  for (const { at, words } of slots.values()) data.set(new Uint8Array(words.buffer, 0, words.byteLength), at);
  return { data, offsets };
}

// ---------------------------------------------------------------- memory

/** The tensor whose memory a name means. */
function ownerOf(name: string, { aliases }: ProgramParts): string {
  let owner = name;
  for (let old = aliases?.get(owner); old !== undefined; old = aliases?.get(owner)) owner = old;
  return owner;
}

/** The key under which the place of a binding's tensors is known. */
function boundTo(b: Binding, d: Dispatch, parts: ProgramParts): string {
  const explicit = d.bound?.[b.name];
  if (explicit !== undefined) return explicit;
  const [only] = b.holds;
  if (b.holds.length === 1 && only) return only.name;
  const held = b.holds.map((t) => ownerOf(t.name, parts)).join();
  for (const [name, { tensors }] of parts.groups ?? []) {
    if (tensors.map((t) => ownerOf(t, parts)).join() === held) return name;
  }
  throw new RangeError(
    `${d.code.block.name}: nothing is bound to ${b.name}, and no group holds what it does`,
  );
}

function placeOf(b: Binding, d: Dispatch, parts: ProgramParts, places: ReadonlyMap<string, Place>): Place {
  const name = boundTo(b, d, parts);
  const place = places.get(name);
  if (!place) throw new RangeError(`${d.code.block.name}: there is no tensor ${name} for ${b.name}`);
  return place;
}

/** Where every tensor and group lies, and how large each buffer is. */
function layOut(parts: ProgramParts): { places: Map<string, Place>; sizes: number[] } {
  const { tensors, groups = new Map(), aliases = new Map() } = parts;
  const places = new Map<string, Place>();
  const sizes: number[] = [];
  const bytesOf = (name: string): number => {
    const elements = tensors.get(name);
    if (elements === undefined) throw new RangeError(`${parts.name}: no size is given for ${name}`);
    return 4 * elements;
  };
  const add = (bytes: number): number => sizes.push(rounded(bytes)) - 1;
  for (const [name, { tensors: members, apart }] of groups) {
    let end = 0;
    const buffer = add(0);
    for (const t of members) {
      if (apart) end = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
      places.set(t, { buffer, offset: end, bytes: rounded(bytesOf(t)) });
      end += bytesOf(t);
    }
    sizes[buffer] = rounded(Math.ceil(end / ALIGNMENT) * ALIGNMENT);
    places.set(name, { buffer, offset: 0, bytes: sizes[buffer] as number });
  }
  const shared = parts.poison ? new Map<string, Lifetime>() : lifetimes(parts);
  for (const name of tensors.keys()) {
    if (places.has(name) || aliases.has(name) || shared.has(name)) continue;
    const bytes = bytesOf(name);
    places.set(name, { buffer: add(bytes), offset: 0, bytes: rounded(bytes) });
  }
  for (const [name, place] of share(shared, (name) => rounded(bytesOf(name)), sizes)) places.set(name, place);
  for (const name of aliases.keys()) {
    const owner = ownerOf(name, parts);
    const place = places.get(owner);
    if (!place || bytesOf(owner) !== bytesOf(name))
      throw new RangeError(`${name} cannot lie where ${owner} does: they differ in size`);
    places.set(name, place);
  }
  return { places, sizes };
}

/** A buffer of a size that WebGPU can bind and copy. */
const rounded = (bytes: number): number => Math.max(16, Math.ceil(bytes / 16) * 16);

/** The dispatches of a sequence between which a temporary is in use. */
interface Lifetime {
  readonly sequence: string;
  readonly first: number;
  last: number;
}

/** Of the temporaries that one sequence alone uses. */
function lifetimes(parts: ProgramParts): Map<string, Lifetime> {
  const found = new Map<string, Lifetime>();
  const several = new Set<string>();
  const temporary = parts.temporary ?? new Set();
  const grouped = new Set([...(parts.groups ?? new Map()).values()].flatMap((g) => g.tensors));
  for (const [sequence, list] of Object.entries(parts.sequences)) {
    for (const [i, d] of list.entries()) {
      for (const b of d.code.block.bindings) {
        const name = ownerOf(boundTo(b, d, parts), parts);
        if (!temporary.has(name) || grouped.has(name)) continue;
        const known = found.get(name);
        if (!known) found.set(name, { sequence, first: i, last: i });
        else if (known.sequence === sequence) known.last = i;
        else several.add(name);
      }
    }
  }
  for (const name of several) found.delete(name);
  return found;
}

/**
 * One after the other, each takes the smallest buffer that is free and large enough; or the largest free one, made
 * larger; or a new one.
 */
function share(
  all: ReadonlyMap<string, Lifetime>,
  bytesOf: (name: string) => number,
  sizes: number[],
): Map<string, Place> {
  const places = new Map<string, Place>();
  /** The buffers made here, and when each is free again, in each sequence. */
  const free = new Map<number, Map<string, number>>();
  const ordered = [...all].sort(([, a], [, b]) => a.first - b.first);
  for (const [name, { sequence, first, last }] of ordered) {
    const bytes = bytesOf(name);
    const candidates = [...free].filter(([, until]) => (until.get(sequence) ?? -1) < first).map(([b]) => b);
    candidates.sort((a, b) => (sizes[a] as number) - (sizes[b] as number));
    let buffer = candidates.find((b) => (sizes[b] as number) >= bytes) ?? candidates.at(-1);
    if (buffer === undefined) {
      buffer = sizes.push(bytes) - 1;
      free.set(buffer, new Map());
    }
    sizes[buffer] = Math.max(sizes[buffer] as number, bytes);
    free.get(buffer)?.set(sequence, last);
    places.set(name, { buffer, offset: 0, bytes });
  }
  return places;
}

// ---------------------------------------------------------------- limits

function check({ limits }: Device, { name, sequences }: ProgramParts, sizes: readonly number[]): void {
  const repair = "use a smaller batch, a shorter sequence or a smaller network";
  const largest = sizes.reduce((a, b) => Math.max(a, b), 0);
  const most = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
  if (largest > most)
    throw new CapacityError(
      `${name} needs a buffer of ${largest} bytes, and the device allows ${most}: ${repair}`,
    );
  for (const { code, groups } of Object.values(sequences).flat()) {
    const { block } = code;
    const needs = (what: string, needed: number, allowed: number): void => {
      if (needed > allowed)
        throw new CapacityError(
          `${block.name} needs ${needed} ${what}, and the device allows ${allowed}: ${repair}`,
        );
    };
    needs("workgroups in a row", Math.max(...groups), limits.maxComputeWorkgroupsPerDimension);
    needs("storage buffers", block.bindings.length, limits.maxStorageBuffersPerShaderStage);
    needs("invocations a workgroup", block.lanes, limits.maxComputeInvocationsPerWorkgroup);
    const bytes = block.workgroup.reduce((n, w) => n + 4 * w.length, 0);
    needs("bytes of workgroup memory", bytes, limits.maxComputeWorkgroupStorageSize);
  }
}
