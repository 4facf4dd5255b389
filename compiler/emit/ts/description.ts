/** What a module says and carries: a plain description of the models and networks of a file, with their kernels for each adapter. */

import type { Block } from "../../kernel/block.ts";
import type { Stage } from "../../kernel/tile/parts.ts";
import type { Dim } from "../../math/axis.ts";
import type { Interval } from "../../math/interval.ts";
import type { NetworkDescription } from "./network-description.ts";

export interface ModuleDescription {
  /** The file that it is compiled from, and by which version of miras. */
  readonly source: string;
  readonly version: string;
  readonly models: readonly ModelDescription[];
  readonly networks: readonly NetworkDescription[];
}

export interface ModelDescription {
  readonly name: string;
  /** Its choices and its derived rule, for people. */
  readonly about: string;
  readonly inputs: readonly TensorDescription[];
  /** Which of the inputs are gates. */
  readonly gates: readonly string[];
  readonly parameters: readonly TensorDescription[];
  readonly states: readonly TensorDescription[];
  /** States that do not start at zero. */
  readonly learned: readonly string[];
  readonly y: readonly Dim[];
  /** Tokens of a chunk; 1 for a model without chunks. */
  readonly chunk: number;
  /** Steps of each token. */
  readonly steps: number;
  /** Whether its rule asks which layer it is. */
  readonly knowsLayer: boolean;
  readonly builds: readonly BuildDescription[];
}

export interface TensorDescription {
  readonly name: string;
  /** Whether it comes with each step of a token. */
  readonly stepwise: boolean;
  readonly shape: readonly Dim[];
  readonly domain: Interval;
  /** What it is for, in a few words. */
  readonly role: string;
}

/** The kernels for one choice of sizes. */
export interface BuildDescription {
  readonly sizes: Readonly<Record<string, number>>;
  readonly kernels: readonly AdapterKernels[];
}

/** Those for adapters whose subgroups have so many lanes; with 0, for any adapter. */
export interface AdapterKernels {
  readonly lanes: number;
  readonly forward: KernelText | TiledText;
  readonly step: KernelText;
}

export interface KernelText {
  readonly wgsl: string;
  readonly block: Block;
}

export interface TiledText {
  readonly length: number;
  readonly kernels: readonly (KernelText & { readonly stage: Stage; readonly groups: number })[];
}
