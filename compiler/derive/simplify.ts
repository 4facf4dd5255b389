/** Simplification: the rules that make a derived expression one that a person would have written. */
import {
  add,
  call,
  factorsOf,
  isApply,
  isReduce,
  mul,
  pow,
  splitCoefficient,
  splitPower,
  sumOver,
  termsOf,
} from "../math/algebra.ts";
import { type Apply, compare, constant, type Expr, isConstant, open } from "../math/expr.ts";
import { type Rule, rewrite } from "../math/rewrite.ts";

export const simplify = (e: Expr, log?: (rule: Rule) => void): Expr => rewrite(e, rules, log);

const arg = (e: Apply, i: number): Expr => e.args[i] as Expr;

/** The first factor that `pick` accepts, with the others. */
function pickFactor<T>(
  e: Expr,
  pick: (f: Expr) => T | undefined,
): { picked: T; factor: Expr; others: Expr[] } | undefined {
  if (!isApply(e, "mul")) return undefined;
  for (const factor of e.args) {
    const picked = pick(factor);
    if (picked !== undefined) return { picked, factor, others: e.args.filter((f) => f !== factor) };
  }
  return undefined;
}

/** The argument of `op(x)`, if `e` is that. */
const inside = (e: Expr, op: string): Expr | undefined => (isApply(e, op) ? arg(e, 0) : undefined);

const rules: readonly Rule[] = [
  {
    // f · where(c, a, 0) = where(c, f·a, 0): a masked derivative reads as cases.
    name: "product into cases",
    apply: (e) => {
      const found = pickFactor(e, (f) =>
        isApply(f, "where") && (isConstant(arg(f, 1)) || isConstant(arg(f, 2))) ? f : undefined,
      );
      if (!found) return undefined;
      const [c, a, b] = found.picked.args as [Expr, Expr, Expr];
      const others = found.others;
      return call("where", c, mul(a, ...others), mul(b, ...others));
    },
  },
  {
    // where(c, a, b) + where(c, x, y) = where(c, a + x, b + y)
    name: "join cases",
    apply: (e) => {
      const byCondition = new Map<Expr, Apply[]>();
      for (const t of termsOf(e)) {
        if (!isApply(t, "where")) continue;
        byCondition.set(arg(t, 0), [...(byCondition.get(arg(t, 0)) ?? []), t]);
      }
      for (const [c, cases] of byCondition) {
        if (cases.length < 2) continue;
        const others = termsOf(e).filter((t) => !(cases as readonly Expr[]).includes(t));
        const joined = call(
          "where",
          c,
          add(...cases.map((t) => arg(t, 1))),
          add(...cases.map((t) => arg(t, 2))),
        );
        return add(joined, ...others);
      }
      return undefined;
    },
  },
  {
    // sinh(x) / cosh(x) = tanh(x)
    name: "quotient of hyperbolics",
    apply: (e) => {
      const found = pickFactor(e, (f) => inside(f, "sinh"));
      if (!found) return undefined;
      const under = pow(call("cosh", found.picked), constant(-1));
      if (!found.others.includes(under)) return undefined;
      return mul(call("tanh", found.picked), ...found.others.filter((f) => f !== under));
    },
  },
  {
    // sign(x) · |x| = x, and sign(x) · |x|^p = x · |x|^(p−1) where p is an odd number
    name: "sign and magnitude",
    apply: (e) => {
      const found = pickFactor(e, (f) => inside(f, "sign"));
      if (!found) return undefined;
      const magnitude = call("abs", found.picked);
      const power = found.others.find((f) => splitPower(f)[0] === magnitude);
      if (!power) return undefined;
      const exponent = splitPower(power)[1];
      if (!isConstant(exponent) || exponent.value % 2 !== 1 || exponent.value < 0) return undefined;
      const rest = found.others.filter((f) => f !== power);
      return mul(found.picked, pow(found.picked, constant(exponent.value - 1)), ...rest);
    },
  },
  {
    // Σ(x − mean) = Σx − n·mean = 0: a sum of sums is taken apart where terms of it cancel
    name: "sum of what cancels",
    apply: (e) => {
      if (!isReduce(e, "sum")) return undefined;
      const { axis, body } = open(e);
      if (!isApply(body, "add")) return undefined;
      const apart = add(...body.args.map((t) => sumOver(t, [axis])));
      return termsOf(apart).length < body.args.length ? apart : undefined;
    },
  },
  {
    // a·x + b·x + c = (a + b)·x + c
    name: "common factor",
    apply: (e) => {
      if (!isApply(e, "add")) return undefined;
      const parts = e.args.map((term) => ({ term, factors: factorsOf(splitCoefficient(term)[1]) }));
      const sharing = mostShared(parts.map((p) => p.factors));
      if (!sharing) return undefined;
      const inside = parts.filter((p) => p.factors.includes(sharing));
      const common = (inside[0]?.factors ?? []).filter((f) => inside.every((p) => p.factors.includes(f)));
      const rests = inside.map(({ term }) => {
        const [c, rest] = splitCoefficient(term);
        return mul(constant(c), ...factorsOf(rest).filter((f) => !common.includes(f)));
      });
      const others = parts.filter((p) => !inside.includes(p)).map((p) => p.term);
      return add(mul(...common, add(...rests)), ...others);
    },
  },
];

/**
 * A factor that all products have; or else the one that most of them have, if it takes some work to
 * compute: a sum of three terms in two named tensors reads best as it is.
 */
function mostShared(products: readonly (readonly Expr[])[]): Expr | undefined {
  const uses = new Map<Expr, number>();
  for (const f of products.flat()) if (f.kind !== "constant") uses.set(f, (uses.get(f) ?? 0) + 1);
  let best: Expr | undefined;
  for (const [f, n] of uses) {
    const takesWork = f.kind === "apply" || f.kind === "reduce" || f.kind === "solve";
    const counts = n === products.length || (n > 1 && takesWork);
    if (!counts) continue;
    const order = best ? n - (uses.get(best) as number) || compare(f, best) : 1;
    if (order > 0) best = f;
  }
  return best;
}
