/**
 * What expressions are made of: their nodes, and what an operation is (one value of these types in each
 * file of `ops/`). Types only; `expr.ts` makes nodes, `algebra.ts` makes them canonical.
 */
import type { Axis, Dim } from "./axis.ts";
import type { Interval } from "./interval.ts";

/** A named tensor that an expression reads: an input, a gate, a state. Compared by identity. */
export interface Tensor {
  readonly name: string;
  readonly shape: readonly Dim[];
  readonly domain: Interval;
}

interface Common {
  /** Free axes, in order of their ids, each once. */
  readonly axes: readonly Axis[];
  /** How deep bound axes nest in it. */
  readonly depth: number;
  /** Order of creation. */
  readonly serial: number;
}

export interface Constant extends Common {
  readonly kind: "constant";
  readonly value: number;
}

/** `tensor[index…]` */
export interface Leaf extends Common {
  readonly kind: "leaf";
  readonly tensor: Tensor;
  readonly index: readonly Axis[];
}

/** The extent of a dimension as a number. */
export interface Extent extends Common {
  readonly kind: "extent";
  readonly dim: Dim;
}

/** The identity matrix: 1 where two axes agree, else 0. */
export interface Delta extends Common {
  readonly kind: "delta";
  readonly left: Axis;
  readonly right: Axis;
}

/** The position along an axis as a number: 0, 1, 2, … */
export interface Index extends Common {
  readonly kind: "index";
  readonly axis: Axis;
}

export interface Apply extends Common {
  readonly kind: "apply";
  readonly op: Elementwise;
  readonly args: readonly Expr[];
}

export interface Reduce extends Common {
  readonly kind: "reduce";
  readonly op: Reduction;
  /** The canonical bound axis; use `open` to get at the body. */
  readonly axis: Axis;
  readonly body: Expr;
}

/**
 * x = A⁻¹ b, where A is symmetric and positive definite: Σ over `columns` of the inverse of `matrix[rows,
 * columns]` times `right[columns]`, at the free axis `result`. All three run over one dimension.
 */
export interface Solve extends Common {
  readonly kind: "solve";
  /** The canonical bound axes; use `openSolve` to get at the matrix and the right-hand side. */
  readonly rows: Axis;
  readonly columns: Axis;
  readonly matrix: Expr;
  readonly right: Expr;
  readonly result: Axis;
}

export type Expr = Constant | Leaf | Extent | Delta | Index | Apply | Reduce | Solve;

// ---------------------------------------------------------------- operations

/** The constructors that derivatives and local simplifications are written with. */
export interface Algebra {
  constant(value: number): Expr;
  add(...terms: readonly Expr[]): Expr;
  sub(a: Expr, b: Expr): Expr;
  mul(...factors: readonly Expr[]): Expr;
  div(a: Expr, b: Expr): Expr;
  neg(a: Expr): Expr;
  pow(base: Expr, exponent: Expr): Expr;
  call(name: OpName, ...args: readonly Expr[]): Expr;
  domainOf(e: Expr): Interval;
}

/** The operations that others refer to in their derivatives. */
export type OpName =
  | "exp"
  | "log"
  | "tanh"
  | "sinh"
  | "cosh"
  | "sigmoid"
  | "abs"
  | "sign"
  | "sin"
  | "cos"
  | "where"
  | "less"
  | "lessEqual"
  | "equal"
  | "max"
  | "min";

export type ValueType = "real" | "bool";

/** How an operation looks in Unicode and in TeX. */
export type Notation =
  /** The printer knows sums, products and powers by heart. */
  | { readonly style: "sum" | "product" | "power" }
  | { readonly style: "infix"; readonly unicode: string; readonly tex: string }
  | { readonly style: "function"; readonly unicode: string; readonly tex: string }
  | {
      readonly style: "around";
      readonly unicode: readonly [string, string];
      readonly tex: readonly [string, string];
    }
  | { readonly style: "cases" };

export interface Elementwise {
  readonly kind: "elementwise";
  readonly name: string;
  readonly takes: readonly ValueType[];
  /** Whether it takes any number of arguments: `value`, given for two, is folded over them. */
  readonly variadic?: boolean;
  readonly gives: ValueType;
  /** Whether users write it as a function of this name. */
  readonly callable: boolean;
  /** The value in f64. Comparisons give 1 and 0. */
  readonly value: (a: number, b: number, c: number) => number;
  readonly domain: (...args: Interval[]) => Interval;
  /** Why arguments of these domains are not allowed, if they are not. */
  readonly refuses?: (...args: Interval[]) => { arg: number; reason: string; repair: string } | undefined;
  /** ∂out/∂args[i]. Absent where nothing can be differentiated: comparisons. */
  readonly derivative?: (m: Algebra, args: readonly Expr[], i: number, out: Expr) => Expr;
  /** Where it is not smooth over arguments of these domains, and the value of the derivative used there. */
  readonly kink?: (...args: Interval[]) => string | undefined;
  /**
   * Whether it is linear, jointly, in the arguments that are marked, while the others are held fixed: a + b is
   * so in both, but not in a alone. An argument of 0 counts as linear in anything.
   */
  readonly linearIn: (marked: readonly boolean[]) => boolean;
  /** A simpler equal expression, looking no further than the arguments' tops. */
  readonly simplify?: (m: Algebra, args: readonly Expr[]) => Expr | undefined;
  /** WGSL for operands of `type`; conditions are of the matching bool type. */
  readonly wgsl: (args: readonly string[], type: "f32" | "vec4f") => string;
  /** The same of what another operation gives, by its name and over its arguments, where that overflows and this does not. */
  readonly wgslOf?: Readonly<Record<string, (args: readonly string[]) => string>>;
  readonly notation: Notation;
  /** Ranges that the tests draw arguments from, away from poles; kinks are stepped over. */
  readonly samples: readonly (readonly [number, number])[];
}

export interface Reduction {
  readonly kind: "reduction";
  readonly name: string;
  readonly callable: boolean;
  /** The value over no elements. */
  readonly initial: number;
  /** The same as WGSL. */
  readonly wgslInitial: string;
  readonly merge: (a: number, b: number) => number;
  readonly domain: (element: Interval) => Interval;
  /** The adjoint of an element, given that of the result; `total` sums over the axis that is reduced. */
  readonly adjoint: (
    m: Algebra,
    result: Expr,
    element: Expr,
    adjoint: Expr,
    total: (e: Expr) => Expr,
  ) => Expr;
  readonly kink?: string;
  readonly linear: boolean;
  /** The result where the element does not depend on the axis. */
  readonly overConstant: (m: Algebra, element: Expr, extent: Expr) => Expr;
  readonly wgsl: (a: string, b: string) => string;
  /** The subgroup builtin that merges over lanes. */
  readonly subgroup: "subgroupAdd" | "subgroupMax";
  readonly notation: { readonly unicode: string; readonly tex: string };
}
