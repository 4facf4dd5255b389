/** Solving e(u) = target for an unknown that stands in e, by undoing one operation after the other. */
import {
  add,
  at,
  call,
  div,
  factorsOf,
  isApply,
  mul,
  neg,
  pow,
  sub,
  substitute,
} from "../../math/algebra.ts";
import { axesFor } from "../../math/axis.ts";
import { domainOf } from "../../math/domain.ts";
import { constant, type Expr, type Leaf, postorder } from "../../math/expr.ts";
import { pullBack } from "../gradient.ts";
import { normalForm } from "../normal-form.ts";
import { simplify } from "../simplify.ts";
import { signedPower } from "./signs.ts";

/** What stands in the way of a solution. */
export interface Obstacle {
  readonly term: Expr;
  readonly why: string;
}

export const isObstacle = (x: object): x is Obstacle => "why" in x;

export const reads = (e: Expr, unknown: Leaf): boolean => postorder([e]).includes(unknown);

/** The u for which e(u) = target; e is monotone in u where it has one. */
export function isolate(e: Expr, unknown: Leaf, target: Expr): Expr | Obstacle {
  if (e === unknown) return target;
  if (e.kind !== "apply") return { term: e, why: "it sums over the unknown" };
  const [first, second] = e.args as [Expr, Expr];
  switch (e.op.name) {
    case "add":
      return fromSum(e.args, unknown, target, e);
    case "mul":
      return fromProduct(e.args, unknown, target, e);
    case "pow":
      return fromPower(first, second, unknown, target, e);
    case "exp":
      return isolate(first, unknown, call("log", target));
    case "log":
      return isolate(first, unknown, call("exp", target));
    case "sigmoid":
      return isolate(first, unknown, sub(call("log", target), call("log", sub(constant(1), target))));
    case "tanh": {
      const odds = div(add(constant(1), target), sub(constant(1), target));
      return isolate(first, unknown, mul(constant(0.5), call("log", odds)));
    }
    case "sinh": {
      const hypotenuse = pow(add(pow(target, constant(2)), constant(1)), constant(0.5));
      // Of the size, since beside a large negative target nothing is left of the sum.
      const size = call("log", add(call("abs", target), hypotenuse));
      return isolate(first, unknown, mul(call("sign", target), size));
    }
    default:
      return { term: e, why: `\`${e.op.name}\` cannot be undone` };
  }
}

function fromSum(terms: readonly Expr[], u: Leaf, target: Expr, whole: Expr): Expr | Obstacle {
  const own = terms.filter((t) => reads(t, u));
  const rest = sub(target, add(...terms.filter((t) => !own.includes(t))));
  const [only] = own;
  if (only && own.length === 1) return isolate(only, u, rest);
  const expanded = normalForm(add(...own));
  if (expanded !== add(...own)) return isolate(expanded, u, rest);
  const slope = slopeOf(expanded, u);
  if (slope) return div(rest, slope);
  return fromLogarithms(own, u, rest) ?? { term: whole, why: "the unknown stands in several of its terms" };
}

/** The slope of what is linear in the unknown. */
function slopeOf(e: Expr, u: Leaf): Expr | undefined {
  const slope = slopeIn(e, u);
  if (reads(slope, u)) return undefined;
  const isLinear = normalForm(sub(e, mul(slope, u))) === constant(0);
  return isLinear && slope !== constant(0) ? simplify(slope) : undefined;
}

/** de/du, of each element in its own. */
export const slopeIn = (e: Expr, u: Leaf): Expr => {
  const pulled = pullBack([[e, constant(1)]], [u.tensor]).get(u.tensor) as Expr;
  return normalForm(at(pulled, axesFor(u.tensor.shape), u.index));
};

export const put = (e: Expr, u: Leaf, value: Expr): Expr =>
  substitute(e, (t, index) =>
    t === u.tensor && index.every((a, i) => a === u.index[i]) ? value : undefined,
  );

/** log f − log g with f and g affine: of the ratio of two affine functions, a sigmoid between their zeros. */
function fromLogarithms(terms: readonly Expr[], u: Leaf, target: Expr): Expr | undefined {
  const parts = terms.map((t) => {
    const factors = factorsOf(t);
    const log = factors.find((f) => isApply(f, "log"));
    return log?.kind === "apply"
      ? { of: log.args[0] as Expr, times: mul(...factors.filter((f) => f !== log)) }
      : undefined;
  });
  const [one, other, ...more] = parts;
  if (!one || !other || more.length > 0 || add(one.times, other.times) !== constant(0)) return undefined;
  if (reads(one.times, u)) return undefined;
  const f = affine(one.of, u);
  const g = affine(other.of, u);
  if (!f || !g) return undefined;
  const width = sub(g.zero, f.zero);
  const ratio = simplify(neg(div(g.slope, f.slope)));
  const place = call("sigmoid", add(div(target, one.times), call("log", ratio)));
  return simplify(add(f.zero, mul(width, place)));
}

function affine(e: Expr, u: Leaf): { slope: Expr; zero: Expr } | undefined {
  const offset = put(e, u, constant(0));
  const slope = slopeOf(sub(e, offset), u);
  return slope && { slope, zero: simplify(neg(div(offset, slope))) };
}

function fromProduct(factors: readonly Expr[], u: Leaf, target: Expr, whole: Expr): Expr | Obstacle {
  const own = factors.filter((f) => reads(f, u));
  const rest = div(target, mul(...factors.filter((f) => !own.includes(f))));
  const [only] = own;
  if (only && own.length === 1) return isolate(only, u, rest);
  const odd = oddPower(own);
  if (odd) return isolate(odd.base, u, signedPower(rest, div(constant(1), odd.exponent)));
  return { term: whole, why: "the unknown stands in several of its factors" };
}

/** sign(x) |x|^p, however it is written: as sign(x) times powers of x and of |x|. */
function oddPower(factors: readonly Expr[]): { base: Expr; exponent: Expr } | undefined {
  let base: Expr | undefined;
  let exponent: Expr = constant(0);
  let signs = 0;
  for (const f of factors) {
    const [inside, power] = isApply(f, "pow") ? [f.args[0] as Expr, f.args[1] as Expr] : [f, constant(1)];
    const isSign = isApply(inside, "sign");
    const isSize = isApply(inside, "abs");
    const of: Expr = isSign || isSize ? (inside.args[0] as Expr) : inside;
    if (base !== undefined && base !== of) return undefined;
    base = of;
    if (power.kind !== "constant" && !isSize) return undefined;
    const isOdd = power.kind === "constant" && Math.abs(power.value % 2) === 1;
    if (!isSize && isOdd) signs++;
    if (!isSign) exponent = add(exponent, power);
  }
  return base && signs % 2 === 1 && domainOf(exponent).low > 0 ? { base, exponent } : undefined;
}

function fromPower(base: Expr, exponent: Expr, u: Leaf, target: Expr, whole: Expr): Expr | Obstacle {
  if (reads(exponent, u)) return { term: whole, why: "the unknown stands in an exponent" };
  const root = div(constant(1), exponent);
  const isOdd = exponent.kind === "constant" && Math.abs(exponent.value % 2) === 1;
  if (isOdd && exponent.value === -1) return isolate(base, u, pow(target, constant(-1)));
  if (isOdd) return isolate(base, u, signedPower(target, root));
  if (domainOf(base).low >= 0) return isolate(base, u, pow(call("max", target, constant(0)), root));
  return { term: whole, why: "an even power has two roots" };
}
