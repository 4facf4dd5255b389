/**
 * Equations in which the unknown also stands inside one sum over all of it, such as the norm of a mirror map. The sum
 * is taken as an unknown number N; W follows from it; and N is what makes its own definition true.
 */
import {
  at,
  call,
  div,
  factorsOf,
  mul,
  pow,
  rebuild,
  splitPower,
  sub,
  substitute,
} from "../../math/algebra.ts";
import { domainOf } from "../../math/domain.ts";
import {
  constant,
  type Expr,
  type Leaf,
  leaf,
  postorder,
  type Reduce,
  type Tensor,
} from "../../math/expr.ts";
import { interval } from "../../math/interval.ts";
import { simplify } from "../simplify.ts";
import { isObstacle, isolate, type Obstacle, put } from "./isolate.ts";
import { apart } from "./signs.ts";

const ONE = constant(1);

/** The unknown for which e = target; undefined where no sum over the unknown stands in e. */
export function eliminateSum(e: Expr, unknown: Leaf, target: Expr): Expr | Obstacle | undefined {
  const isSum = (x: Expr): x is Reduce =>
    x.kind === "reduce" && postorder([x]).some((y) => y.kind === "leaf" && y.tensor === unknown.tensor);
  const sums = [...new Set(postorder([e], (x) => !isSum(x)).filter(isSum))];
  const [sum, second] = sums;
  if (!sum) return undefined;
  if (second || sum.axes.length > 0 || domainOf(sum).low < 0)
    return {
      term: second ?? sum,
      why: "only one sum over all of the unknown, of what is not negative, can be eliminated",
    };
  const number: Tensor = { name: "N", shape: [], domain: interval(0, Infinity, true) };
  const n = leaf(number, []);
  const solution = isolate(simplify(withoutGuards(replace(e, sum, n))), unknown, target);
  if (isObstacle(solution)) return solution;
  // N = M · N^κ, hence N = M^(1 / (1 − κ)).
  const defined = simplify(apart(definition(sum, unknown, solution)));
  const factors = factorsOf(defined);
  let kappa: Expr = constant(0);
  const rest: Expr[] = [];
  for (const f of factors) {
    const [base, exponent] = splitPower(f);
    if (base === n) kappa = exponent;
    else rest.push(f);
  }
  const m = mul(...rest);
  if (postorder([m, kappa]).includes(n)) return { term: sum, why: "the sum is no power of itself" };
  const value = pow(m, div(ONE, sub(ONE, kappa)));
  const isZero = call("less", constant(0), m);
  return call("where", isZero, simplify(put(solution, n, value)), constant(0));
}

/** The sum with the solution in the place of the unknown, at each of its own indices. */
const definition = (sum: Expr, unknown: Leaf, solution: Expr): Expr =>
  substitute(sum, (t, index) => (t === unknown.tensor ? at(solution, unknown.index, index) : undefined));

function replace(e: Expr, from: Expr, to: Expr): Expr {
  const go = (x: Expr): Expr => (x === from ? to : rebuild(x, go));
  return go(e);
}

/** What is given for where a sum is 0 falls away: it is positive. */
function withoutGuards(e: Expr): Expr {
  const go = (x: Expr): Expr => {
    if (x.kind === "apply" && x.op.name === "where") {
      const [condition, then] = x.args as [Expr, Expr];
      if (condition.kind === "apply" && condition.op.name === "less") {
        const [low, high] = condition.args as [Expr, Expr];
        if (domainOf(low).high <= domainOf(high).low) return go(then);
      }
    }
    return rebuild(x, go);
  };
  return go(e);
}
