/**
 * Lookups: Σₛ where(s = e, body(s), 0) reads `body` at s = e where that is a position of the axis, and is 0
 * elsewhere. No loop is needed, and a reduction that is one counts as elementwise everywhere in this folder.
 */
import { add, call, isApply, isReduce, mul, reduce, splitCoefficient, sub } from "../math/algebra.ts";
import type { Axis } from "../math/axis.ts";
import { children, constant, type Expr, isConstant, open, position, type Reduce } from "../math/expr.ts";
import { sum } from "../math/ops/index.ts";

export interface Lookup {
  readonly axis: Axis;
  /** Where along the axis: a value without it. */
  readonly at: Expr;
  /** What is read there. */
  readonly rest: Expr;
}

const found = new WeakMap<Reduce, Lookup | "none">();

/** The lookup that a reduction is, if it is one. */
export function lookupOf(e: Expr): Lookup | undefined {
  if (!isReduce(e, "sum")) return undefined;
  let known = found.get(e);
  if (!known) {
    const { axis, body } = open(e);
    known = solve(body, axis) ?? "none";
    found.set(e, known);
  }
  return known === "none" ? undefined : known;
}

/** Whether this is a reduction over a loop. */
export const isLoop = (e: Expr): e is Reduce => e.kind === "reduce" && lookupOf(e) === undefined;

/** What a value is computed from: as `children`, and of a lookup the place and what is read there. */
export function parts(e: Expr): readonly Expr[] {
  const lookup = lookupOf(e);
  return lookup ? [lookup.at, lookup.rest] : children(e);
}

/** Every distinct part of the values, parts before what is made of them. */
export function allParts(roots: readonly Expr[], enter: (e: Expr) => boolean = () => true): Expr[] {
  const seen = new Set<Expr>();
  const order: Expr[] = [];
  const visit = (e: Expr): void => {
    if (seen.has(e)) return;
    seen.add(e);
    if (enter(e)) for (const p of parts(e)) visit(p);
    order.push(e);
  };
  for (const r of roots) visit(r);
  return order;
}

const factorsOf = (e: Expr): readonly Expr[] => (isApply(e, "mul") ? e.args : [e]);

/** A product with the conditions of its cases apart: where(c, x, 0) · y = x · y, where c. */
export interface Guarded {
  readonly conditions: readonly Expr[];
  readonly factors: readonly Expr[];
}

export function guarded(e: Expr): Guarded {
  const conditions: Expr[] = [];
  const factors: Expr[] = [];
  const visit = (x: Expr): void => {
    for (const f of factorsOf(x)) {
      const [c, a, b] = isApply(f, "where") ? f.args : [];
      if (c && a && b && isConstant(b, 0)) {
        conditions.push(c);
        visit(a);
      } else factors.push(f);
    }
  };
  visit(e);
  return { conditions, factors };
}

export const unguarded = ({ conditions, factors }: Guarded): Expr =>
  conditions.reduce((e, c) => call("where", c, e, constant(0)), mul(...factors));

function solve(body: Expr, axis: Axis): Lookup | undefined {
  const { conditions, factors } = guarded(body);
  for (const c of conditions) {
    const at = solvedFor(c, axis);
    if (at) return { axis, at, rest: unguarded({ conditions: conditions.filter((x) => x !== c), factors }) };
  }
  for (const f of factors) {
    if (f.kind !== "delta" || !f.axes.includes(axis)) continue;
    const at = position(f.left === axis ? f.right : f.left);
    return { axis, at, rest: unguarded({ conditions, factors: factors.filter((x) => x !== f) }) };
  }
  return undefined;
}

/** e of `axis = e`, where the condition is an equation that says so: the position occurs once, as it is or negated. */
function solvedFor(condition: Expr, axis: Axis): Expr | undefined {
  const [left, right] = isApply(condition, "equal") ? condition.args : [];
  if (!left || !right) return undefined;
  const difference = sub(left, right);
  const terms = isApply(difference, "add") ? difference.args : [difference];
  const own = terms.filter((t) => t.axes.includes(axis));
  const [only] = own;
  if (own.length !== 1 || !only) return undefined;
  const [coefficient, rest] = splitCoefficient(only);
  if (Math.abs(coefficient) !== 1 || rest.kind !== "index") return undefined;
  return add(...terms.filter((t) => t !== only).map((t) => mul(constant(-coefficient), t)));
}

// ---------------------------------------------------------------- making lookups

/**
 * The same value with sums turned so that as many as can be are lookups: a sum of terms of which one is a lookup becomes
 * a sum of sums, and of two sums in each other the inner one comes first where only the outer one can be looked up.
 */
export function withLookups(e: Expr, rebuild: (e: Expr, next: (x: Expr) => Expr) => Expr): Expr {
  const memo = new Map<Expr, Expr>();
  const go = (x: Expr): Expr => {
    let made = memo.get(x);
    if (!made) {
      const over = rebuild(x, go);
      made = isReduce(over, "sum") ? turned(over) : over;
      memo.set(x, made);
    }
    return made;
  };
  return go(e);
}

function turned(e: Reduce): Expr {
  const { axis, body } = open(e);
  if (lookupOf(e) || !mentions(body, axis)) return e;
  const { conditions, factors } = guarded(body);
  const with_ = (f: Expr, other: Expr): Expr =>
    unguarded({ conditions, factors: factors.map((x) => (x === f ? other : x)) });
  const summed = (x: Expr): Expr => {
    const made = reduce(sum, axis, x);
    return isReduce(made, "sum") ? turned(made) : made;
  };
  for (const f of factors) {
    if (isApply(f, "add") && f.args.some((t) => solve(with_(f, t), axis)))
      return add(...f.args.map((t) => summed(with_(f, t))));
    if (isLoop(f) && f.op === sum) {
      const inner = open(f);
      const under = with_(f, inner.body);
      if (solve(under, axis)) return reduce(sum, inner.axis, reduce(sum, axis, under));
    }
  }
  return e;
}

/** Whether a condition inside can be solved for the axis at all: a quick refusal for most sums. */
function mentions(e: Expr, axis: Axis): boolean {
  const seen = new Set<Expr>();
  const visit = (x: Expr): boolean => {
    if (seen.has(x) || !x.axes.includes(axis)) return false;
    seen.add(x);
    return isApply(x, "equal") || x.kind === "delta" || children(x).some(visit);
  };
  return visit(e);
}
