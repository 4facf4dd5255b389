/** What the parts of the elaborator know of each other. */
import type * as ast from "../../grammar/ast.ts";
import type { Dim } from "../math/axis.ts";
import type { Expr } from "../math/expr.ts";
import type { Interval } from "../math/interval.ts";
import type { Span } from "../source/span.ts";
import type { Equalities } from "./dimensions.ts";
import type { CallLabel } from "./labels.ts";
import type { Details, Reporter } from "./report.ts";
import type { FunctionTable, Scope, TensorValue, Value } from "./value.ts";

/** What `read(…)` means in a place where it may be used. */
export type Reader = (x: TensorValue, when: "next" | "previous") => TensorValue;

/** The functions that are being inlined, and what calls came to. */
export interface Inlining {
  readonly names: string[];
  /** By function and arguments: a function that calls another twice is inlined once. */
  readonly values: Map<string, Value>;
  calls: number;
}

export interface Elaborating {
  readonly reporter: Reporter;
  readonly functions: FunctionTable;
  readonly equalities: Equalities;
  readonly labels: Map<Expr, CallLabel>;
  readonly inlining: Inlining;
  /** The shape that `read` takes. */
  readonly readShape: () => readonly Dim[];
  /** Undefined where nothing can be read. */
  readonly reader: Reader | undefined;
  value(e: ast.Expr, scope: Scope): Value | undefined;
  tensor(e: ast.Expr, scope: Scope): TensorValue | undefined;
  real(e: ast.Expr, scope: Scope): TensorValue | undefined;
  asTensor(value: Value, span: Span): TensorValue | undefined;
  notANumber(span: Span): undefined;
  size(e: ast.Expr, scope: Scope): Dim | undefined;
  range(r: ast.Range, scope: Scope): Interval | undefined;
  within(value: TensorValue, range: Interval, what: string, span: Span, details?: Details): boolean;
}
