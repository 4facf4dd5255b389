/** How what the spec leaves open was found. */
import type { Rule } from "../../compiler/derive/rule.ts";
import { at } from "../../compiler/math/algebra.ts";
import { axesFor } from "../../compiler/math/axis.ts";
import type { Expr } from "../../compiler/math/expr.ts";
import { type Mode, show } from "./notation.ts";
import { equation, type Row, type Section, type Words } from "./rows.ts";

/** Each step in words, with its equation below. */
export function solved({ derivations, spec }: Rule): Section[] {
  return derivations.map(({ of, steps }) => ({
    key: "solved",
    title: `solved: ${of}`,
    rows: steps.flatMap(({ say, left, right, axes }): Row[] => {
      const told: Words = { kind: "words", text: say };
      const expr = right ?? left;
      if (!expr) return [told];
      const shape = axes.map((a) => a.dim);
      const placed = (e: Expr): Expr => at(e, axes, axesFor(shape));
      const side = (mode: Mode): string => (right && left ? show(placed(left), shape, spec, mode) : "");
      return [told, equation({ unicode: side("unicode"), tex: side("tex") }, placed(expr), shape)];
    }),
  }));
}
