/**
 * Level 2: a model with its four choices resolved. Everything that it computes is an expression over
 * named tensors; every shape is symbolic; every parameter is explicit or says that it is a default.
 */
import type * as ast from "../../grammar/ast.ts";
import type { Dim } from "../math/axis.ts";
import type { Expr, Tensor } from "../math/expr.ts";
import type { Interval } from "../math/interval.ts";
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
  /** `modifier`: no parameter of the definition, such as `steps: n`. */
  readonly origin: "given" | "default" | "same name" | "modifier";
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
  /** How the layer makes it. */
  readonly made: Made;
}

/** An operation of the layer that has weights or sees other tokens. `from` is over the axes of what it acts on. */
export type LayerOperation =
  /** A learned linear map of a vector of the network's width, to each head. */
  | {
      readonly kind: "project";
      readonly result: Tensor;
      readonly from: Expr;
      /** As a product of two thin maps. */
      readonly rank: Dim | undefined;
      /** Where its bias starts; undefined for none. */
      readonly bias: number | undefined;
    }
  /** A causal convolution over the last `width` tokens, with a filter for each channel. */
  | {
      readonly kind: "conv";
      readonly result: Tensor;
      readonly from: Expr;
      readonly width: Dim;
      readonly isWide: boolean;
    }
  /** A root-mean-square norm of a vector, with a learned gain. */
  | { readonly kind: "norm"; readonly result: Tensor; readonly from: Expr; readonly isWide: boolean }
  /** Rotates channels, two at a time, by angles that grow with the token's position. */
  | {
      readonly kind: "rope";
      readonly result: Tensor;
      readonly from: Expr;
      readonly base: number;
      readonly isWide: boolean;
    };

/**
 * How the layer makes a tensor. Its own input is `LAYER_INPUT`; an operation that `isWide` gives a vector of the
 * network's width, every other one a tensor for each head.
 */
export interface Made {
  /** In order: each may read what those before it gave. */
  readonly operations: readonly LayerOperation[];
  /** Over what they gave, and the model's tensors. */
  readonly value: Expr;
}

/** What the layer makes of the memory's output `y`. */
export interface LayerOutput extends Made {
  readonly y: Tensor;
  readonly shape: readonly Dim[];
}

/** A tensor that is the same for every token: `[H, …shape]`. */
export interface Parameter {
  readonly tensor: Tensor;
  readonly span: Span;
  /** Where it starts, before it is squashed into its range. */
  readonly start: number;
}

export type Initial = "zeros" | "learned";

/** Where a state that minimises a penalty may lie. */
export type Constraint =
  /** Not negative, and of a given sum along one of its dimensions. */
  | { readonly kind: "simplex"; readonly axis: number; readonly total: Expr }
  | { readonly kind: "box"; readonly low: Expr | undefined; readonly high: Expr | undefined };

/** A retention as the penalty that it minimises: R over `w`, and over `previous` where it looks back. */
export interface Penalty {
  readonly value: Expr;
  readonly w: Tensor;
  readonly previous: Tensor;
  readonly over: Constraint | undefined;
  readonly span: Span;
}

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
  /** What of the above follows from this is filled in when it is solved. */
  readonly penalty: Penalty | undefined;
  /** A after the token outright, over `kept`, `step` and the token's inputs, where it is not prox(kept − step). */
  readonly advance: Expr | undefined;
  /** Stand-ins for what is kept of A, and for the step. */
  readonly kept: Tensor;
  readonly stepped: Tensor;
  /** The gradient, as the algorithm sees it. */
  readonly gradient: Tensor;
  /** The step, over `gradient`, `previous`, `kept` and the algorithm's states. */
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
  /** What its elements can be. */
  readonly domain: Interval;
}

export interface Bias {
  readonly y: Tensor;
  readonly v: Tensor;
  /** What stands for `v` in the model. */
  readonly target: Expr;
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

/** A carried tensor whose rule is still to be derived. */
export type Carried = Omit<AlgorithmState, "update">;

/** How the memory learns. */
export type Algorithm =
  /** By a step along the gradient: of one token, or summed over the last tokens of a window. */
  | { readonly kind: "step"; readonly window: Dim | undefined }
  /** To the minimum of an objective over `w`, what was `kept`, and the `loss` of this token at `w`. */
  | {
      readonly kind: "proximal";
      readonly value: Expr;
      readonly w: Tensor;
      readonly kept: Tensor;
      readonly loss: Tensor;
      readonly span: Span;
    }
  /** To the minimum over all tokens so far of Σ weight · loss, discounted by what is kept, plus a penalty on `w`. */
  | {
      readonly kind: "overall";
      readonly weight: Expr;
      readonly penalty: Expr;
      readonly w: Tensor;
      /** What is carried: W solves W · (gram + …) = right. */
      readonly right: Carried;
      readonly gram: Carried;
      readonly span: Span;
    }
  /** Not at all: the tokens themselves are kept, and what is read at `x` minimises Σ weight(x, token) · loss. */
  | {
      readonly kind: "regression";
      readonly weight: Expr;
      readonly x: Tensor;
      readonly window: Dim;
      readonly span: Span;
    };

/** One `read(…)` of the output or of a claim: `tensor` stands for its value. */
export interface Read {
  readonly tensor: Tensor;
  /** Where it reads: an expression over the canonical axes of `read.x`. */
  readonly x: Expr;
  readonly when: "next" | "previous";
}

export interface Spec {
  readonly name: string;
  readonly definition: ast.ModelDef;
  readonly choices: readonly Choice[];
  readonly inputs: readonly TokenInput[];
  readonly parameters: readonly Parameter[];
  /** `head`, `heads`, `layer`, `layers` and `step`: scalars that the layer knows of itself. */
  readonly numbers: readonly Tensor[];
  readonly states: readonly MemoryState[];
  readonly algorithmStates: readonly AlgorithmState[];
  readonly read: ReadFunction;
  /** Where the memory is written, over the canonical axes of `read.x`. */
  readonly key: Expr;
  /** Where the error of what is read is taken: the key, unless the model says otherwise. */
  readonly errorKey: Expr;
  readonly bias: Bias;
  readonly algorithm: Algorithm;
  readonly point: GradientPoint;
  /** What is kept of the weight of each token, where the memory is the tokens themselves. */
  readonly tokenKeep: Expr;
  readonly chunk: number | undefined;
  /** Gradient steps of one token. */
  readonly steps: number;
  readonly reads: readonly Read[];
  /** y of a token, over the tensors of `reads`. */
  readonly output: Expr;
  readonly outputShape: readonly Dim[];
  readonly layerOutput: LayerOutput;
  readonly expectations: readonly Expectation[];
  readonly equalities: Equalities;
  readonly labels: Labels;
  /** Choices that the model left open, in words. */
  readonly defaults: readonly string[];
}
