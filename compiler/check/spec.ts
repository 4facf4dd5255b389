/**
 * Level 2: a model with its four choices resolved. Everything that it computes is an expression over
 * named tensors; every shape is symbolic; every parameter is explicit or says that it is a default.
 */
import type * as ast from "../../grammar/ast.ts";
import type { Dim } from "../math/axis.ts";
import type { Expr, Tensor } from "../math/expr.ts";
import type { Span } from "../source/span.ts";
import type { Equalities } from "./dimensions.ts";
import type { Labels } from "./labels.ts";

export type ChoiceKind = ast.ChoiceItem["choice"];

/** One of the four choices, and where each of its parameters came from. */
export interface Choice {
  readonly kind: ChoiceKind;
  readonly name: string;
  readonly span: Span;
  readonly arguments: readonly ChoiceArgument[];
}

export interface ChoiceArgument {
  readonly name: string;
  /** The value as the user, or the definition, wrote it. */
  readonly shown: string;
  readonly origin: "given" | "default" | "same name";
}

/**
 * A tensor that comes with every token, `[B, T, H, …shape]`, or with every step of a token,
 * `[B, T, n, H, …shape]`.
 */
export interface TokenInput {
  readonly tensor: Tensor;
  readonly role: "input" | "gate";
  readonly each: "token" | "step";
  readonly span: Span | undefined;
  /** How the layer makes it from its own input; kept for the layer's compilation. */
  readonly made: ast.GateItem | ast.InputItem | undefined;
}

/** A tensor that is the same for every token: `[H, …shape]`. */
export interface Parameter {
  readonly tensor: Tensor;
  readonly span: Span;
}

export type Initial = "zeros" | "learned";

/** A tensor of the memory: the accumulator A before the token and after it. */
export interface MemoryState {
  readonly name: string;
  readonly shape: readonly Dim[];
  readonly initial: Initial;
  /** A before the token. */
  readonly previous: Tensor;
  /** A after the token. */
  readonly next: Tensor;
  /** What `read` reads: a stand-in that the rule replaces by the W of each place. */
  readonly read: Tensor;
  /** What is kept of A: an expression that broadcasts to the state's shape. */
  readonly keep: Expr;
  /** W as an expression over `linkArgument`; undefined for the identity. */
  readonly link: Expr | undefined;
  /** A as an expression over `linkArgument`, after the step; undefined for the identity. */
  readonly prox: Expr | undefined;
  readonly linkArgument: Tensor;
  /** The gradient, as the algorithm sees it. */
  readonly gradient: Tensor;
  /** The step, over `gradient` and the algorithm's states. */
  readonly step: Expr;
}

/** A tensor that the algorithm keeps for one state of the memory. */
export interface AlgorithmState {
  /** `S.W1` */
  readonly name: string;
  readonly shape: readonly Dim[];
  readonly initial: Initial;
  readonly previous: Tensor;
  readonly next: Tensor;
  readonly update: Expr;
}

/** `read(x)` as an expression over `x` and the `read` tensors of the states. */
export interface ReadFunction {
  readonly x: Tensor;
  readonly body: Expr;
  readonly shape: readonly Dim[];
}

export interface Bias {
  readonly y: Tensor;
  readonly v: Tensor;
  readonly loss: Expr | undefined;
  /** dℓ/dy where it is given outright. */
  readonly gradient: Expr | undefined;
}

/** A rule that the author believes: `target` after the token equals `value`. */
export interface Expectation {
  readonly target: Tensor;
  readonly value: Expr;
  readonly span: Span;
}

/** Where the gradient is taken: at the previous memory, or at what retention kept of it. */
export type GradientPoint = "prev" | "kept";

export interface Spec {
  readonly name: string;
  readonly definition: ast.ModelDef;
  readonly choices: readonly Choice[];
  readonly inputs: readonly TokenInput[];
  readonly parameters: readonly Parameter[];
  /** `head`, `heads`, `layer` and `layers`: scalars that the layer knows of itself. */
  readonly numbers: readonly Tensor[];
  readonly states: readonly MemoryState[];
  readonly algorithmStates: readonly AlgorithmState[];
  readonly read: ReadFunction;
  readonly bias: Bias;
  readonly point: GradientPoint;
  readonly chunk: number | undefined;
  /** Gradient steps of one token. */
  readonly steps: number;
  /** y of a token, over the states' `next` and `previous` tensors. */
  readonly output: Expr;
  readonly outputShape: readonly Dim[];
  readonly expectations: readonly Expectation[];
  readonly equalities: Equalities;
  readonly labels: Labels;
  /** Choices that the model left open, in words. */
  readonly defaults: readonly string[];
}
