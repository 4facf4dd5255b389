/**
 * A sequence of dispatches on a device. The first two times each is waited for, alone: then it is known how long it takes,
 * and into how many pieces it has to be cut so that none is long. From then on they are submitted many at a time.
 */
import { ALIGNMENT } from "./layout.ts";
import { type Piece, piecesOf, probeOf } from "./pieces.ts";
import { plainUniform } from "./uniforms.ts";

/** Dispatches of one submission: so many that it costs little for each. */
const DISPATCHES_PER_SUBMIT = 64;
/** Workgroups that are worth a try of a few of them before the first run of all. */
const WORTH_A_PROBE = 64;

type Groups = readonly [number, number, number];

interface Part {
  readonly group: GPUBindGroup;
  readonly groups: Groups;
}

/** A dispatch that has everything it needs. */
export interface Ready {
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  /** The bindings before the uniform buffer. */
  readonly storage: readonly GPUBindingResource[];
  /** All of it at once. */
  readonly whole: Part;
  /** Whether it can begin with any of its workgroups. */
  readonly startsAnywhere: boolean;
}

/** How it is run, and how long that takes. */
interface Paced {
  readonly ready: Ready;
  parts: readonly Part[];
  /** The uniforms of the parts. */
  uniforms: GPUBuffer | undefined;
  milliseconds: number;
}

export class Sequence {
  readonly #gpu: GPUDevice;
  readonly #label: string;
  readonly #all: readonly Paced[];
  readonly #longest: number;
  #timesMeasured = 0;

  constructor(gpu: GPUDevice, label: string, all: readonly Ready[], longest: number) {
    this.#gpu = gpu;
    this.#label = label;
    this.#longest = longest;
    this.#all = all.map((ready) => ({ ready, parts: [ready.whole], uniforms: undefined, milliseconds: 0 }));
  }

  /** Once cold, where whatever a device does but once counts, and once warm. */
  get isMeasured(): boolean {
    return this.#timesMeasured >= 2;
  }

  /** Runs all of it, each dispatch alone. */
  async measure(): Promise<void> {
    for (const paced of this.#all) {
      const { ready } = paced;
      const [x, y, z] = ready.whole.groups;
      const count = x * y * z;
      const canBeCut = ready.startsAnywhere && count > 1;
      if (this.#timesMeasured === 0 && canBeCut && count >= WORTH_A_PROBE) {
        const probe = { from: 0, to: probeOf(count) };
        this.#cut(paced, [probe]);
        const few = await this.#timed(paced);
        const rest = { from: probe.to, to: count };
        this.#cut(paced, piecesOf(rest, (few * (count - probe.to)) / probe.to, this.#longest));
        paced.milliseconds = few + (await this.#timed(paced));
      } else paced.milliseconds = await this.#timed(paced);
      const pieces = canBeCut ? piecesOf({ from: 0, to: count }, paced.milliseconds, this.#longest) : [];
      if (pieces.length > 1) this.#cut(paced, pieces);
      else this.#whole(paced);
    }
    this.#timesMeasured++;
  }

  /** Submits all of it. */
  start(): void {
    let first = 0;
    while (first < this.#all.length) {
      let milliseconds = 0;
      let end = first;
      while (end < this.#all.length && end < first + DISPATCHES_PER_SUBMIT) {
        milliseconds += (this.#all[end] as Paced).milliseconds;
        if (end > first && milliseconds > this.#longest) break;
        end++;
      }
      const together = this.#all.slice(first, end);
      // What is cut is longer than a submission should be: a piece at a time.
      if (together.length === 1)
        for (const part of (together[0] as Paced).parts) this.#submit(together, part);
      else this.#submit(together);
      first = end;
    }
  }

  destroy(): void {
    for (const { uniforms } of this.#all) uniforms?.destroy();
  }

  async #timed(paced: Paced): Promise<number> {
    const begun = performance.now();
    for (const part of paced.parts) this.#submit([paced], part);
    await this.#gpu.queue.onSubmittedWorkDone();
    return performance.now() - begun;
  }

  #submit(some: readonly Paced[], only?: Part): void {
    const encoder = this.#gpu.createCommandEncoder({ label: this.#label });
    const pass = encoder.beginComputePass({ label: `${this.#label}, from ${some[0]?.ready.label}` });
    for (const { ready, parts } of some) {
      pass.setPipeline(ready.pipeline);
      for (const { group, groups } of only ? [only] : parts) {
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(...groups);
      }
    }
    pass.end();
    this.#gpu.queue.submit([encoder.finish()]);
  }

  #whole(paced: Paced): void {
    paced.uniforms?.destroy();
    paced.uniforms = undefined;
    paced.parts = [paced.ready.whole];
  }

  #cut(paced: Paced, pieces: readonly Piece[]): void {
    const gpu = this.#gpu;
    const { layout, storage } = paced.ready;
    paced.uniforms?.destroy();
    const size = plainUniform().byteLength;
    const uniforms = gpu.createBuffer({
      size: Math.max(1, pieces.length) * ALIGNMENT,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
      label: paced.ready.label,
    });
    paced.uniforms = uniforms;
    paced.parts = pieces.map(({ from, to }, i): Part => {
      const offset = i * ALIGNMENT;
      gpu.queue.writeBuffer(uniforms, offset, plainUniform(from));
      const entries = [...storage, { buffer: uniforms, offset, size }].map((resource, binding) => ({
        binding,
        resource,
      }));
      return { group: gpu.createBindGroup({ layout, entries }), groups: [to - from, 1, 1] };
    });
  }
}
