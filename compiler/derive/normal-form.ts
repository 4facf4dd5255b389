/**
 * The normal form that proofs are made in: a sum of monomials, each a number times powers of atoms
 * under summations, with products multiplied out. Expressions that are equal as polynomials in their
 * atoms have the same normal form, so that equality is identity.
 */
import { add, factorsOf, mul, rebuild, sumOver } from "../math/algebra.ts";
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
/** A product of more terms than this, multiplied out, stays as it is: a proof falls back on numbers. */
const MOST_TERMS = 400;
/** Up to this many summations over one dimension, every order of them is tried. */
const MOST_ORDERED = 4;

export const normalForm = (e: Expr): Expr => new Normalizer().normal(e);

class Normalizer {
  readonly #normal = new Map<Expr, Expr>();

  normal(e: Expr): Expr {
    let found = this.#normal.get(e);
    if (!found) {
      found = add(...this.#monomials(e).map((m) => this.#close(m)));
      this.#normal.set(e, found);
      this.#normal.set(found, found);
    }
    return found;
  }

  #monomials(e: Expr): Monomial[] {
    if (e.kind === "apply" && e.op.name === "add") return e.args.flatMap((a) => this.#monomials(a));
    if (e.kind !== "apply" && e.kind !== "reduce" && e.kind !== "solve") return [atom(e)];
    if (!isOpen(e)) return this.#atom(e);
    if (e.kind === "reduce") {
      const { axis, body } = openFresh(e);
      return this.#monomials(body).map((m) => bind(m, axis));
    }
    if (e.kind !== "apply") return this.#atom(e);
    if (e.op.name === "mul") return this.#product(e.args);
    return this.#product(Array<Expr>((e.args[1] as { value: number }).value).fill(e.args[0] as Expr));
  }

  /** What is not multiplied out: its parts are normal, and it may have become something else by that. */
  #atom(e: Expr): Monomial[] {
    const known = this.#normal.get(e);
    if (known) return known === e ? [atom(e)] : this.#monomials(known);
    const made = rebuild(e, (x) => this.normal(x));
    return made === e || !(isOpen(made) || isSum(made)) ? [atom(made)] : this.#monomials(made);
  }

  #product(args: readonly Expr[]): Monomial[] {
    let terms: Monomial[] = [{ factors: [], bound: [] }];
    for (const arg of args) {
      // Each argument is opened once more, so that no two factors share a bound axis.
      const own = this.#monomials(arg);
      terms = terms.flatMap((a) =>
        own.map((b) => ({ factors: [...a.factors, ...b.factors], bound: [...a.bound, ...b.bound] })),
      );
    }
    return terms;
  }

  /**
   * The monomial as one expression. Summations commute, so each order of binding is an equal
   * expression; the least of them is the normal one.
   */
  #close(m: Monomial): Expr {
    let body = mul(...m.factors);
    let bound = m.bound;
    // A summation that goes away (over an identity matrix) is done first: it renames the other axes.
    for (let gone = contracted(body, bound); gone; gone = contracted(body, bound)) {
      const { axis, rest } = gone;
      body = rest;
      bound = bound.filter((a) => a !== axis);
    }
    // Powers of one sum can have come together to a whole one.
    if (isSum(body) || (isOpen(body) && factorsOf(body).some((f) => isOpen(f) || isSum(f)))) {
      const again = this.#monomials(body).map((t) => bound.reduce(bind, t));
      return add(...again.map((t) => this.#close(t)));
    }
    let least = sumOver(body, bound);
    for (const order of orders(bound)) {
      const closed = sumOver(body, order);
      if (compare(closed, least) < 0) least = closed;
    }
    return least;
  }
}

const atom = (e: Expr): Monomial => ({ factors: [e], bound: [] });
const isSum = (e: Expr): boolean => e.kind === "apply" && e.op.name === "add";

/** Whether it is multiplied out: products, whole powers and summations, unless they have too many terms. */
function isOpen(e: Expr): boolean {
  if (e.kind === "reduce") return e.op === sum && terms(e) <= MOST_TERMS;
  if (e.kind !== "apply") return false;
  if (e.op.name === "mul") return terms(e) <= MOST_TERMS;
  return wholePower(e) > 0 && terms(e) <= MOST_TERMS;
}

/** n of xⁿ for small whole n and an x that is a sum; else 0. */
function wholePower(e: Expr): number {
  if (e.kind !== "apply" || e.op.name !== "pow") return 0;
  const [base, exponent] = e.args as [Expr, Expr];
  const n = exponent.kind === "constant" ? exponent.value : 0;
  if (!Number.isInteger(n) || n <= 1 || n > LARGEST_POWER) return 0;
  return isSum(base) || (base.kind === "reduce" && base.op === sum) ? n : 0;
}

const counts = new WeakMap<Expr, number>();

/** How many monomials it would be, multiplied out. */
function terms(e: Expr): number {
  if (e.kind !== "apply" && e.kind !== "reduce") return 1;
  let found = counts.get(e);
  if (found === undefined) {
    found = 1;
    if (e.kind === "reduce") found = e.op === sum ? terms(e.body) : 1;
    else if (e.op.name === "add") found = e.args.reduce((n, a) => n + terms(a), 0);
    else if (e.op.name === "mul") found = e.args.reduce((n, a) => n * terms(a), 1);
    else if (wholePower(e) > 0) found = terms(e.args[0] as Expr) ** wholePower(e);
    counts.set(e, found);
  }
  return found;
}

function bind(m: Monomial, axis: Axis): Monomial {
  return m.factors.some((f) => f.axes.includes(axis))
    ? { factors: m.factors, bound: [...m.bound, axis] }
    : { factors: [...m.factors, extent(axis.dim)], bound: m.bound };
}

/** The body summed over an axis where no summation is left over. */
function contracted(body: Expr, bound: readonly Axis[]): { axis: Axis; rest: Expr } | undefined {
  for (const axis of bound) {
    const meets = factorsOf(body).some((f) => f.kind === "delta" && f.axes.includes(axis));
    if (!meets && body.axes.includes(axis)) continue;
    const rest = sumOver(body, [axis]);
    if (summations(rest) <= summations(body)) return { axis, rest };
  }
  return undefined;
}

const summations = (e: Expr): number =>
  factorsOf(e).filter((f) => f.kind === "reduce" && f.op === sum).length;

/** Orders of summation: dimension by dimension, and within one in every order. */
function* orders(axes: readonly Axis[]): Generator<readonly Axis[]> {
  const [first] = [...axes].sort((a, b) => (a.dim.key < b.dim.key ? -1 : 1));
  if (!first) {
    yield [];
    return;
  }
  const group = axes.filter((a) => a.dim === first.dim);
  const others = axes.filter((a) => a.dim !== first.dim);
  for (const order of permutations(group)) for (const rest of orders(others)) yield [...order, ...rest];
}

function* permutations(axes: readonly Axis[]): Generator<readonly Axis[]> {
  if (axes.length <= 1 || axes.length > MOST_ORDERED) {
    yield axes;
    return;
  }
  for (const [i, first] of axes.entries()) {
    for (const rest of permutations(axes.filter((_, j) => j !== i))) yield [first, ...rest];
  }
}
