/** Signs and sizes of products: factors that are known to be positive are taken out. */
import { call, factorsOf, isApply, mul, pow, rebuild } from "../../math/algebra.ts";
import { domainOf } from "../../math/domain.ts";
import type { Expr } from "../../math/expr.ts";

/** sign(x) |x|^p */
export const signedPower = (x: Expr, p: Expr): Expr =>
  domainOf(x).low >= 0 ? pow(x, p) : mul(signOf(x), pow(sizeOf(x), p));

const isPositive = (f: Expr): boolean => domainOf(f).low >= 0;

function signOf(x: Expr): Expr {
  const own = factorsOf(x).filter((f) => !isPositive(f));
  return own.length === factorsOf(x).length ? call("sign", x) : call("sign", mul(...own));
}

function sizeOf(x: Expr): Expr {
  const factors = factorsOf(x);
  const positive = factors.filter(isPositive);
  const own = factors.filter((f) => !isPositive(f) && !isIdle(f, factors));
  return mul(...positive, ...(own.length > 0 ? [call("abs", mul(...own))] : []));
}

/** sign(y) beside a power of |y|, which is zero where it is: its size changes nothing. */
function isIdle(f: Expr, factors: readonly Expr[]): boolean {
  if (!isApply(f, "sign")) return false;
  const inside = f.args[0] as Expr;
  const bases = [inside, call("abs", inside)];
  return factors.some((g) => {
    const [base, p] = isApply(g, "pow") ? [g.args[0] as Expr, domainOf(g.args[1] as Expr).low] : [g, 1];
    return bases.includes(base) && p > 0;
  });
}

/** The same with every size and sign of a product taken apart. */
export function apart(e: Expr): Expr {
  const memo = new Map<Expr, Expr>();
  const go = (x: Expr): Expr => {
    let made = memo.get(x);
    if (!made) {
      const inner = rebuild(x, go);
      const only = inner.kind === "apply" ? inner.args[0] : undefined;
      made =
        only && isApply(inner, "abs") ? sizeOf(only) : only && isApply(inner, "sign") ? signOf(only) : inner;
      memo.set(x, made);
    }
    return made;
  };
  return go(e);
}
