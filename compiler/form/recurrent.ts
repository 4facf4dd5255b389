/**
 * Level 5: the recurrent form, token by token. Every rule has it. What it carries are the rule's
 * states; its tile is one token; a chunk adds the states as they were at the chunk's start.
 */
import type { Rule, RuleState } from "../derive/rule.ts";
import type { Dim } from "../math/axis.ts";
import type { Expr, Tensor } from "../math/expr.ts";

export interface RecurrentForm {
  readonly kind: "recurrent";
  readonly exact: true;
  readonly name: string;
  readonly carry: readonly RuleState[];
  /** Tensors of each token, `[B, T, H, …shape]`. */
  readonly tokens: readonly Tensor[];
  /** Tensors of each head, `[H, …shape]`. */
  readonly parameters: readonly Tensor[];
  /** `head`, `heads`, `layer`, `layers`. */
  readonly numbers: readonly Tensor[];
  readonly output: Expr;
  readonly outputShape: readonly Dim[];
  readonly chunk: number | undefined;
  /** The one dimension that stands for all those that the model requires to be equal. */
  readonly canonical: (d: Dim) => Dim;
}

export function recurrentForm(rule: Rule): RecurrentForm {
  const { spec } = rule;
  return {
    kind: "recurrent",
    exact: true,
    name: spec.name,
    carry: rule.states,
    tokens: spec.inputs.map((i) => i.tensor),
    parameters: spec.parameters.map((p) => p.tensor),
    numbers: spec.numbers,
    output: rule.output,
    outputShape: spec.outputShape,
    chunk: spec.chunk,
    canonical: (d) => spec.equalities.canonical(d),
  };
}
