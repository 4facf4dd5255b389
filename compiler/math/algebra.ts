/**
 * The constructors that everything above them uses. They canonicalise locally (constants, zero and
 * one, like terms, powers of one base, the order of commutative operands) and nothing more: what
 * needs a choice is a named rule of `rules.ts`.
 */
import { InternalError } from "../source/diagnostic.ts";
import { type Axis, freshAxis } from "./axis.ts";
import { domainOf } from "./domain.ts";
import {
  type Apply,
  compare,
  compareShapes,
  constant,
  delta,
  type Expr,
  extent,
  isConstant,
  leaf,
  open,
  openedAxes,
  openFresh,
  openSolve,
  openSolveFresh,
  position,
  postorder,
  type Reduce,
  rawApply,
  rawReduce,
  rawSolve,
  type Tensor,
  unionAxes,
} from "./expr.ts";
import { isNonNegative } from "./interval.ts";
import type { Algebra, Elementwise, OpName, Reduction } from "./node.ts";
import {
  add as addOp,
  elementwise,
  mul as mulOp,
  pow as powOp,
  reductions,
  sum as sumOp,
} from "./ops/index.ts";

const ZERO = constant(0);
const ONE = constant(1);
const MINUS_ONE = constant(-1);

const byName = new Map<string, Elementwise>(elementwise.map((op) => [op.name, op]));
const reductionByName = new Map<string, Reduction>(reductions.map((op) => [op.name, op]));

export const elementwiseNamed = (name: string): Elementwise | undefined => byName.get(name);
export const reductionNamed = (name: string): Reduction | undefined => reductionByName.get(name);

// ---------------------------------------------------------------- sums

/** A term as a number times the rest. */
export function splitCoefficient(e: Expr): [coefficient: number, rest: Expr] {
  if (e.kind === "constant") return [e.value, ONE];
  if (e.kind === "apply" && e.op === mulOp) {
    const first = e.args[0];
    if (first?.kind === "constant") {
      const others = e.args.slice(1);
      return [first.value, others.length === 1 ? (others[0] as Expr) : rawApply(mulOp, others)];
    }
  }
  return [1, e];
}

export function add(...terms: readonly Expr[]): Expr {
  const coefficients = new Map<Expr, number>();
  const collect = (e: Expr, times: number): void => {
    const [c, rest] = splitCoefficient(e);
    if (rest.kind === "apply" && rest.op === addOp) {
      for (const t of rest.args) collect(t, times * c);
    } else {
      coefficients.set(rest, (coefficients.get(rest) ?? 0) + times * c);
    }
  };
  for (const t of terms) collect(t, 1);
  const kept: Expr[] = [];
  for (const [rest, c] of coefficients) {
    if (c === 0) continue;
    if (!Number.isFinite(c)) return rawApply(addOp, [...terms].sort(compare));
    kept.push(scale(c, rest));
  }
  if (kept.length === 0) return ZERO;
  if (kept.length === 1) return kept[0] as Expr;
  return rawApply(addOp, kept.sort(compare));
}

/** c · rest, where rest has no coefficient and is not a sum. */
function scale(c: number, rest: Expr): Expr {
  if (rest === ONE) return constant(c);
  if (c === 1) return rest;
  const factors = rest.kind === "apply" && rest.op === mulOp ? rest.args : [rest];
  return rawApply(mulOp, [constant(c), ...factors]);
}

/** What an expression is the sum of. */
export const termsOf = (e: Expr): readonly Expr[] => (isApply(e, "add") ? e.args : [e]);

export const sub = (a: Expr, b: Expr): Expr => add(a, neg(b));
export const neg = (a: Expr): Expr => mul(MINUS_ONE, a);

// ---------------------------------------------------------------- products

/** What an expression is the product of. */
export const factorsOf = (e: Expr): readonly Expr[] => (isApply(e, "mul") ? e.args : [e]);

/** A factor as a power. */
export function splitPower(e: Expr): [base: Expr, exponent: Expr] {
  if (e.kind === "apply" && e.op === powOp) return [e.args[0] as Expr, e.args[1] as Expr];
  return [e, ONE];
}

export function mul(...factors: readonly Expr[]): Expr {
  let c = 1;
  const exponents = new Map<Expr, Expr>();
  let exponential: Expr = ZERO;
  const collect = (e: Expr): void => {
    if (e.kind === "constant") {
      c *= e.value;
    } else if (e.kind === "apply" && e.op === mulOp) {
      for (const f of e.args) collect(f);
    } else if (e.kind === "apply" && e.op.name === "exp") {
      exponential = add(exponential, e.args[0] as Expr);
    } else {
      const [base, exponent] = splitPower(e);
      const before = exponents.get(base);
      exponents.set(base, before ? add(before, exponent) : exponent);
    }
  };
  for (const f of factors) collect(f);
  if (!Number.isFinite(c)) return rawApply(mulOp, [...factors].sort(compare));
  if (c === 0) return ZERO;
  // x − y and y − x are one factor: the one in which plus prevails, unless it stands alone.
  if (exponents.size > 1 || exponential !== ZERO || c !== 1) {
    for (const [base, exponent] of [...exponents]) {
      if (!isConstant(exponent, 1) || base.kind !== "apply" || base.op !== addOp || !isNegativeSum(base.args))
        continue;
      exponents.delete(base);
      c = -c;
      const turned = add(...base.args.map(neg));
      const before = exponents.get(turned);
      exponents.set(turned, before ? add(before, ONE) : ONE);
    }
  }
  const bases = [...exponents.keys()];
  const merged = bases.map((base) => pow(base, exponents.get(base) as Expr));
  // A merged power may be a product, a number or a power of something else: collect once more.
  const isMixed = merged.some((f, i) => splitPower(f)[0] !== bases[i]);
  if (exponential !== ZERO) merged.push(call("exp", exponential));
  if (isMixed) return mul(constant(c), ...merged);
  if (merged.length === 0) return constant(c);
  if (merged.length === 1) {
    const only = merged[0] as Expr;
    if (c === 1) return only;
    if (c === -1 && only.kind === "apply" && only.op === addOp) return add(...only.args.map(neg));
    return rawApply(mulOp, [constant(c), only]);
  }
  merged.sort(compare);
  return rawApply(mulOp, c === 1 ? merged : [constant(c), ...merged]);
}

/**
 * Most terms carry a minus, or half of them and the one that a person would put first: a number or an
 * identity, as in `1 − x`, otherwise the last in order, as in `W k − v`.
 */
function isNegativeSum(terms: readonly Expr[]): boolean {
  const isNegative = (t: Expr): boolean => splitCoefficient(t)[0] < 0;
  const negative = terms.filter(isNegative).length;
  if (2 * negative !== terms.length) return 2 * negative > terms.length;
  // The order of terms that differ in the names of axes alone must not decide.
  const shapes = terms.map((t) => ({ t, shape: splitCoefficient(t)[1] }));
  const alone = shapes.filter((a) => shapes.every((b) => a === b || compareShapes(a.shape, b.shape) !== 0));
  const ordered = alone.sort((a, b) => compareShapes(a.shape, b.shape));
  const leads = ordered[0] !== undefined && /^(constant|extent|delta)$/.test(ordered[0].shape.kind);
  const first = leads ? ordered[0] : ordered.at(-1);
  return first !== undefined && isNegative(first.t);
}

export const div = (a: Expr, b: Expr): Expr => mul(a, pow(b, MINUS_ONE));

export function pow(base: Expr, exponent: Expr): Expr {
  if (exponent.kind === "constant") {
    const p = exponent.value;
    if (p === 0) return ONE;
    if (p === 1 || (base.kind === "delta" && p > 0)) return base;
    if (base.kind === "constant") {
      const folded = base.value ** p;
      if (Number.isFinite(folded)) return constant(folded);
    }
    if (base.kind === "apply" && base.op === powOp && base.args[1]?.kind === "constant") {
      const inner = base.args[0] as Expr;
      const q = base.args[1].value;
      if (Number.isInteger(p) || isNonNegative(domainOf(inner))) return pow(inner, constant(p * q));
      if (p * q === 1 && q % 2 === 0) return call("abs", inner);
    }
    if (base.kind === "apply" && base.op === mulOp) {
      const outside = Number.isInteger(p) ? base.args : base.args.filter((f) => isNonNegative(domainOf(f)));
      if (outside.length > 0) {
        const inside = base.args.filter((f) => !outside.includes(f));
        const rest = inside.length === 0 ? ONE : pow(mul(...inside), exponent);
        return mul(rest, ...outside.map((f) => pow(f, exponent)));
      }
    }
  }
  if (isConstant(base, 1)) return ONE;
  const n = exponent.kind === "constant" ? exponent.value : Number.NaN;
  if (Number.isInteger(n) && base.kind === "apply" && base.op === addOp && isNegativeSum(base.args)) {
    const power = pow(add(...base.args.map(neg)), exponent);
    return n % 2 === 0 ? power : neg(power);
  }
  return powOp.simplify?.(algebra, [base, exponent]) ?? rawApply(powOp, [base, exponent]);
}

export const sqrt = (e: Expr): Expr => pow(e, constant(0.5));
export const square = (e: Expr): Expr => pow(e, constant(2));

// ---------------------------------------------------------------- every other operation

export function apply(op: Elementwise, args: readonly Expr[]): Expr {
  if (op === addOp) return add(...args);
  if (op === mulOp) return mul(...args);
  if (op === powOp) return pow(args[0] as Expr, args[1] as Expr);
  if (args.every((a) => a.kind === "constant")) {
    const [a = 0, b = 0, c = 0] = args.map((x) => (x as { value: number }).value);
    const folded = op.value(a, b, c);
    if (Number.isFinite(folded)) return constant(folded);
  }
  return op.simplify?.(algebra, args) ?? rawApply(op, args);
}

export function call(name: OpName, ...args: readonly Expr[]): Expr {
  const op = byName.get(name);
  if (!op) throw new InternalError(`no operation ${name}`);
  return apply(op, args);
}

// ---------------------------------------------------------------- reductions

export function reduce(op: Reduction, axis: Axis, body: Expr): Expr {
  if (!body.axes.includes(axis)) return op.overConstant(algebra, body, extent(axis.dim));
  if (op === sumOp) {
    const factors = factorsOf(body);
    const match = factors.find((f) => f.kind === "delta" && f.axes.includes(axis));
    if (match?.kind === "delta") {
      const other = match.left === axis ? match.right : match.left;
      const rest = mul(...factors.filter((f) => f !== match));
      if (!readsDiagonal(rest, axis, other)) return renameAxes(rest, new Map([[axis, other]]));
    }
    const outside = factors.filter((f) => !f.axes.includes(axis));
    if (outside.length > 0) {
      return mul(...outside, reduce(op, axis, mul(...factors.filter((f) => !outside.includes(f)))));
    }
  }
  return rawReduce(op, axis, body);
}

/** Whether making two axes one would index a tensor on its diagonal, which has no notation here. */
const readsDiagonal = (e: Expr, a: Axis, b: Axis): boolean =>
  postorder([e]).some((x) => {
    const index = x.kind === "leaf" ? x.index : x.kind === "solve" ? x.axes : [];
    return index.includes(a) && index.includes(b);
  });

export const sumOver = (body: Expr, axes: readonly Axis[]): Expr =>
  axes.reduce((e, axis) => reduce(sumOp, axis, e), body);

// ---------------------------------------------------------------- linear systems

/**
 * x[result] of A x = b, where A is `matrix[rows, columns]`, symmetric and positive definite, and b is
 * `right[columns]`: linear in b, and elementwise where A is diagonal.
 */
export function solve(rows: Axis, columns: Axis, matrix: Expr, right: Expr, result: Axis): Expr {
  if (isConstant(right, 0)) return right;
  if (right.axes.includes(rows)) {
    const own = freshAxis(rows.dim);
    return solve(own, columns, renameAxes(matrix, new Map([[rows, own]])), right, result);
  }
  const to = (e: Expr, from: Axis): Expr => renameAxes(e, new Map([[from, result]]));
  if (unionAxes([matrix.axes, right.axes]).some((a) => a === result && a !== rows && a !== columns)) {
    // One system for each element of `result`, and of each solution that element.
    const own = freshAxis(result.dim);
    return reduce(sumOp, own, mul(delta(own, result), solve(rows, columns, matrix, right, own)));
  }
  const factors = factorsOf(matrix);
  const identity = delta(rows, columns);
  if (factors.includes(identity)) {
    const diagonal = mul(...factors.filter((f) => f !== identity));
    if (!diagonal.axes.includes(rows)) return to(div(right, diagonal), columns);
    if (!diagonal.axes.includes(columns)) return div(to(right, columns), to(diagonal, rows));
  }
  const outside = factorsOf(right).filter((f) => !f.axes.includes(columns));
  if (outside.length > 0 && !isConstant(right, 1)) {
    const inside = mul(...factorsOf(right).filter((f) => !outside.includes(f)));
    return mul(...outside, solve(rows, columns, matrix, inside, result));
  }
  return rawSolve(rows, columns, matrix, right, result);
}

export const algebra: Algebra = { constant, add, sub, mul, div, neg, pow, call, domainOf };

// ---------------------------------------------------------------- rebuilding

const NONE: ReadonlySet<Axis> = new Set();

/**
 * The same node over other children, canonicalised. A binder's children are its opened ones, under axes that
 * are none of `taken`.
 */
export function rebuild(e: Expr, next: (child: Expr) => Expr, taken: ReadonlySet<Axis> = NONE): Expr {
  if (e.kind === "apply") {
    const args = e.args.map(next);
    return args.every((a, i) => a === e.args[i]) ? e : apply(e.op, args);
  }
  const isTaken = openedAxes(e).some((a) => taken.has(a));
  if (e.kind === "reduce") {
    const { axis, body } = isTaken ? openFresh(e) : open(e);
    const made = next(body);
    return made === body ? e : reduce(e.op, axis, made);
  }
  if (e.kind === "solve") {
    const { rows, columns, matrix, right } = isTaken ? openSolveFresh(e) : openSolve(e);
    const [a, b] = [next(matrix), next(right)];
    return a === matrix && b === right ? e : solve(rows, columns, a, b, e.result);
  }
  return e;
}

/** Renames free axes: the substitution of one index for another. Never captures. */
export function renameAxes(e: Expr, map: ReadonlyMap<Axis, Axis>): Expr {
  // The axis that `open` gives must be neither renamed nor run into.
  const taken = new Set([...map.keys(), ...map.values()]);
  const of = (a: Axis): Axis => map.get(a) ?? a;
  const memo = new Map<Expr, Expr>();
  const go = (x: Expr): Expr => {
    if (!x.axes.some((a) => map.has(a))) return x;
    let made = memo.get(x);
    if (!made) {
      made = renamed(x);
      memo.set(x, made);
    }
    return made;
  };
  const renamed = (x: Expr): Expr => {
    if (x.kind === "leaf") return leaf(x.tensor, x.index.map(of));
    if (x.kind === "delta") return delta(of(x.left), of(x.right));
    if (x.kind === "index") return position(of(x.axis));
    if (x.kind === "solve" && map.has(x.result)) {
      const { rows, columns, matrix, right } = openSolveFresh(x);
      return solve(rows, columns, go(matrix), go(right), of(x.result));
    }
    return rebuild(x, go, taken);
  };
  return go(e);
}

/**
 * Replaces tensors by expressions: `replace(tensor, index)` gives the value at that index, if it has one.
 * Never captures: other axes of the value stay free.
 */
export function substitute(
  e: Expr,
  replace: (tensor: Tensor, index: readonly Axis[]) => Expr | undefined,
): Expr {
  const memo = new Map<Expr, Expr>();
  const free = new Set<Axis>();
  for (const x of postorder([e])) {
    if (x.kind !== "leaf") continue;
    const value = replace(x.tensor, x.index);
    if (!value) continue;
    memo.set(x, value);
    for (const a of value.axes) if (!x.index.includes(a)) free.add(a);
  }
  if (memo.size === 0) return e;
  const go = (x: Expr): Expr => {
    let made = memo.get(x);
    if (!made) {
      made = x.kind === "leaf" ? (replace(x.tensor, x.index) ?? x) : rebuild(x, go, free);
      memo.set(x, made);
    }
    return made;
  };
  return go(e);
}

/** An expression as a function of its index: `template` over the axes `from`, at the axes `to`. */
export const at = (template: Expr, from: readonly Axis[], to: readonly Axis[]): Expr =>
  renameAxes(template, new Map(from.map((a, i) => [a, to[i] as Axis])));

export const isApply = (e: Expr, name: string): e is Apply => e.kind === "apply" && e.op.name === name;
export const isReduce = (e: Expr, name: string): e is Reduce => e.kind === "reduce" && e.op.name === name;
