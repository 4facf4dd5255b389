/** What a program consists of: tensors, and sequences of kernels that go from one to the other. */
import type { Block } from "../../compiler/kernel/block.ts";

/** A kernel's text, and what running it takes of its block. */
export interface ProgramCode {
  readonly wgsl: string;
  readonly block: Pick<Block, "name" | "bindings" | "lanes" | "workgroup">;
}

/** A kernel with its workgroups. */
export interface Dispatch {
  readonly code: ProgramCode;
  readonly groups: readonly [number, number, number];
  /** Words of the uniform buffer, where they are not those of `plainUniform`: then it cannot begin at any workgroup. */
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
  /** Temporary ones that lie in memory as f16. */
  readonly halves?: ReadonlySet<string>;
  readonly sequences: Readonly<Record<string, readonly Dispatch[]>>;
  /** Fills all memory with NaN first, and shares none, so that what is not written shows. */
  readonly poison?: boolean;
}
