/** What runs a network: tensors in memory by name, and kernels in sequences. It is data alone, for the runtime. */
import type { DenseKernel } from "../dense/lower.ts";
import { printWgsl } from "../emit/wgsl/print.ts";
import type { Block } from "../kernel/block.ts";
import { inHalves } from "../kernel/halves.ts";
import { elements, type Sizes } from "../math/axis.ts";
import type { Tensor } from "../math/expr.ts";

/** A kernel with its workgroups; `bound` says which tensor stands for a binding, where it is not the one it holds. */
export interface Dispatch {
  readonly code: { readonly wgsl: string; readonly block: Block };
  readonly groups: readonly [number, number, number];
  readonly bound: Readonly<Record<string, string>>;
  /** Words of the uniform buffer: `RUN_FIELDS` and the block's bases, where the kernel walks through tokens. */
  readonly uniform?: Uint32Array<ArrayBuffer>;
}

/** Numbers that are the same in every run. */
export type Fixed = ReadonlyMap<string, readonly number[]>;

export class PlanBuilder {
  /** Elements of every tensor. */
  readonly tensors = new Map<string, number>();
  /** Those that no one looks at from outside. */
  readonly temporary = new Set<string>();
  readonly fixed = new Map<string, readonly number[]>();
  readonly sequences = new Map<string, Dispatch[]>();
  /** Those that lie in memory as f16; to be known before any kernel is run. */
  readonly halves: ReadonlySet<string>;
  readonly #narrowed = new WeakMap<Block, Map<string, Block>>();
  readonly #texts = new WeakMap<Block, string>();

  constructor(halves: ReadonlySet<string> = new Set()) {
    this.halves = halves;
  }

  /** A tensor that stays; a second time it must be as long. */
  tensor(name: string, length: number): string {
    this.tensors.set(name, length);
    this.temporary.delete(name);
    return name;
  }

  /** One that only the kernels know. */
  passing(name: string, length: number): string {
    if (!this.tensors.has(name)) this.temporary.add(name);
    this.tensors.set(name, length);
    return name;
  }

  /** A number that never changes. */
  number(value: number): string {
    const name = `number ${value}`;
    this.fixed.set(name, [value]);
    return this.tensor(name, 1);
  }

  /** Runs kernels; `place` says which tensor of the plan stands for one of the kernels' own. */
  run(
    sequence: string,
    kernels: readonly DenseKernel[],
    sizes: Sizes,
    place: (t: Tensor) => string | undefined,
  ): void {
    for (const { block, groups } of kernels) {
      const bound: Record<string, string> = {};
      for (const { name, holds } of block.bindings) {
        const [tensor] = holds as [Tensor];
        bound[name] = place(tensor) ?? this.passing(tensor.name, elements(tensor.shape, sizes));
      }
      this.dispatch(sequence, this.#inMemory(block, bound), { groups, bound });
    }
  }

  dispatch(sequence: string, block: Block, how: Omit<Dispatch, "code">): void {
    const list = this.sequences.get(sequence) ?? [];
    this.sequences.set(sequence, list);
    list.push({ code: { block, wgsl: this.#text(block) }, ...how });
  }

  /** The block for the tensors that it is bound to; the same one for the same choice of them. */
  #inMemory(block: Block, bound: Readonly<Record<string, string>>): Block {
    const narrow = Object.keys(bound).filter((name) => this.halves.has(bound[name] as string));
    if (narrow.length === 0) return block;
    const made = this.#narrowed.get(block) ?? new Map<string, Block>();
    this.#narrowed.set(block, made);
    const key = narrow.join();
    const found = made.get(key) ?? inHalves(block, new Set(narrow));
    made.set(key, found);
    return found;
  }

  #text(block: Block): string {
    let text = this.#texts.get(block);
    if (text === undefined) {
      text = printWgsl(block);
      this.#texts.set(block, text);
    }
    return text;
  }
}
