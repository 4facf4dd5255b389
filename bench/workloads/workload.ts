/** What contenders do: a spec with data of its kind, and its result in f64. */

/** One head, `[T, …]` and `[…]`, by name. */
export interface Head {
  readonly T: number;
  readonly d: number;
  readonly tokens: Readonly<Record<string, Float64Array>>;
  readonly states: Readonly<Record<string, Float64Array>>;
}

export interface Workload {
  readonly name: string;
  /** The spec's file, under specs/. */
  readonly spec: string;
  /** What has to be solved for all tokens of a tile at once: the class of its parallel form. */
  readonly tileClass: string;
  readonly lengths: readonly number[];
  /** Gates, with the range of their values, and whether each key channel has its own. */
  readonly gates: Readonly<Record<string, Gate>>;
  /** States that do not start at zero: how many numbers for width d. */
  readonly learned?: Readonly<Record<string, (d: number) => number>>;
  /** The arithmetic of one head by the recurrence itself: a fused multiply and add counts two. */
  flops(T: number, d: number): number;
  /** How `flops` is counted, for people. */
  readonly counted: string;
  /** `[T, d]` by plain loops. */
  exact(head: Head): Float64Array;
  readonly naive: Naive;
}

export interface Gate {
  readonly range: readonly [number, number];
  /** Whether it says how much of the memory is kept, which errors then share. */
  readonly keeps?: boolean;
  readonly perChannel?: boolean;
}

/** The kernel that one would write first: a file beside this one, over d = 64. */
export interface Naive {
  readonly file: string;
  /** The states of a head, in this order, begin its record of so many numbers. */
  readonly record?: { readonly states: readonly string[]; length(d: number): number };
  /** Workgroups along x for each head; 1 unless given. */
  readonly groups?: (T: number) => number;
}
