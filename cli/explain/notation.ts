/** How the explanation writes mathematics: the printer's styles, with what is only for people on top. */
import type { CallLabel } from "../../compiler/check/labels.ts";
import type { Spec } from "../../compiler/check/spec.ts";
import { isApply, isReduce, mul, splitPower } from "../../compiler/math/algebra.ts";
import { axesFor, type Dim } from "../../compiler/math/axis.ts";
import { type Expr, isConstant, open, rawReduce } from "../../compiler/math/expr.ts";
import type { Reduction } from "../../compiler/math/op.ts";
import { sum } from "../../compiler/math/ops/index.ts";
import { printExpr } from "../../compiler/math/print.ts";
import { rewrite } from "../../compiler/math/rewrite.ts";
import { type Doc, type Style, Tightness, tex as texStyle, unicode as unicodeStyle } from "../../compiler/math/style.ts";

/** A mean in print. It is never computed: everywhere else it is a sum over an extent. */
const mean: Reduction = { ...sum, name: "mean", notation: { unicode: "mean", tex: "\\operatorname{mean}" } };

/** The derivative of a function at a name, as `gelu'(h)`. */
const DERIVATIVE = /^([\p{L}\p{N}_]+)'\((.+)\)$/u;

/** Digits for people. */
const shorter = (x: number): number => Number(x.toPrecision(6));

/** Products that were written side by side: α (W k) needs no brackets, since it is (α W) k as well. */
const sideBySide = new WeakSet<Doc>();

function juxtaposed(style: Style, factors: readonly Doc[]): Doc {
  const last = factors.at(-1);
  const open = last && factors.length > 1 && sideBySide.has(last);
  const made = style.juxtaposed(open ? [...factors.slice(0, -1), { ...last, tightness: Tightness.power }] : factors);
  if (factors.length > 1) sideBySide.add(made);
  return made;
}

const forPeople = (style: Style, derivative: (f: string, x: string) => string): Style => ({
  ...style,
  juxtaposed: (factors) => juxtaposed(style, factors),
  number: (x) => style.number(shorter(x)),
  over: (op, dim, body) => {
    const isMean = op === mean.notation.unicode || op === mean.notation.tex;
    return isMean ? style.call(op, [body.text]) : style.over(op, dim, body);
  },
  name: (name) => {
    const [, f, x] = DERIVATIVE.exec(name) ?? [];
    return f && x ? { ...style.name(name), text: derivative(f, style.name(x).text) } : style.name(name);
  },
});

export const unicode = forPeople(unicodeStyle, (f, x) => `${f}'(${x})`);
export const tex = forPeople(
  texStyle,
  (f, x) => `\\operatorname{${f.replaceAll("_", "\\_")}}'\\left(${x}\\right)`,
);

export type Labels = ReadonlyMap<Expr, CallLabel>;

/** Prints what lies along a shape. */
export const show = (e: Expr, shape: readonly Dim[], spec: Spec, style: Style, labels: Labels = new Map()): string =>
  printExpr(withMeans(e, spec), axesFor(shape), { style, labels });

/** Σ x / n over n elements as their mean. */
const withMeans = (e: Expr, spec: Spec): Expr =>
  rewrite(e, [
    {
      name: "mean",
      apply: (x) => {
        if (!isApply(x, "mul")) return undefined;
        const total = x.args.find((f) => isReduce(f, "sum"));
        if (!total || total.kind !== "reduce") return undefined;
        const { axis, body } = open(total);
        const under = x.args.find((f) => {
          const [base, exponent] = splitPower(f);
          return base.kind === "extent" && isConstant(exponent, -1) && spec.equalities.same(base.dim, axis.dim);
        });
        if (!under) return undefined;
        return mul(...x.args.filter((f) => f !== total && f !== under), rawReduce(mean, axis, body));
      },
    },
  ]);

/** A sum whose terms stand in the order given. */
export function showTerms(
  terms: readonly Expr[],
  shape: readonly Dim[],
  spec: Spec,
  style: Style,
  labels: Labels,
): string {
  return terms
    .map((term, i) => {
      const text = show(term, shape, spec, style, labels);
      if (i === 0) return text;
      return /^[−-]/.test(text) ? ` ${text[0]} ${text.slice(1)}` : ` + ${text}`;
    })
    .join("");
}
