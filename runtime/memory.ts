/** A memory with its kernels, what it has learned and what it holds: what a module of `miras build` is made of. */
import { Decoder } from "./decode.ts";
import type { Device } from "./device.ts";
import type { KernelCode } from "./kernel.ts";
import type { MemoryBuild, MemoryCode } from "./memory-code.ts";
import { readMemory, type Tensors, writeMemory } from "./memory-file.ts";
import { RecurrentKernel, type RunResult } from "./recurrent.ts";
import { cut, joined } from "./sequences.ts";
import { checkNames, checkSizes, countOf, type Extents, tokensOf } from "./shapes.ts";
import { TiledKernel } from "./tiles.ts";

/** A record with numbers under each of its names. */
export type Numbers<T> = { readonly [Name in keyof T]: Float32Array };

/** What `create` is told besides the sizes. */
export interface Layer {
  /** Which layer of how many this is, from 0. */
  readonly layer?: { readonly index: number; readonly count: number };
}

/** What `Memory.prepare` made for a memory. */
export interface Prepared {
  readonly device: Device;
  readonly code: MemoryCode;
  readonly build: MemoryBuild;
  readonly extents: Extents;
  readonly layer: NonNullable<Layer["layer"]>;
  readonly forward: RecurrentKernel | TiledKernel;
  readonly step: KernelCode;
}

/** Where sequences stand while their states are not on the GPU: at a chunk's start, with tokens read since. */
interface Place {
  readonly atChunk: Tensors;
  readonly since: readonly Tensors[];
  /** After those tokens. */
  readonly states: Tensors;
}

/**
 * Reads B sequences with H heads. All numbers are f32, dense and row-major; which shapes, is said where each tensor is named.
 * Calls may overlap, and run in the order in which they were made.
 */
export class Memory<Inputs extends Numbers<Inputs>, States extends Numbers<States>> {
  readonly #made: Prepared;
  #parameters: Tensors = new Map();
  /** The states before the first token, as far as they are known. */
  #start: Tensors = new Map();
  /** Tokens that those have read. */
  #startRead = 0;
  #place: Place | undefined;
  #decoder: Decoder | undefined;
  /** Tokens that each sequence has read. */
  #read = 0;
  #last: Promise<unknown> = Promise.resolve();

  protected constructor(made: Prepared) {
    this.#made = made;
    this.#begin(this.#start, 0);
  }

  /** Chooses the kernels for a device, and compiles them. Throws RangeError on sizes that were not built, DeviceError where the device refuses. */
  protected static async prepare(
    device: Device,
    code: MemoryCode,
    sizes: Readonly<Record<string, number | undefined>>,
    { layer = { index: 0, count: 1 } }: Layer = {},
  ): Promise<Prepared> {
    const { build, extents } = checkSizes(code, sizes);
    const fit = build.kernels.find(({ lanes }) => lanes === device.subgroupSize);
    const kernels = fit ?? build.kernels.find(({ lanes }) => lanes === 0);
    if (!kernels) throw new RangeError(`${code.name} was built without kernels for ${device.adapter.name}`);
    const forward =
      "kernels" in kernels.forward
        ? await TiledKernel.create(device, kernels.forward)
        : await RecurrentKernel.create(device, kernels.forward);
    return { device, code, build, extents, layer, forward, step: kernels.step };
  }

  /**
   * Reads whole sequences from their start, and gives what each token reads, `y [B, T, H, …]`, and the states after the last
   * one. They start with the states that `load` brought, else with zeros, or with those given in `from`. `step` goes on from
   * their end.
   */
  forward(inputs: Inputs, from?: Partial<States>): Promise<{ y: Float32Array; states: States }> {
    return this.#inTurn(async () => {
      const { build, extents, code } = this.#made;
      const { B } = extents;
      const tensors = this.#checked(inputs);
      const T = tokensOf(code, build, extents, tensors);
      const start = from ? this.#statesOf(from) : this.#start;
      const before = from ? 0 : this.#startRead;
      this.#checkReady(start);
      this.#checkRoom(before + T);
      // A chunk that is not over yet is read apart, so that `step` can go on inside it.
      const whole = T - (T % code.chunk);
      const first = await this.#run(cut(tensors, B, T, 0, whole), whole, start);
      const rest = await this.#run(cut(tensors, B, T, whole, T), T - whole, first.states);
      const since = Array.from({ length: T - whole }, (_, t) => cut(tensors, B, T, whole + t, whole + t + 1));
      this.#place = { atChunk: first.states, since, states: rest.states };
      this.#read = before + T;
      return { y: joined(first.y, rest.y, B), states: this.#record(rest.states) };
    });
  }

  /** Reads one more token of each sequence, and gives what it reads, `y [B, H, …]`. The states stay on the GPU. */
  step(inputs: Inputs): Promise<Float32Array> {
    return this.#inTurn(async () => {
      const { build, extents, code } = this.#made;
      const tensors = this.#checked(inputs);
      const T = tokensOf(code, build, extents, tensors);
      if (T !== 1) throw new RangeError(`step reads one token, and was given ${T}; forward reads several`);
      this.#checkRoom(this.#read + 1);
      const decoder = await this.#resident();
      this.#read++;
      return decoder.step(tensors);
    });
  }

  /** Begins new sequences, with the states that `load` brought, else with zeros, or with those given. */
  init(states?: Partial<States>): Promise<void> {
    return this.#inTurn(async () => {
      if (states) this.#begin(this.#statesOf(states), 0);
      else this.#begin(this.#start, this.#startRead);
    });
  }

  /** The states after the last token. */
  states(): Promise<States> {
    return this.#inTurn(async () => this.#record(await this.#now()));
  }

  /**
   * Takes params `[H, …]` and states `[H, …]` or `[B, H, …]` from a safetensors file, such as `save` or `miras apply` writes,
   * and begins new sequences there. Throws SafetensorsError on a file that is none, RangeError on tensors that do not fit.
   */
  load(bytes: Uint8Array): Promise<void> {
    return this.#inTurn(async () => {
      const { build, extents, code } = this.#made;
      const found = readMemory(bytes, code, build, extents);
      this.#parameters = found.parameters;
      this.#start = found.states;
      this.#decoder?.destroy();
      this.#decoder = undefined;
      this.#startRead = found.read;
      this.#begin(this.#start, this.#startRead);
    });
  }

  /** The params, and the states after the last token, as a safetensors file. Throws RangeError inside a chunk. */
  save(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#inTurn(async () => {
      const { build, extents, code } = this.#made;
      const into = this.#read % code.chunk;
      if (into > 0)
        throw new RangeError(
          `${code.name} has read ${into} of the ${code.chunk} tokens of a chunk, and what it holds inside a chunk is not saved: read ${code.chunk - into} more`,
        );
      const held = { parameters: this.#parameters, states: await this.#now(), read: this.#read };
      return writeMemory(held, code, build, extents);
    });
  }

  /** Gives its buffers back. The device stays. */
  destroy(): void {
    this.#decoder?.destroy();
    this.#made.forward.destroy();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  #begin(states: Tensors, read: number): void {
    this.#place = { atChunk: states, since: [], states };
    this.#read = read;
  }

  async #run(
    tensors: Tensors,
    T: number,
    states: Tensors,
  ): Promise<Pick<RunResult, "y"> & { readonly states: Tensors }> {
    const { extents, build, forward, layer } = this.#made;
    if (T === 0) return { y: new Float32Array(), states };
    const data = new Map([...tensors, ...this.#parameters]);
    return forward.run({ ...extents, T }, data, states, countOf(build.y), { layer });
  }

  /** The decoder, where the sequences stand. */
  async #resident(): Promise<Decoder> {
    const { device, code, build, extents, layer, step } = this.#made;
    const place = this.#place;
    if (this.#decoder && !place) return this.#decoder;
    const states = place?.atChunk ?? this.#start;
    this.#checkReady(states);
    this.#decoder?.restart(states);
    this.#decoder ??= await Decoder.create(device, step, {
      ...extents,
      outputWidth: countOf(build.y),
      chunk: code.chunk,
      parameters: this.#parameters,
      states,
      layer,
    });
    for (const token of place?.since ?? []) await this.#decoder.step(token);
    this.#place = undefined;
    return this.#decoder;
  }

  async #now(): Promise<Tensors> {
    if (this.#place) return this.#all(this.#place.states);
    return (await this.#decoder?.states()) ?? this.#all(this.#start);
  }

  /** With zeros for those that are absent. */
  #all(states: Tensors): Tensors {
    const { build, extents } = this.#made;
    const count = (shape: readonly number[]): number => extents.B * extents.H * countOf(shape);
    return new Map(
      Object.entries(build.states).map(([n, shape]) => [n, states.get(n) ?? new Float32Array(count(shape))]),
    );
  }

  #record(states: Tensors): States {
    return Object.fromEntries(this.#all(states)) as States;
  }

  /** The inputs by name: all of them, and no others. */
  #checked(inputs: Inputs): Tensors {
    const { code, build } = this.#made;
    const given = new Map(Object.entries<Float32Array>(inputs));
    const names = Object.keys(build.inputs);
    checkNames(code.name, given.keys(), names, names);
    return given;
  }

  #statesOf(states: Partial<States>): Tensors {
    const { code, build, extents } = this.#made;
    const { B, H } = extents;
    const given = new Map(Object.entries<Float32Array>(states as Numbers<States>));
    checkNames(code.name, given.keys(), Object.keys(build.states), code.learned);
    for (const [name, { length }] of given) {
      const shape = [B, H, ...(build.states[name] ?? [])];
      if (length !== countOf(shape))
        throw new RangeError(
          `${name} has ${length} numbers, and a state [${shape.join(", ")}] has ${countOf(shape)}`,
        );
    }
    return given;
  }

  /** What is learned has to be there before the first token. */
  #checkReady(states: Tensors): void {
    const { code, build } = this.#made;
    const parameters = Object.keys(build.parameters).filter((n) => !this.#parameters.has(n));
    const missing = code.learned.filter((n) => !states.has(n));
    if (parameters.length + missing.length === 0) return;
    const ways = parameters.length > 0 ? "load" : "load, or to init";
    throw new RangeError(
      `${code.name} has learned tensors, and nothing brought ${[...parameters, ...missing].join(", ")}: give them to ${ways}`,
    );
  }

  /** A memory of all tokens has room for as many as it was built for. */
  #checkRoom(tokens: number): void {
    const { code, build } = this.#made;
    const { tokens: most } = build.sizes;
    if (most !== undefined && tokens > most)
      throw new RangeError(
        `${code.name} was built for ${most} tokens, and this would be token ${tokens}: build it with a larger \`tokens\``,
      );
  }
}
