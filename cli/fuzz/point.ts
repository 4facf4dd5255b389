/** One token of one head, as an environment in which the parts of a rule have values. */
import {
  type Extents,
  elements,
  interpret,
  type Result,
  type Run,
  slice,
} from "../../compiler/derive/interpret.ts";
import type { Rule } from "../../compiler/derive/rule.ts";
import { at, substitute } from "../../compiler/math/algebra.ts";
import { axesFor } from "../../compiler/math/axis.ts";
import type { Expr, Tensor } from "../../compiler/math/expr.ts";
import type { Model } from "../../compiler/pipeline.ts";
import type { Case } from "./case.ts";

/** A turn of a run: one step of a token, of one head of one sequence. */
export interface Place {
  readonly b: number;
  readonly h: number;
  readonly turn: number;
}

/** The tensors that come from outside, as one turn has them. */
export function given(
  { spec }: Pick<Model, "spec">,
  { extents, run }: Pick<Case, "extents" | "run">,
  { b, h, turn }: Place,
): Map<Tensor, Float64Array> {
  const { T, H, sizes } = extents;
  const { steps } = spec;
  const numbers: Record<string, number> = { head: h, heads: H, layers: 1, step: turn % steps };
  return new Map([
    ...spec.inputs.map(({ tensor, each }): [Tensor, Float64Array] => {
      const row = each === "step" ? b * T * steps + turn : b * T + Math.floor(turn / steps);
      return [tensor, slice(run.tokens, tensor.name, row * H + h, elements(tensor.shape, sizes))];
    }),
    ...spec.parameters.map(({ tensor }): [Tensor, Float64Array] => [
      tensor,
      slice(run.parameters, tensor.name, h, elements(tensor.shape, sizes)),
    ]),
    ...spec.numbers.map((t): [Tensor, Float64Array] => [t, Float64Array.of(numbers[t.name] ?? 0)]),
  ]);
}

/** What a state of the first sequence and head is in some result. */
export const firstOf = (
  states: Result["states"] | Run["states"],
  name: string,
  width: number,
): Float64Array => (states.get(name) as Float64Array).slice(0, width);

/** The first token alone, with the states before it and after it. */
export function firstToken(model: Model, { extents, run }: Case): Map<Tensor, Float64Array> {
  const { spec, rule } = model;
  const one: Extents = { ...extents, B: 1, T: 1, H: 1 };
  const { sizes } = extents;
  const cut = (name: string, shape: Tensor["shape"], rows = 1): [string, Float64Array] => [
    name,
    (run.tokens.get(name) ?? run.parameters.get(name) ?? run.states.get(name) ?? new Float64Array()).slice(
      0,
      rows * elements(shape, sizes),
    ),
  ];
  const first: Run = {
    tokens: new Map(spec.inputs.map(({ tensor }) => cut(tensor.name, tensor.shape))),
    parameters: new Map(spec.parameters.map(({ tensor }) => cut(tensor.name, tensor.shape))),
    states: new Map(rule.states.map((s) => cut(s.name, s.shape))),
  };
  const after = interpret(rule, one, first).states;
  const environment = given(model, { extents: one, run: first }, { b: 0, h: 0, turn: 0 });
  for (const s of rule.states) {
    const before = first.states.get(s.name) as Float64Array;
    environment.set(s.previous, before);
    if (s.start) environment.set(s.start, before);
    environment.set(s.next, after.get(s.name) as Float64Array);
  }
  return environment;
}

/** An expression of a rule with all that the rule defines put in, and nothing simplified. */
export function unfolded({ definitions }: Rule, e: Expr): Expr {
  const made = new Map<Tensor, Expr>();
  const go = (x: Expr): Expr =>
    substitute(x, (t, index) => {
      const definition = definitions.get(t);
      if (!definition) return undefined;
      const whole = made.get(t) ?? go(definition);
      made.set(t, whole);
      return at(whole, axesFor(t.shape), index);
    });
  return go(e);
}
