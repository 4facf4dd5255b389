/**
 * Names for parts of expressions. A definition says what a tensor stands for; folding puts the tensor
 * back wherever its value occurs: as it is, as a part of a product or of a sum, up to the names of axes.
 */
import {
  add,
  at,
  factorsOf,
  isReduce,
  mul,
  neg,
  pow,
  rebuild,
  reduce,
  splitCoefficient,
  splitPower,
  termsOf,
} from "./algebra.ts";
import { type Axis, axesFor, type Dim } from "./axis.ts";
import { domainOf } from "./domain.ts";
import { children, constant, type Expr, isConstant, leaf, open, postorder, type Tensor } from "./expr.ts";
import { sum } from "./ops/index.ts";

/** `tensor` stands for `expr`, which is over the canonical axes of the tensor's shape. */
export interface Definition {
  readonly tensor: Tensor;
  readonly expr: Expr;
}

/** The tensor of a definition at its canonical axes. */
export const whole = (t: Tensor): Expr => leaf(t, axesFor(t.shape));

export const define = (name: string, expr: Expr, shape: readonly Dim[]): Definition => ({
  tensor: { name, shape, domain: domainOf(expr) },
  expr,
});

/** Which dimensions count as one: those that are, or that a model requires to be equal. */
export type Same = (a: Dim, b: Dim) => boolean;
const identical: Same = (a, b) => a === b;

export const foldAll = (e: Expr, definitions: readonly Definition[], same: Same = identical): Expr =>
  definitions.reduce((x, d) => fold(x, d, same), e);

/** Replaces the value of a definition by its tensor, wherever it can be seen to occur. */
export function fold(e: Expr, { tensor, expr }: Definition, same: Same = identical): Expr {
  const canonical = axesFor(tensor.shape);
  // A tensor that is constant along one of its axes has no place of its own to be recognised by.
  if (expr.kind === "constant" || expr.axes.length !== canonical.length) return e;
  const memo = new Map<Expr, Expr>();
  const go = (x: Expr): Expr => {
    let made = memo.get(x);
    if (!made) {
      const inner = rebuild(x, go);
      made = replaced(inner) ?? inner;
      memo.set(x, made);
    }
    return made;
  };
  const replaced = (x: Expr): Expr | undefined => {
    for (const axes of placements(canonical, x.axes, same)) {
      const found = match(x, at(expr, canonical, axes), leaf(tensor, axes));
      if (found) return found;
    }
    return acrossSum(x, (body, axis) => {
      for (const axes of placements(canonical, [...x.axes, axis], same)) {
        if (!axes.includes(axis)) continue;
        const found = inProduct(body, at(expr, canonical, axes), leaf(tensor, axes));
        if (found) return found;
      }
      return undefined;
    });
  };
  return go(e);
}

/** The ways to lay axes along some of others, dimension by dimension. */
function* placements(axes: readonly Axis[], onto: readonly Axis[], same: Same): Generator<Axis[]> {
  const [first, ...rest] = axes;
  if (!first) {
    yield [];
    return;
  }
  for (const axis of onto) {
    if (!same(axis.dim, first.dim)) continue;
    const left = onto.filter((a) => a !== axis);
    for (const others of placements(rest, left, same)) yield [axis, ...others];
  }
}

const match = (x: Expr, value: Expr, name: Expr): Expr | undefined =>
  x === value ? name : (inPower(x, value, name) ?? inProduct(x, value, name) ?? inSum(x, value, name));

/** A square root occurs in every power of what is under it. */
function inPower(x: Expr, value: Expr, name: Expr): Expr | undefined {
  const [under, half] = splitPower(value);
  const [base, exponent] = splitPower(x);
  if (!isConstant(half, 0.5) || base !== under || exponent.kind !== "constant") return undefined;
  return Number.isInteger(2 * exponent.value) ? pow(name, constant(2 * exponent.value)) : undefined;
}

/** x = rest · value, with value a product of at least two factors. */
function inProduct(x: Expr, value: Expr, name: Expr): Expr | undefined {
  const [coefficient, product] = splitCoefficient(value);
  const wanted = factorsOf(product);
  if (wanted.length < 2 && coefficient === 1) return undefined;
  const rest = new Map(factorsOf(x).map((f) => splitPower(f)));
  for (const factor of wanted) {
    const [base, exponent] = splitPower(factor);
    const there = rest.get(base);
    if (!there) return undefined;
    if (there === exponent) {
      rest.delete(base);
    } else {
      if (there.kind !== "constant" || exponent.kind !== "constant") return undefined;
      const left = there.value - exponent.value;
      // The rest must be what is left of the same power, not one that makes up for another.
      if (Math.sign(there.value) !== Math.sign(exponent.value) || left * exponent.value < 0) return undefined;
      rest.set(base, constant(left));
    }
  }
  return mul(constant(1 / coefficient), name, ...[...rest].map(([base, exponent]) => pow(base, exponent)));
}

/** x = s · value + rest, with a number s. */
function inSum(x: Expr, value: Expr, name: Expr): Expr | undefined {
  const wanted = termsOf(value).map(splitCoefficient);
  if (wanted.length < 2) return undefined;
  const rest = new Map(termsOf(x).map((t) => splitCoefficient(t).reverse() as [Expr, number]));
  let scale: number | undefined;
  for (const [c, e] of wanted) {
    const there = rest.get(e);
    if (there === undefined) return undefined;
    scale ??= there / c;
    if (Math.abs(there - scale * c) > 1e-12 * Math.abs(there)) return undefined;
    rest.delete(e);
  }
  return add(mul(constant(scale ?? 1), name), ...[...rest].map(([e, c]) => mul(constant(c), e)));
}

/** A product with a sum among its factors, as a sum of the whole product. */
function acrossSum(x: Expr, attempt: (body: Expr, axis: Axis) => Expr | undefined): Expr | undefined {
  const factors = factorsOf(x);
  if (factors.length < 2) return undefined;
  for (const factor of factors) {
    if (!isReduce(factor, "sum")) continue;
    const { axis, body } = open(factor);
    const found = attempt(mul(body, ...factors.filter((f) => f !== factor)), axis);
    if (found) return reduce(sum, axis, found);
  }
  return undefined;
}

// ---------------------------------------------------------------- what deserves a name

/** The expression over the canonical axes of its shape: the same for all places where it occurs. */
export function canonicalForm(e: Expr): { expr: Expr; shape: readonly Dim[] } {
  const shape = e.axes.map((a) => a.dim);
  return { expr: at(e, e.axes, axesFor(shape)), shape };
}

export interface Limits {
  /** How long an expression is when it is written out. */
  readonly length: (e: Expr) => number;
  /** What is shorter than this is not worth a name. */
  readonly short: number;
  /** What is longer than this is taken apart. */
  readonly long: number;
  readonly name: (value: Expr, shape: readonly Dim[]) => string;
  readonly same: Same;
}

/**
 * Names the parts that a list of definitions uses more than once; and, while one of them is too long, the
 * largest of its parts that is not. A new definition stands before the first that uses it.
 */
export function abbreviate(definitions: readonly Definition[], limits: Limits): Definition[] {
  let now = [...definitions];
  const give = (part: Expr): void => {
    const { expr, shape } = canonicalForm(part);
    const value = isUnderRoot(expr, now) ? pow(expr, constant(0.5)) : expr;
    const name = limits.name(value, shape);
    const attempt = (v: Expr): Definition[] => {
      const made = define(name, v, shape);
      const folded = now.map((d) => ({ ...d, expr: fold(d.expr, made, limits.same) }));
      const first = folded.findIndex((d, i) => d.expr !== now[i]?.expr);
      return folded.toSpliced(Math.max(0, first), 0, made);
    };
    // Of a difference's two orders the one that leaves less to write.
    const length = (all: readonly Definition[]): number => all.reduce((n, d) => n + limits.length(d.expr), 0);
    const isSum = value.kind === "apply" && value.op.name === "add";
    const [one, other] = [attempt(value), isSum ? attempt(neg(value)) : undefined];
    now = other && length(other) < length(one) ? other : one;
  };
  // Each name makes the rest smaller; the bound is for what has no notation at all.
  for (let n = 0; n < MOST; n++) {
    const roots = now.map((d) => d.expr);
    const long = roots.filter((e) => limits.length(e) > limits.long);
    const part =
      shared(roots, limits) ?? long.map((e) => largestPart(e, limits)).find((e) => e !== undefined);
    if (!part) break;
    give(part);
  }
  return now;
}

const MOST = 60;

/** Whether it is roots of this that occur: then the root is what deserves the name. */
const isUnderRoot = (e: Expr, definitions: readonly Definition[]): boolean =>
  postorder(definitions.map((d) => canonicalForm(d.expr).expr)).some((x) => {
    const [base, exponent] = splitPower(x);
    if (
      exponent.kind !== "constant" ||
      Number.isInteger(exponent.value) ||
      !Number.isInteger(2 * exponent.value)
    ) {
      return false;
    }
    return canonicalForm(base).expr === e;
  });

/** The innermost part that occurs in more than one place. */
function shared(roots: readonly Expr[], { length, short }: Limits): Expr | undefined {
  const uses = new Map<Expr, number>();
  const seen = new Set<Expr>();
  const order: Expr[] = [];
  const visit = (e: Expr): void => {
    const { expr } = canonicalForm(e);
    uses.set(expr, (uses.get(expr) ?? 0) + 1);
    if (seen.has(expr)) return;
    seen.add(expr);
    for (const c of children(expr)) visit(c);
    order.push(expr);
  };
  for (const r of roots) {
    // A root is no use of itself.
    for (const c of children(r)) visit(c);
  }
  return order.find(
    (e) =>
      isPart(e) &&
      (uses.get(e) ?? 0) > 1 &&
      length(e) >= short &&
      !(e.kind === "apply" && e.op.gives === "bool"),
  );
}

/** The largest proper part that is itself not too long. */
function largestPart(root: Expr, { length, short, long }: Limits): Expr | undefined {
  let best: Expr | undefined;
  let size = short;
  const visit = (e: Expr): void => {
    for (const c of children(e)) {
      const n = length(c);
      if (isPart(c) && n > size && n <= long && !(c.kind === "apply" && c.op.gives === "bool"))
        [best, size] = [c, n];
      if (n > size) visit(c);
    }
  };
  visit(root);
  return best;
}

/** Parts with more axes than a matrix have no notation, and atoms need none. */
const isPart = (e: Expr): boolean =>
  (e.kind === "apply" || e.kind === "reduce" || e.kind === "solve") && e.axes.length <= 2;
