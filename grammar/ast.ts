/**
 * The syntax tree of a `.miras` file. Every node has a span. After recovery from a syntax error
 * a tree may be partial: an expression that could not be read is an `Invalid` node, and an item
 * that could not be read is left out.
 */
import type { Span } from "../compiler/source/span.ts";

interface Node {
  readonly span: Span;
}

export interface File extends Node {
  readonly imports: readonly Import[];
  readonly definitions: readonly Definition[];
}

/** `import DeltaNet, Longhorn from "../models.miras"`: models of another file, for networks. */
export interface Import extends Node {
  readonly names: readonly Name[];
  /** Without its quotes; the span has them. */
  readonly path: Name;
}

export type Definition =
  | ModelDef
  | NetworkDef
  | MemoryDef
  | BiasDef
  | RetentionDef
  | AlgorithmDef
  | FunctionDef;

/** A name where it is written. `text` carries no prime. */
export interface Name extends Node {
  readonly text: string;
}

// ---------------------------------------------------------------- definitions

/** `model Name { … }` */
export interface ModelDef extends Node {
  readonly kind: "model";
  readonly name: Name;
  readonly items: readonly ModelItem[];
}

/** `network Name { … }`: a stack of parts, from tokens to the logits of what comes next. */
export interface NetworkDef extends Node {
  readonly kind: "network";
  readonly name: Name;
  readonly items: readonly (SettingItem | BlockItem)[];
}

/** `memory mlp(expand: size = 4) { … }`: states and how they are read, or a window of the pairs themselves. */
export interface MemoryDef extends Node {
  readonly kind: "memory";
  readonly name: Name;
  readonly params: readonly Param[];
  readonly items: readonly (RequireItem | StateItem | LetItem | ReadItem | WindowItem)[];
}

/** `bias l2(y, v) = expr`, or a block `{ loss expr  grad expr }` with either or both. */
export interface BiasDef extends Node {
  readonly kind: "bias";
  readonly name: Name;
  /** The first two are the prediction and the target; the others are its own parameters. */
  readonly params: readonly Param[];
  readonly items: readonly (LetItem | LossItem | GradItem)[];
}

/** `retention decay(alpha: real in [0, 1]) { keep alpha }` */
export interface RetentionDef extends Node {
  readonly kind: "retention";
  readonly name: Name;
  readonly params: readonly Param[];
  readonly items: readonly (LetItem | KeepItem | LinkItem | ProxItem | MinimizeItem)[];
}

/** `algorithm momentum(eta, theta) { state S like W = zeros  S' = …  step S' }`, or `{ minimize … }` */
export interface AlgorithmDef extends Node {
  readonly kind: "algorithm";
  readonly name: Name;
  readonly params: readonly Param[];
  readonly items: readonly (LetItem | LikeStateItem | AssignItem | StepItem | MinimizeItem)[];
}

/** `fn silu(x) = x * sigmoid(x)` */
export interface FunctionDef extends Node {
  readonly kind: "fn";
  readonly name: Name;
  readonly params: readonly Param[];
  readonly body: Expr;
}

/** `x`, `x [dk]`, `expand: size = 4`, `p: real >= 1`, `beta > 0` */
export interface Param extends Node {
  readonly name: Name;
  readonly shape?: Shape;
  readonly type?: ParamType;
  readonly range?: Range;
  readonly default?: Expr;
}

export interface ParamType extends Node {
  readonly text: "real" | "size" | "function";
}

/** `[dv, expand * dk]`: each dimension is an expression over sizes. */
export interface Shape extends Node {
  readonly dims: readonly Expr[];
}

/** `in (0, 1]`, `> 0`, `<= x`. An absent side is unbounded. */
export interface Range extends Node {
  readonly low?: Bound;
  readonly high?: Bound;
}

export interface Bound {
  readonly value: Expr;
  /** True for `(`, `)`, `<` and `>`. */
  readonly open: boolean;
}

// ---------------------------------------------------------------- items of a model

export type ModelItem =
  | ChoiceItem
  | GateItem
  | ParamItem
  | ConstItem
  | LetItem
  | InputItem
  | OutputItem
  | ChunkItem
  | RequireItem
  | ExpectItem;

/** `algorithm gd(beta, at: kept)`: one of the four choices, naming a definition. */
export interface ChoiceItem extends Node {
  readonly kind: "choice";
  readonly choice: "memory" | "bias" | "retention" | "algorithm";
  readonly name: Name;
  readonly args: readonly Argument[];
}

export interface Argument extends Node {
  /** Present for `name: value`. */
  readonly name?: Name;
  readonly value: Expr;
}

/** `gate eta [dv] in (0, 1) rank 32 start 0.9`, or with a value of its own, `= expr` */
export interface GateItem extends Node {
  readonly kind: "gate";
  readonly name: Name;
  readonly shape?: Shape;
  readonly range?: Range;
  readonly rank?: Expr;
  readonly start?: Expr;
  readonly value?: Expr;
}

/** `param u [dk] in (0, 1) start 0.5`: learned, the same for every token. */
export interface ParamItem extends Node {
  readonly kind: "param";
  readonly name: Name;
  readonly shape?: Shape;
  readonly range?: Range;
  readonly start?: Expr;
}

/** `const alpha = 1 - 2 ^ (-5 - head)` */
export interface ConstItem extends Node {
  readonly kind: "const";
  readonly name: Name;
  readonly value: Expr;
}

/** `let k2 = 1 - alpha` */
export interface LetItem extends Node {
  readonly kind: "let";
  readonly name: Name;
  readonly value: Expr;
}

/** `input q, k [dk] = project |> conv(4) |> silu |> unit` */
export interface InputItem extends Node {
  readonly kind: "input";
  readonly names: readonly Name[];
  readonly shape?: Shape;
  readonly value?: Expr;
}

/** `output = read(q)` */
export interface OutputItem extends Node {
  readonly kind: "output";
  readonly value: Expr;
}

/** `chunk 16` */
export interface ChunkItem extends Node {
  readonly kind: "chunk";
  readonly value: Expr;
}

/** `require dv = dk` */
export interface RequireItem extends Node {
  readonly kind: "require";
  readonly left: Expr;
  readonly right: Expr;
}

/** `expect W' = …`, `expect S.W1' = …` */
export interface ExpectItem extends Node {
  readonly kind: "expect";
  /** The state after the token: a primed name or a primed field. */
  readonly target: Expr;
  readonly value: Expr;
}

// ---------------------------------------------------------------- items of a network

/** `width 64`, `embeddings tied` */
export interface SettingItem extends Node {
  readonly kind: "setting";
  readonly word: Name;
  readonly value: Expr;
}

/** `block DeltaNet, swiglu(expand: 2)`: the parts of a layer, in order. */
export interface BlockItem extends Node {
  readonly kind: "block";
  readonly parts: readonly Expr[];
}

// ---------------------------------------------------------------- items of the definitions

/** `state W [dv, dk] = zeros` */
export interface StateItem extends Node {
  readonly kind: "state";
  readonly name: Name;
  readonly shape?: Shape;
  readonly value?: Expr;
}

/** `state S like W = zeros`: one tensor for each state of the memory. */
export interface LikeStateItem extends Node {
  readonly kind: "like-state";
  readonly name: Name;
  readonly like: Name;
  readonly value?: Expr;
}

/** `read(x [dk]) = W @ x` */
export interface ReadItem extends Node {
  readonly kind: "read";
  readonly param: Param;
  readonly body: Expr;
}

/** `window 64`: how many of the last pairs of keys and values are kept. */
export interface WindowItem extends Node {
  readonly kind: "window";
  readonly value: Expr;
}

/** `loss expr`: the objective ℓ(y, v). */
export interface LossItem extends Node {
  readonly kind: "loss";
  readonly value: Expr;
}

/** `grad expr`: dℓ/dy given outright. */
export interface GradItem extends Node {
  readonly kind: "grad";
  readonly value: Expr;
}

/** `keep alpha` */
export interface KeepItem extends Node {
  readonly kind: "keep";
  readonly value: Expr;
}

/** `link(A) = …` */
export interface LinkItem extends Node {
  readonly kind: "link";
  readonly param: Name;
  readonly value: Expr;
}

/** `prox(A) = …` */
export interface ProxItem extends Node {
  readonly kind: "prox";
  readonly param: Name;
  readonly value: Expr;
}

/** `minimize expr over simplex(dk)`, or in an algorithm `minimize expr over y` */
export interface MinimizeItem extends Node {
  readonly kind: "minimize";
  readonly value: Expr;
  readonly over?: Expr;
}

/** `S' = eta * S + theta * grad` */
export interface AssignItem extends Node {
  readonly kind: "assign";
  readonly target: Primed;
  readonly value: Expr;
}

/** `step eta * grad` */
export interface StepItem extends Node {
  readonly kind: "step";
  readonly value: Expr;
}

// ---------------------------------------------------------------- expressions

export type Expr = NumberLit | Ident | Primed | Field | Unary | Binary | Call | Pipe | Invalid;

export interface NumberLit extends Node {
  readonly kind: "number";
  readonly value: number;
}

export interface Ident extends Node {
  readonly kind: "ident";
  readonly text: string;
}

/** `W'` or `S.W1'`: the value after this token. */
export interface Primed extends Node {
  readonly kind: "primed";
  readonly of: Ident | Field;
}

/** `S.W1` */
export interface Field extends Node {
  readonly kind: "field";
  readonly object: Name;
  readonly name: Name;
}

export interface Unary extends Node {
  readonly kind: "unary";
  readonly op: "-";
  readonly arg: Expr;
}

export type BinaryOp = "+" | "-" | "*" | "/" | "@" | "^" | "<" | "<=" | ">" | ">=" | "==";

/**
 * From loosest to tightest: `|>`; comparisons (do not chain); `+ -`; `* / @` (left to right);
 * unary `-`; `^` (right to left, binds tighter than unary minus on its left: -x^2 = -(x^2)).
 */
export interface Binary extends Node {
  readonly kind: "binary";
  readonly op: BinaryOp;
  readonly left: Expr;
  readonly right: Expr;
}

export interface Call extends Node {
  readonly kind: "call";
  readonly callee: Name;
  readonly args: readonly Argument[];
}

/** `project |> conv(4) |> silu`: left to right. */
export interface Pipe extends Node {
  readonly kind: "pipe";
  readonly stages: readonly Expr[];
}

/** Stands where recovery gave up; a diagnostic has been reported for it. */
export interface Invalid extends Node {
  readonly kind: "invalid";
}
