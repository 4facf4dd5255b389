/** The objective, and its slope at what is read. */
import type { Rule } from "../../compiler/derive/rule.ts";
import { show } from "./notation.ts";
import { equation, IN_ONE_PIECE, type Left, NO_LABELS, type Row } from "./rows.ts";

export function objective({ spec, error }: Rule): Row[] {
  const { bias } = spec;
  const slope: Left = { unicode: `dℓ/d${bias.y.name}`, tex: `\\frac{d\\ell}{d${bias.y.name}}` };
  const loss: Left = {
    unicode: `ℓ(${bias.y.name}, ${bias.v.name})`,
    tex: `\\ell(${bias.y.name}, ${bias.v.name})`,
  };
  const shape = bias.y.shape;
  const isLong = show(error.simple, shape, spec, "unicode").length > IN_ONE_PIECE;
  const labels = isLong ? spec.labels : NO_LABELS;
  const given = bias.gradient && !bias.loss ? "given by the spec: the gradient of no single loss" : undefined;
  const isPlain = bias.target.kind === "leaf" && bias.target.tensor.name === bias.v.name;
  const target = show(bias.target, bias.v.shape, spec, "unicode");
  return [
    ...(bias.loss
      ? [equation(loss, bias.loss, [], isPlain ? undefined : `with ${target} for ${bias.v.name}`)]
      : []),
    ...(error.raw === error.simple
      ? [equation(slope, error.simple, shape, given ?? "already simple", labels)]
      : [
          equation(slope, error.raw, shape, given ?? "as differentiated", labels),
          equation("", error.simple, shape, "simplified", labels),
        ]),
  ];
}
