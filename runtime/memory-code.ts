/** A memory as the compiler leaves it: its kernels for the sizes and adapters that it was built for. */
import type { KernelCode, TiledCode } from "./kernel.ts";

/** Shapes by name, without the sequences, tokens and heads before them. */
export type Shapes = Readonly<Record<string, readonly number[]>>;

/** A model as `miras build` leaves it. */
export interface MemoryCode {
  readonly name: string;
  /** Tokens of a chunk; 1 for a model without chunks. */
  readonly chunk: number;
  /** Steps of each token, and the inputs that come with each of them. */
  readonly steps: number;
  readonly stepwise: readonly string[];
  /** States that do not start at zero. */
  readonly learned: readonly string[];
  readonly builds: readonly MemoryBuild[];
}

/** The same for one choice of sizes. */
export interface MemoryBuild {
  readonly sizes: Readonly<Record<string, number>>;
  readonly inputs: Shapes;
  readonly parameters: Shapes;
  readonly states: Shapes;
  readonly y: readonly number[];
  /** For adapters whose subgroups have so many lanes; with 0, for any adapter. */
  readonly kernels: readonly {
    readonly lanes: number;
    readonly forward: KernelCode | TiledCode;
    readonly step: KernelCode;
  }[];
}
