/** Simplification: the rules that make a derived expression one that a person would have written. */
import { add, call, isApply, mul, pow, splitCoefficient, splitPower } from "../math/algebra.ts";
import { type Apply, constant, type Expr, isConstant } from "../math/expr.ts";
import { type Rule, rewrite } from "../math/rewrite.ts";

export const simplify = (e: Expr, log?: (rule: Rule) => void): Expr => rewrite(e, rules, log);

const termsOf = (e: Expr): readonly Expr[] => (isApply(e, "add") ? e.args : [e]);
const factorsOf = (e: Expr): readonly Expr[] => (isApply(e, "mul") ? e.args : [e]);
const arg = (e: Apply, i: number): Expr => e.args[i] as Expr;

/** The first factor that `pick` accepts, with the others. */
function pickFactor<T>(e: Expr, pick: (f: Expr) => T | undefined): { picked: T; factor: Expr; others: Expr[] } | undefined {
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
        const joined = call("where", c, add(...cases.map((t) => arg(t, 1))), add(...cases.map((t) => arg(t, 2))));
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
    // a·x + b·x = (a + b)·x, where it makes the sum shorter
    name: "common factor",
    apply: (e) => {
      if (!isApply(e, "add")) return undefined;
      const parts = e.args.map((t) => {
        const [c, rest] = splitCoefficient(t);
        return { c, factors: rest.kind === "constant" ? [] : [...factorsOf(rest)] };
      });
      const first = parts[0];
      if (!first) return undefined;
      const common = first.factors.filter((f) => parts.every((p) => p.factors.includes(f)));
      if (common.length === 0) return undefined;
      const rests = parts.map((p) => mul(constant(p.c), ...p.factors.filter((f) => !common.includes(f))));
      const inner = add(...rests);
      // A sum times a number alone is multiplied out by the constructor: nothing is gained then.
      return inner.kind === "constant" && common.length === 0 ? undefined : mul(...common, inner);
    },
  },
];
