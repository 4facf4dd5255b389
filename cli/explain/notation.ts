/** How the explanation writes mathematics: the printer's styles, with what is only for people on top. */
import type { CallLabel } from "../../compiler/check/labels.ts";
import type { Spec } from "../../compiler/check/spec.ts";
import { add, factorsOf, isApply, isReduce, mul, splitPower } from "../../compiler/math/algebra.ts";
import { axesFor, type Dim } from "../../compiler/math/axis.ts";
import { type Expr, isConstant, open, rawReduce } from "../../compiler/math/expr.ts";
import type { Reduction } from "../../compiler/math/node.ts";
import { sum } from "../../compiler/math/ops/index.ts";
import { printExpr } from "../../compiler/math/print.ts";
import { type Rule, rewrite } from "../../compiler/math/rewrite.ts";
import {
  type Doc,
  type Style,
  Tightness,
  tex as texStyle,
  unicode as unicodeStyle,
} from "../../compiler/math/style.ts";

/** A mean in print. It is never computed: everywhere else it is a sum over an extent. */
const mean: Reduction = { ...sum, name: "mean", notation: { unicode: "mean", tex: "\\operatorname{mean}" } };

/** The derivative of a function at a name, as `gelu'(h)`. */
const DERIVATIVE = /^([\p{L}\p{N}_]+)'\((.+)\)$/u;

/** The value of a name at a token of a tile, or just before it: `k@s`, `W@t-1`; `c@t[s]` is what t has of s. */
const AT_TOKEN = /^(.+)@([st])(-1)?(\[s\])?$/u;

const TOKENS: Readonly<Record<string, string>> = { s: "ₛ", t: "ₜ" };

/** Digits for people. */
const shorter = (x: number): number => Number(x.toPrecision(6));

/** Products that were written side by side: α (W k) needs no brackets, since it is (α W) k as well. */
const sideBySide = new WeakSet<Doc>();

/**
 * The negative of what is written, where that is no longer: −(v − y) k is (y − v) k. The compiler keeps
 * differences in one of their two orders; a person writes the order that needs no sign in front.
 */
const negatives = new WeakMap<Doc, Doc>();

function withNegative(made: Doc, negative: Doc | undefined): Doc {
  if (negative) negatives.set(made, negative);
  return made;
}

/** For what is linear in each of its parts. */
function linear(parts: readonly Doc[], write: (parts: readonly Doc[]) => Doc): Doc {
  const at = parts.findIndex((p) => negatives.has(p));
  const negative = at < 0 ? undefined : write(parts.with(at, negatives.get(parts[at] as Doc) as Doc));
  const made = write(parts);
  return made === parts[0] ? made : withNegative(made, negative);
}

/** How a mode writes names that are made of other names. */
interface Marks {
  readonly derivative: (f: string, x: string) => string;
  readonly atToken: (x: string, token: string, isBefore: boolean) => string;
}

function forPeople(style: Style, target: string, marks: Marks): Style {
  const targets = [target, `${target}@t`];
  const first = (x: Doc): string => x.text.split(" ", 1)[0] ?? "";
  const name = (text: string): Doc => {
    const [, f, x] = DERIVATIVE.exec(text) ?? [];
    if (f && x) return { ...style.name(text), text: marks.derivative(f, style.name(x).text) };
    const [, of, token, before, which = ""] = AT_TOKEN.exec(text) ?? [];
    if (!of || !token) return style.name(text);
    const placed = marks.atToken(style.name(of).text, token, before !== undefined);
    return { ...style.name(text), text: `${placed}${which}` };
  };
  /** Of two orders that mean the same, the one that compares the prediction with the target. */
  const either = (x: Doc): Doc => {
    const other = negatives.get(x);
    return other && targets.some((t) => first(x) === name(t).text) ? other : x;
  };
  const beside = (factors: readonly Doc[]): Doc => {
    const last = factors.at(-1);
    const open = last && factors.length > 1 && sideBySide.has(last);
    const made = style.juxtaposed(
      open ? [...factors.slice(0, -1), { ...last, tightness: Tightness.power }] : factors,
    );
    if (factors.length > 1) sideBySide.add(made);
    return made;
  };
  const even = (exponent: Doc): boolean => Number(exponent.text) % 2 === 0;
  return {
    ...style,
    juxtaposed: (factors) => linear(factors, beside),
    hadamard: (factors) => linear(factors, style.hadamard),
    operand: (x) => linear([x], ([y]) => style.operand(y as Doc)),
    transposed: (x) => linear([x], ([y]) => style.transposed(y as Doc)),
    diagonal: (x) => linear([x], ([y]) => style.diagonal(y as Doc)),
    fraction: (above, below) => linear([above], ([y]) => style.fraction(y as Doc, below)),
    negated: (x) => negatives.get(x) ?? style.negated(x),
    sum: (terms) => {
      const opposite = terms.map((t) => ({ ...t, negative: !t.negative }));
      const ordered = [...opposite.filter((t) => !t.negative), ...opposite.filter((t) => t.negative)];
      const flips = terms.length > 1 && ordered[0]?.negative === false;
      return withNegative(style.sum(terms), flips ? style.sum(ordered) : undefined);
    },
    norm: (x) => style.norm(either(x)),
    around: (brackets, x) => style.around(brackets, either(x)),
    power: (base, exponent) => style.power(even(exponent) ? either(base) : base, exponent),
    number: (x) => style.number(shorter(x)),
    over: (op, dim, body) => {
      const isMean = op === mean.notation.unicode || op === mean.notation.tex;
      return isMean ? style.call(op, [body.text]) : style.over(op, dim, body);
    },
    name,
  };
}

export type Mode = "unicode" | "tex";

const UNICODE: Marks = {
  derivative: (f, x) => `${f}'(${x})`,
  atToken: (x, token, isBefore) => `${x}${TOKENS[token]}${isBefore ? "₋₁" : ""}`,
};

const TEX: Marks = {
  derivative: (f, x) => `\\operatorname{${f.replaceAll("_", "\\_")}}'\\left(${x}\\right)`,
  atToken: (x, token, isBefore) => `${/[_^]/.test(x) ? `{${x}}` : x}_{${token}${isBefore ? "-1" : ""}}`,
};

const styles = new Map<string, Style>();

function styleFor(mode: Mode, target: string): Style {
  const key = `${mode} ${target}`;
  const made =
    styles.get(key) ??
    (mode === "unicode" ? forPeople(unicodeStyle, target, UNICODE) : forPeople(texStyle, target, TEX));
  styles.set(key, made);
  return made;
}

export type Labels = ReadonlyMap<Expr, CallLabel>;

export const showName = (name: string, mode: Mode): string => styleFor(mode, "v").name(name).text;

/** Prints what lies along a shape. */
export function show(
  e: Expr,
  shape: readonly Dim[],
  spec: Spec,
  mode: Mode,
  labels: Labels = new Map(),
): string {
  const style = styleFor(mode, spec.bias.v.name);
  return printExpr(rewrite(e, means(spec)), axesFor(shape), { style, labels });
}

/** Σ x / n over n elements, as their mean. */
function means(spec: Spec): Rule[] {
  const under = (factors: readonly Expr[], d: Dim): Expr | undefined =>
    factors.find((f) => {
      const [base, exponent] = splitPower(f);
      return base.kind === "extent" && isConstant(exponent, -1) && spec.equalities.same(base.dim, d);
    });
  const total = (e: Expr): Dim | undefined => {
    const found = factorsOf(e).find((f) => isReduce(f, "sum"));
    return found?.kind === "reduce" ? found.axis.dim : undefined;
  };
  return [
    {
      name: "mean",
      apply: (x) => {
        if (!isApply(x, "mul")) return undefined;
        const found = x.args.find((f) => isReduce(f, "sum") && under(x.args, f.axis.dim));
        if (found?.kind !== "reduce") return undefined;
        const { axis, body } = open(found);
        const extent = under(x.args, axis.dim);
        return mul(...x.args.filter((f) => f !== found && f !== extent), rawReduce(mean, axis, body));
      },
    },
    {
      name: "a sum of sums over an extent",
      apply: (x) => {
        if (!isApply(x, "mul")) return undefined;
        for (const factor of x.args) {
          if (!isApply(factor, "add")) continue;
          const [first, ...others] = factor.args.map(total);
          const extent = first && under(x.args, first);
          if (!extent || !others.every((d) => d && spec.equalities.same(d, first))) continue;
          const rest = x.args.filter((f) => f !== factor && f !== extent);
          return mul(...rest, add(...factor.args.map((t) => mul(t, extent))));
        }
        return undefined;
      },
    },
  ];
}

/** A sum whose terms stand in the order given. */
export function showTerms(
  terms: readonly Expr[],
  shape: readonly Dim[],
  spec: Spec,
  mode: Mode,
  labels: Labels,
): string {
  return terms
    .map((term, i) => {
      const text = show(term, shape, spec, mode, labels);
      if (i === 0) return text;
      return /^[−-]/.test(text) ? ` ${text[0]} ${text.slice(1)}` : ` + ${text}`;
    })
    .join("");
}
