/**
 * Level 5: the recurrent form, token by token. Every rule has it. What it carries are the rule's
 * states; its tile is one token, of one turn or of several steps; a chunk adds the states as they were at
 * the chunk's start.
 */
import type { Rule, RuleState } from "../derive/rule.ts";
import type { Dim } from "../math/axis.ts";
import type { Expr, Tensor } from "../math/expr.ts";
import { prepared } from "./prepared.ts";

export interface RecurrentForm {
  readonly kind: "recurrent";
  readonly exact: true;
  readonly name: string;
  readonly carry: readonly RuleState[];
  /** Tensors of each token, `[B, T, H, …shape]`. */
  readonly tokens: readonly Tensor[];
  /** Turns of one token: its states change in each, its output is that of the last. */
  readonly steps: number;
  /** Tensors of each step, `[B, T, steps, H, …shape]`. */
  readonly stepwise: readonly Tensor[];
  /** Tensors of each head, `[H, …shape]`. */
  readonly parameters: readonly Tensor[];
  /** `head`, `heads`, `layer`, `layers`, and `step`: which of the token's steps it is. */
  readonly numbers: readonly Tensor[];
  readonly output: Expr;
  readonly outputShape: readonly Dim[];
  readonly chunk: number | undefined;
  /** Whether a run may begin inside a chunk, where another ended: what the chunk started with stays in memory then. */
  readonly resumes: boolean;
  /** The one dimension that stands for all those that the model requires to be equal: shapes of inputs have them still. */
  readonly canonical: (d: Dim) => Dim;
}

export function recurrentForm(rule: Rule, resumes = false): RecurrentForm {
  const { spec, states, output } = prepared(rule);
  const comingEach = (each: "token" | "step"): Tensor[] =>
    spec.inputs.filter((i) => i.each === each).map((i) => i.tensor);
  return {
    kind: "recurrent",
    exact: true,
    name: spec.name,
    carry: states,
    tokens: comingEach("token"),
    steps: spec.steps,
    stepwise: comingEach("step"),
    parameters: spec.parameters.map((p) => p.tensor),
    numbers: spec.numbers,
    output,
    outputShape: spec.outputShape,
    chunk: spec.chunk,
    resumes,
    canonical: (d) => spec.equalities.canonical(d),
  };
}
