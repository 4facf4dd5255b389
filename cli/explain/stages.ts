/** What each level of the compiler holds, one stage at a time. */
import type { Spec } from "../../compiler/check/spec.ts";
import type { Dim } from "../../compiler/math/axis.ts";
import type { Expr, Tensor } from "../../compiler/math/expr.ts";
import { showInterval } from "../../compiler/math/interval.ts";
import type { Model } from "../../compiler/pipeline.ts";
import { print } from "../../grammar/print.ts";
import { block, definitions, dims, type Line, step } from "./blocks.ts";
import { inOnePiece, readChain } from "./chain.ts";
import { costText } from "./cost.ts";
import { formsText } from "./forms.ts";
import { kernelText, wgslText } from "./kernel.ts";
import { Names } from "./names.ts";
import { show } from "./notation.ts";

export const STAGES = ["ast", "spec", "rule", "form", "kernel", "wgsl", "cost"] as const;
export type Stage = (typeof STAGES)[number];

export function stageText(model: Model, stage: Stage): string {
  switch (stage) {
    case "ast":
      return print({ imports: [], definitions: [model.spec.definition], span: model.spec.definition.span });
    case "spec":
      return specText(model.spec);
    case "rule":
      return ruleText(model);
    case "form":
      return formsText(model);
    case "kernel":
      return kernelText(model);
    case "wgsl":
      return wgslText(model);
    case "cost":
      return costText(model);
  }
}

/** Choices with every parameter; every tensor with its shape and range; what each choice contributes. */
function specText(spec: Spec): string {
  const tensor = ({ name, shape, domain }: Tensor): Line => [name, `${dims(shape)}  ${showInterval(domain)}`];
  const shown = (e: Expr, shape: readonly Dim[]): string => show(e, shape, spec, "unicode", spec.labels);
  const chain = readChain(spec, { x: spec.read.x, state: (s) => s }, new Names(spec));
  const { expr, labels } = inOnePiece(chain.y, chain);
  const carried = [...spec.states, ...spec.algorithmStates];
  const of = (role: "input" | "gate"): Line[] =>
    spec.inputs.filter((i) => i.role === role).map((i) => tensor(i.tensor));
  return `${[
    `model ${spec.name}`,
    ...block(
      "choices",
      spec.choices.map((c) => [
        c.kind,
        [c.name, ...c.arguments.map((a) => `${a.name} = ${a.shown} (${a.origin})`)].join("  "),
      ]),
    ),
    ...block("inputs", of("input")),
    ...block("gates", of("gate")),
    ...block(
      "params",
      spec.parameters.map((p) => tensor(p.tensor)),
    ),
    ...block(
      "states",
      carried.map((s) => [s.name, `${dims(s.shape)}  ${s.initial}`]),
    ),
    ...block(
      "equal sizes",
      spec.equalities.required.map(([a, b]) => [a, b]),
    ),
    ...block("read", [
      [`read(${spec.read.x.name})`, `= ${show(expr, spec.read.shape, spec, "unicode", labels)}`],
    ]),
    ...block("bias", [
      ...(spec.bias.loss ? [["ℓ", `= ${shown(spec.bias.loss, [])}`] as const] : []),
      ...(spec.bias.gradient
        ? [["dℓ/dy", `= ${shown(spec.bias.gradient, spec.bias.y.shape)}`] as const]
        : []),
    ]),
    ...block(
      "retention",
      spec.states.flatMap((s) => [
        [`keep ${s.name}`, `= ${shown(s.keep, s.shape)}`] as const,
        ...(s.link ? [[`link ${s.name}`, `= ${shown(s.link, s.shape)}`] as const] : []),
        ...(s.prox ? [[`prox ${s.name}`, `= ${shown(s.prox, s.shape)}`] as const] : []),
      ]),
    ),
    ...block("algorithm", [
      ...spec.algorithmStates.map((s) => [s.next.name, `= ${shown(s.update, s.shape)}`] as const),
      ...spec.states.map((s) => [`step ${s.name}`, `= ${shown(s.step, s.shape)}`] as const),
      [
        "gradient",
        spec.chunk === undefined ? `at ${spec.point}` : `at the start of each chunk of ${spec.chunk} tokens`,
      ],
    ]),
    ...block("output", [["y", dims(spec.outputShape)]]),
  ].join("\n")}\n`;
}

/** The rule as the kernels get it: every state after the token, and y, over what is there before it. */
function ruleText({ rule }: Model): string {
  const { spec } = rule;
  const named = definitions(
    [
      ...rule.states.map((s) => step(s.next.name, s.update, s.shape)),
      step("y", rule.output, spec.outputShape),
    ],
    spec,
    new Names(spec),
  );
  return `${[`rule of ${spec.name}`, ...block("each token", named)].join("\n")}\n`;
}
