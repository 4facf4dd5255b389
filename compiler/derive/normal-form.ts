/**
 * The normal form that proofs are made in: a sum of monomials, each a number times powers of atoms
 * under summations, with products multiplied out. Expressions that are equal as polynomials in their
 * atoms have the same normal form, so that equality is identity.
 */
import { add, apply, mul, pow, reduce, sumOver } from "../math/algebra.ts";
import type { Axis } from "../math/axis.ts";
import { compare, type Expr, extent, openFresh } from "../math/expr.ts";
import { sum } from "../math/ops/index.ts";

/** A product of factors, summed over axes that occur nowhere else. */
interface Monomial {
  readonly factors: readonly Expr[];
  readonly bound: readonly Axis[];
}

/** Powers of sums are multiplied out up to this exponent; beyond it they are atoms. */
const LARGEST_POWER = 4;

export const normalForm = (e: Expr): Expr => add(...monomials(e).map(close));

function monomials(e: Expr): Monomial[] {
  if (e.kind === "apply") {
    if (e.op.name === "add") return e.args.flatMap(monomials);
    if (e.op.name === "mul") return product(e.args);
    if (e.op.name === "pow") return power(e.args[0] as Expr, e.args[1] as Expr);
    return [atom(apply(e.op, e.args.map(normalForm)))];
  }
  if (e.kind === "reduce") {
    const { axis, body } = openFresh(e);
    if (e.op !== sum) return [atom(reduce(e.op, axis, normalForm(body)))];
    return monomials(body).map((m) => bind(m, axis));
  }
  return [atom(e)];
}

const atom = (e: Expr): Monomial => ({ factors: [e], bound: [] });

function product(args: readonly Expr[]): Monomial[] {
  let terms: Monomial[] = [{ factors: [], bound: [] }];
  for (const arg of args) {
    // Reductions are opened afresh each time, so that no two factors share a bound axis.
    terms = terms.flatMap((a) =>
      monomials(arg).map((b) => ({ factors: [...a.factors, ...b.factors], bound: [...a.bound, ...b.bound] })),
    );
  }
  return terms;
}

function power(base: Expr, exponent: Expr): Monomial[] {
  const n = exponent.kind === "constant" ? exponent.value : Number.NaN;
  if (Number.isInteger(n) && n > 0 && n <= LARGEST_POWER) return product(Array<Expr>(n).fill(base));
  return [atom(pow(normalForm(base), normalForm(exponent)))];
}

function bind(m: Monomial, axis: Axis): Monomial {
  return m.factors.some((f) => f.axes.includes(axis))
    ? { factors: m.factors, bound: [...m.bound, axis] }
    : { factors: [...m.factors, extent(axis.dim)], bound: m.bound };
}

/**
 * The monomial as one expression. Summations commute, so each order of binding is an equal
 * expression; the least of them is the normal one.
 */
function close(m: Monomial): Expr {
  let body = mul(...m.factors);
  let bound = m.bound;
  // A summation that goes away (over an identity matrix) is done first: it renames the other axes.
  for (let axis = contractible(body, bound); axis; axis = contractible(body, bound)) {
    const gone = axis;
    body = sumOver(body, [gone]);
    bound = bound.filter((a) => a !== gone);
  }
  let least = body;
  for (const order of permutations(bound)) {
    const closed = sumOver(body, order);
    if (least === body || compare(closed, least) < 0) least = closed;
  }
  return least;
}

const contractible = (body: Expr, bound: readonly Axis[]): Axis | undefined =>
  bound.find((axis) => sumOver(body, [axis]).depth <= body.depth);

/** All orders of up to five axes; more are left as they are, where a proof falls back on numbers. */
function* permutations(axes: readonly Axis[]): Generator<readonly Axis[]> {
  if (axes.length <= 1 || axes.length > 5) {
    yield axes;
    return;
  }
  for (const [i, first] of axes.entries()) {
    const others = axes.filter((_, j) => j !== i);
    for (const rest of permutations(others)) yield [first, ...rest];
  }
}
