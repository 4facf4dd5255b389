/**
 * Level 6: a program for one workgroup. Straight-line code over numbers in registers, workgroup memory
 * and storage memory, with counted loops. Every decision has been taken; emitting it as WGSL only prints.
 */
import type { Tensor } from "../math/expr.ts";
import type { Elementwise, Reduction } from "../math/node.ts";

/** An unsigned integer expression: positions in arrays and buffers. */
export type Index =
  | number
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "sum"; readonly terms: readonly Index[] }
  | { readonly kind: "product"; readonly factors: readonly Index[] }
  | { readonly kind: "quotient" | "remainder"; readonly of: Index; readonly by: Index }
  | { readonly kind: "difference"; readonly from: Index; readonly less: Index }
  | { readonly kind: "least"; readonly of: readonly Index[] }
  /** An element of a buffer of unsigned integers. */
  | { readonly kind: "load"; readonly buffer: string; readonly index: Index };

/** `index < bound`; where it is `wide`, of each of four indices in a row, of which this is the first. */
export interface Below {
  readonly index: Index;
  readonly bound: Index;
  readonly wide?: true;
}

/** A number; where it is `wide`, four in a row: an index says the first. */
export type Value =
  | { readonly kind: "constant"; readonly value: number }
  | Place
  /** From a buffer of numbers; or, of a buffer of fours, all of them or the one at `component`. */
  | {
      readonly kind: "load";
      readonly buffer: string;
      readonly index: Index;
      readonly component?: Index;
      readonly wide?: true;
      /** The buffer's numbers have 16 bits. */
      readonly half?: true;
    }
  /** Four numbers as one value, or one four times; one of such four; and their sum, or another reduction of them. */
  | { readonly kind: "four"; readonly of: readonly Value[] }
  | { readonly kind: "component"; readonly of: Value; readonly at: 0 | 1 | 2 | 3 }
  | { readonly kind: "total"; readonly of: Value; readonly op?: Reduction }
  | { readonly kind: "apply"; readonly op: Elementwise; readonly args: readonly Value[] }
  /** What another lane of the subgroup holds. */
  | { readonly kind: "shuffle"; readonly value: Value; readonly lane: Index }
  | { readonly kind: "reduce-lanes"; readonly op: Reduction; readonly value: Value }
  /** `value` where the index is in range, else a number that changes nothing; where it is wide, each of the four. */
  | {
      readonly kind: "masked";
      readonly value: Value;
      readonly where: readonly Below[];
      readonly otherwise: string;
      readonly wide?: true;
    }
  | { readonly kind: "float"; readonly index: Index; readonly wide?: true }
  /** A number as an unsigned integer: that of a row, or their count where it is none of them. */
  | { readonly kind: "row"; readonly value: Value; readonly count: number }
  /** 1 where two indices agree, else 0; the left one is the first of four where it is wide. */
  | { readonly kind: "same"; readonly left: Index; readonly right: Index; readonly wide?: true };

/** A register, or an element of an array in registers or workgroup memory, or of a planar one; with no index, all of it. */
export type Place =
  | { readonly kind: "local"; readonly name: string; readonly wide?: true }
  | {
      readonly kind: "element";
      readonly array: string;
      readonly index: readonly Index[];
      readonly wide?: true;
      readonly planar?: true;
    };

/**
 * An array of fours in registers that lasts as long as the program. Each of the four lies in an array of its own: drivers
 * compile in time quadratic in the accesses to one array, and to four of them in a quarter of it.
 */
export interface Planar {
  readonly name: string;
  readonly extents: readonly number[];
  /** What lies where. */
  readonly text: string;
}

/** What the names of its parts add to the name of a planar array: the four, and how one reads and sets them. */
export const PLANES = ["x", "y", "z", "w"] as const;
export const READ = "at";
export const SET = "set";

export type Stmt =
  | { readonly kind: "comment"; readonly text: string }
  | { readonly kind: "let"; readonly name: string; readonly value: Value }
  | { readonly kind: "index"; readonly name: string; readonly value: Index }
  /** A number (no extents) or an array of numbers in registers; or of fours. A number can start as any `value`. */
  | {
      readonly kind: "variable";
      readonly name: string;
      readonly extents: readonly number[];
      readonly initial?: string;
      readonly value?: Value;
      readonly wide?: true;
    }
  | { readonly kind: "assign"; readonly place: Place; readonly value: Value }
  | { readonly kind: "merge"; readonly place: Place; readonly op: Reduction; readonly value: Value }
  | {
      readonly kind: "store";
      readonly buffer: string;
      readonly index: Index;
      readonly component?: Index;
      readonly value: Value;
      readonly half?: true;
    }
  | {
      readonly kind: "loop";
      readonly name: string;
      readonly from: Index;
      readonly to: Index;
      /**
       * A loop that must stay one steps by a uniform that is always 1, so that no driver can unroll it.
       * Any other loop has a constant number of turns and may be unrolled.
       */
      readonly step: "one" | "rolled" | number;
      readonly body: readonly Stmt[];
    }
  /** A loop whose turns the workgroups take one after the other. */
  | {
      readonly kind: "share";
      readonly name: string;
      readonly to: number;
      readonly step: number;
      readonly body: readonly Stmt[];
    }
  | { readonly kind: "when"; readonly all: readonly Below[]; readonly body: readonly Stmt[] }
  /** In one turn of each period: at the first token of a chunk, or at the last step of a token. */
  | {
      readonly kind: "every";
      readonly index: Index;
      readonly period: number;
      readonly phase: number;
      readonly body: readonly Stmt[];
    }
  /** Ends the loop around for this lane, where all four of `value` ≤ `atMost`. */
  | { readonly kind: "stop"; readonly value: Value; readonly atMost: Value }
  /** Ends the loop around, where `value` ≤ `atMost`: all lanes agree, by what the first one leaves in `flag`. */
  | { readonly kind: "leave"; readonly flag: string; readonly value: Value; readonly atMost: Value }
  | { readonly kind: "barrier"; readonly memory: "workgroup" | "storage" };

/** A storage buffer, and which tensor lies in it from where on. */
export interface Binding {
  readonly name: string;
  readonly access: "read" | "read_write";
  /** What its elements are, where not f32. */
  readonly element?: "u32" | "vec4f" | "f16";
  readonly holds: readonly Tensor[];
}

/** A tensor in a record of states: one record for each batch and head. */
export interface Slot {
  readonly tensor: Tensor;
  readonly name: string;
  readonly offset: number;
  readonly length: number;
}

export interface Block {
  readonly name: string;
  readonly lanes: number;
  readonly subgroups: boolean;
  /** Workgroups are (tiles, H, B), or (tiles, H, N) for N packed sequences. */
  readonly tiles: number;
  readonly bindings: readonly Binding[];
  /** Fields of the uniform buffer after the fixed ones: where packed tensors begin. */
  readonly bases: readonly string[];
  readonly workgroup: readonly { readonly name: string; readonly length: number }[];
  readonly planar: readonly Planar[];
  /** The record of states of one batch and head, in the `state` buffer. */
  readonly state: { readonly stride: number; readonly slots: readonly Slot[] };
  /** Numbers of the `scratch` buffer for one batch and head; 0 where there is none. */
  readonly scratchStride: number;
  /** Turns of each token, and how often one goes over the states. */
  readonly steps: number;
  readonly passes: number;
  /** A sequence may be split over dispatches at multiples of this many tokens. */
  readonly quantum: number;
  readonly body: readonly Stmt[];
}

/** The fixed fields of the uniform buffer, in order: all u32 but the last two, which are f32. */
export const RUN_FIELDS = ["tokens", "first", "end", "one", "layer", "layers"] as const;

// ---------------------------------------------------------------- fours

/** Whether a value is four numbers. */
export function isWide(v: Value): boolean {
  switch (v.kind) {
    case "four":
      return true;
    case "apply":
      return v.args.some(isWide);
    case "local":
    case "element":
    case "load":
    case "float":
    case "same":
      return v.wide === true;
    case "masked":
      return v.wide === true || isWide(v.value);
    default:
      return false;
  }
}

/** The same number four times, where it is one. */
export const asFour = (v: Value): Value => (isWide(v) ? v : { kind: "four", of: [v] });

// ---------------------------------------------------------------- index arithmetic

export const named = (name: string): Index => ({ kind: "name", name });

export function plus(...terms: readonly Index[]): Index {
  const flat = terms.flatMap((t) => (typeof t === "object" && t.kind === "sum" ? t.terms : [t]));
  const constant = flat.reduce<number>((n, t) => (typeof t === "number" ? n + t : n), 0);
  const others = flat.filter((t) => typeof t !== "number");
  const all = constant === 0 && others.length > 0 ? others : [...others, constant];
  return all.length === 1 ? (all[0] as Index) : { kind: "sum", terms: all };
}

export function times(...factors: readonly Index[]): Index {
  const flat = factors.flatMap((f) => (typeof f === "object" && f.kind === "product" ? f.factors : [f]));
  const constant = flat.reduce<number>((n, f) => (typeof f === "number" ? n * f : n), 1);
  const others = flat.filter((f) => typeof f !== "number");
  if (constant === 0) return 0;
  const all = constant === 1 && others.length > 0 ? others : [...others, constant];
  return all.length === 1 ? (all[0] as Index) : { kind: "product", factors: all };
}

/** What is a multiple of `by`, and the rest, of the terms of an index. */
function split(of: Index, by: number): { multiple: Index; rest: Index } {
  const terms = typeof of === "object" && of.kind === "sum" ? of.terms : [of];
  const divided = (t: Index): Index | undefined => {
    if (typeof t === "number") return t % by === 0 ? t / by : undefined;
    if (t.kind !== "product") return undefined;
    const n = t.factors.find((f) => typeof f === "number");
    if (n === undefined || n % by !== 0) return undefined;
    return times(...t.factors.map((f) => (f === n ? n / by : f)));
  };
  const parts = terms.map(divided);
  return {
    multiple: plus(...parts.map((p) => p ?? 0)),
    rest: plus(...terms.map((t, i) => (parts[i] === undefined ? t : 0))),
  };
}

/** The whole part of a quotient. */
export function quotient(of: Index, by: number): Index {
  const { multiple, rest } = split(of, by);
  const part: Index = typeof rest === "number" ? Math.floor(rest / by) : { kind: "quotient", of: rest, by };
  return plus(multiple, part);
}

export function remainder(of: Index, by: number): Index {
  const { rest } = split(of, by);
  return typeof rest === "number" ? rest % by : { kind: "remainder", of: rest, by };
}

// ---------------------------------------------------------------- small constructors

export const barrier = (memory: "workgroup" | "storage"): Stmt => ({ kind: "barrier", memory });
export const read = (place: Place): Value => place;
/** An element of an array in registers: four numbers where it is `wide`. */
export const element = (array: string, index: Index, wide?: true): Place & { readonly kind: "element" } => ({
  kind: "element",
  array,
  index: [index],
  ...(wide ? { wide } : {}),
});
/** Where all are below; each of four where their own index is. */
export function masked(value: Value, where: readonly Below[], otherwise: string): Value {
  const [fours, others] = [where.filter((b) => b.wide), where.filter((b) => !b.wide)];
  const inner: Value =
    fours.length === 0 ? value : { kind: "masked", value, where: fours, otherwise, wide: true };
  return others.length === 0 ? inner : { kind: "masked", value: inner, where: others, otherwise };
}
export const when = (all: readonly Below[], body: readonly Stmt[]): Stmt[] =>
  all.length === 0 ? [...body] : [{ kind: "when", all, body }];
