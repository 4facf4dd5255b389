/** A network as the compiler leaves it: its kernels and sequences, for the sizes and adapters that it was built for. */
import type { Layout } from "../compiler/plan/training.ts";

/** A network as `miras build` leaves it. */
export interface NetworkCode {
  readonly name: string;
  readonly vocabulary: number;
  /** Where everything that is learned lies in one vector, and how it starts. */
  readonly layout: Layout;
  /** What the optimizer's two moments keep of themselves in each step. */
  readonly betas: readonly [number, number];
  readonly kernels: readonly NetworkKernel[];
  readonly builds: readonly NetworkBuild[];
}

/** A kernel for all the dispatches that differ in their tensors alone. */
export interface NetworkKernel {
  readonly wgsl: string;
  readonly name: string;
  readonly lanes: number;
  /** Bytes of workgroup memory. */
  readonly bytes: number;
  /** A letter for each buffer in order: `r` for one that is read, `w` for one that is written too. */
  readonly access: string;
}

/** For one choice of sizes. */
export interface NetworkBuild {
  readonly sizes: { readonly B: number; readonly T: number };
  /** For adapters whose subgroups have so many lanes; with 0, for any adapter. */
  readonly plans: readonly (NetworkPlan & { readonly lanes: number })[];
}

/**
 * Tensors and dispatches. A tensor is its place among the named ones and those that stay, in this order. Temporary ones begin
 * one after the other as the sequences come: -1 is the next one, -2 the last one that has begun, -3 the one before that.
 */
export interface NetworkPlan {
  /** Elements of the tensors that someone looks at. */
  readonly named: Readonly<Record<string, number>>;
  /** Elements of the others. */
  readonly staying: readonly number[];
  readonly temporary: readonly number[];
  /** Numbers that are the same in every run. */
  readonly fixed: readonly (readonly [tensor: number, numbers: readonly number[]])[];
  /** Tensors that lie one after the other, by the name of the whole. */
  readonly groups: Readonly<Record<string, readonly number[]>>;
  readonly sequences: Readonly<Record<string, readonly NetworkDispatch[]>>;
  /** The names of what goes in and comes out. */
  readonly io: Readonly<Record<"tokens" | "targets" | "loss" | "correct" | "counted" | "logits", string>>;
}

/** A kernel by its place in the list, its workgroups, and the tensors of its buffers in order. */
export type NetworkDispatch = readonly [
  kernel: number,
  groups: readonly [number, number, number],
  tensors: readonly number[],
];
