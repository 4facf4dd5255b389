/** What a module says and carries of a network: its weights, and its kernels and sequences for each adapter. */
import type { Block } from "../../kernel/block.ts";

export interface NetworkDescription {
  readonly name: string;
  /** Its parts and what it learns, for people. */
  readonly about: string;
  readonly vocabulary: number;
  /** Where everything that is learned lies in one vector, and how it starts. */
  readonly layout: {
    readonly weights: readonly WeightDescription[];
    readonly length: number;
    readonly shrinking: number;
  };
  readonly betas: readonly [number, number];
  readonly builds: readonly NetworkBuildDescription[];
}

export interface WeightDescription {
  readonly name: string;
  readonly shape: readonly number[];
  readonly start:
    | { readonly kind: "constant"; readonly value: number }
    | { readonly kind: "normal"; readonly deviation: number };
  readonly offset: number;
}

/** For one choice of sizes. */
export interface NetworkBuildDescription {
  readonly sizes: { readonly B: number; readonly T: number };
  /** For adapters whose subgroups have so many lanes; with 0, for any adapter. */
  readonly plans: readonly { readonly lanes: number; readonly plan: PlanDescription }[];
}

/** Tensors and sequences of kernels, by names. */
export interface PlanDescription {
  /** Elements of every tensor. */
  readonly tensors: ReadonlyMap<string, number>;
  readonly temporary: ReadonlySet<string>;
  readonly fixed: ReadonlyMap<string, readonly number[]>;
  readonly groups: ReadonlyMap<string, { readonly tensors: readonly string[] }>;
  readonly sequences: Readonly<Record<string, readonly DispatchDescription[]>>;
  readonly io: Readonly<Record<string, string>>;
  /** The tensors besides those of `io` that someone looks at by their names. */
  readonly named: readonly string[];
}

export interface DispatchDescription {
  /** One of several kernels that differ in names alone. */
  readonly code: { readonly wgsl: string; readonly block: Block };
  readonly groups: readonly [number, number, number];
  /** The tensor that stands for each binding of this dispatch, in order. */
  readonly bound: readonly string[];
}
