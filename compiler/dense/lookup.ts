/**
 * Lookups: Σₛ where(s = e, body(s), 0) reads `body` at s = e where that is a position of the axis, and is 0
 * elsewhere. No loop is needed, and a reduction that is one counts as elementwise everywhere in this folder.
 */
import {
  add,
  call,
  factorsOf,
  isApply,
  isReduce,
  mul,
  reduce,
  splitCoefficient,
  sub,
  termsOf,
} from "../math/algebra.ts";
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

/** That something is so, or that it is not. */
export interface Condition {
  readonly test: Expr;
  readonly holds: boolean;
}

/** A product with the conditions of its cases apart: where(c, x, 0) · y = x · y, where c. */
export interface Guarded {
  readonly conditions: readonly Condition[];
  readonly factors: readonly Expr[];
}

export function guarded(e: Expr): Guarded {
  const conditions: Condition[] = [];
  const factors: Expr[] = [];
  const visit = (x: Expr): void => {
    for (const f of factorsOf(x)) {
      const [test, yes, no] = isApply(f, "where") ? f.args : [];
      const other = yes && no && (isConstant(no, 0) ? yes : isConstant(yes, 0) ? no : undefined);
      if (test && other) {
        conditions.push({ test, holds: other === yes });
        visit(other);
      } else factors.push(f);
    }
  };
  visit(e);
  return { conditions, factors };
}

export const unguarded = ({ conditions, factors }: Guarded): Expr =>
  conditions.reduce(
    (e, { test, holds }) =>
      holds ? call("where", test, e, constant(0)) : call("where", test, constant(0), e),
    mul(...factors),
  );

function solve(body: Expr, axis: Axis): Lookup | undefined {
  const { conditions, factors } = guarded(body);
  for (const c of conditions) {
    const at = c.holds && solvedFor(c.test, axis);
    if (at) return { axis, at, rest: unguarded({ conditions: conditions.filter((x) => x !== c), factors }) };
  }
  for (const f of factors) {
    if (f.kind !== "delta" || !f.axes.includes(axis)) continue;
    const at = position(f.left === axis ? f.right : f.left);
    return { axis, at, rest: unguarded({ conditions, factors: factors.filter((x) => x !== f) }) };
  }
  return undefined;
}

/** e of `axis = e`, where the condition is an equation that says so. */
function solvedFor(condition: Expr, axis: Axis): Expr | undefined {
  const [left, right] = isApply(condition, "equal") ? condition.args : [];
  return left && right && isolated(sub(left, right), axis)?.at;
}

/** Where a condition says that the axis ends before a position, or begins at one. */
export function boundOf(
  { test, holds }: Condition,
  axis: Axis,
): { readonly side: "from" | "to"; readonly at: Expr } | undefined {
  const isStrict = isApply(test, "less");
  if (test.kind !== "apply" || !(isStrict || isApply(test, "lessEqual"))) return undefined;
  const [left, right] = test.args as [Expr, Expr];
  const found = isolated(sub(left, right), axis);
  if (!found) return undefined;
  const isBefore = found.sign > 0 === holds;
  const includes = isStrict !== holds;
  return isBefore
    ? { side: "to", at: includes ? add(found.at, constant(1)) : found.at }
    : { side: "from", at: includes ? found.at : add(found.at, constant(1)) };
}

/** A difference as ± (axis − at): the position occurs once, as it is or negated. */
function isolated(difference: Expr, axis: Axis): { readonly sign: number; readonly at: Expr } | undefined {
  const terms = termsOf(difference);
  const own = terms.filter((t) => t.axes.includes(axis));
  const [only] = own;
  if (own.length !== 1 || !only) return undefined;
  const [sign, rest] = splitCoefficient(only);
  if (Math.abs(sign) !== 1 || rest.kind !== "index") return undefined;
  return { sign, at: add(...terms.filter((t) => t !== only).map((t) => mul(constant(-sign), t))) };
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
