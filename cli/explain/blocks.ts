/** What stages are printed in: titled lines in two columns, and definitions in such lines. */
import type { Spec } from "../../compiler/check/spec.ts";
import type { Dim } from "../../compiler/math/axis.ts";
import type { Expr } from "../../compiler/math/expr.ts";
import { REAL } from "../../compiler/math/interval.ts";
import { shapeText } from "../words.ts";
import { type Step, shorten } from "./chain.ts";
import type { Names } from "./names.ts";
import { show, showName } from "./notation.ts";

export type Line = readonly [left: string, right: string];

export const block = (title: string, lines: readonly Line[]): string[] => {
  if (lines.length === 0) return [];
  const width = Math.max(...lines.map(([left]) => [...left].length));
  return [title, ...lines.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`.trimEnd())];
};

export const dims = (shape: readonly Dim[]): string => (shape.length === 0 ? "a scalar" : shapeText(shape));

export const step = (name: string, expr: Expr, shape: readonly Dim[]): Step => ({
  tensor: { name, shape, domain: REAL },
  expr,
  call: undefined,
});

/** No line of definitions is longer, as far as there is something to name. */
const LINE = 90;

/** Definitions, and what is named in them because it is long or shared. */
export function definitions(steps: readonly Step[], spec: Spec, names: Names): Line[] {
  const lengths = new Map<Expr, number>();
  const length = (e: Expr): number => {
    const known =
      lengths.get(e) ??
      show(
        e,
        e.axes.map((a) => a.dim),
        spec,
        "unicode",
      ).length;
    lengths.set(e, known);
    return known;
  };
  const lines = shorten(steps, spec, {
    length,
    short: 8,
    long: LINE,
    name: (e, shape) => names.part(e, shape),
  });
  return lines.map(({ tensor, expr }) => [
    showName(tensor.name, "unicode"),
    `= ${show(expr, tensor.shape, spec, "unicode")}`,
  ]);
}
