/**
 * Linear systems on the chip. A⁻¹ b is found by conjugate gradients, which need A only as a product with a
 * vector: what A is made of is read where it lies, and A itself is never written down.
 */
import {
  add,
  call,
  div,
  factorsOf,
  isReduce,
  mul,
  reduce,
  square,
  sub,
  sumOver,
  termsOf,
} from "../math/algebra.ts";
import { type Axis, type Dim, freshAxis } from "../math/axis.ts";
import { constant, type Expr, leaf, openFresh, type Tensor } from "../math/expr.ts";
import { NONNEGATIVE, REAL } from "../math/interval.ts";
import { maxOver } from "../math/ops/index.ts";

/** The residual at which a solution counts as found, as a part of the right-hand side: one unit of an f32. */
export const TOLERANCE = 1e-7;
/**
 * Without rounding it takes at most as many turns as the system has rows. In 32 bits an ill-conditioned one
 * takes a few times as many, each of which brings it nearer; others never come to use them.
 */
const TURNS_A_ROW = 4;

/** Numbers below the least normal f32 have no reciprocal. */
const LEAST_SIZE = 2 ** -126;

/** A tensor that a loop carries from turn to turn. */
export interface Carried {
  readonly previous: Tensor;
  readonly next: Tensor;
  /** Its value before the first turn, and after each, over the canonical axes of its shape. */
  readonly start: Expr;
  readonly update: Expr;
}

/** A computation in turns, of which the number depends on the numbers. */
export interface Iteration {
  readonly carry: readonly Carried[];
  /** At most this many turns: a number for each element of a dimension. */
  readonly turns: { readonly dim: Dim; readonly each: number };
  /** It is over as soon as this is so. */
  readonly until: { readonly value: Tensor; readonly atMost: Expr };
}

/** `matrix[i, j]` and `right[i]` of a system, over any axes of its dimension. */
export interface System {
  readonly axis: Axis;
  /** There is one system for each element of these: their turns are taken together, or each goes on by itself. */
  readonly further: readonly Axis[];
  readonly together: boolean;
  readonly matrix: (i: Axis, j: Axis) => Expr;
  readonly right: (i: Axis) => Expr;
  /** Gives a name to a vector that a turn reads more than once. */
  readonly named?: (name: string, vector: Expr) => Expr;
}

/** The iteration, and the solution at `system.axis` and `system.further` over what it has carried to its end. */
export function conjugateGradients(system: System): { steps: Iteration; solution: Expr } {
  const { axis: i, further, together, matrix, right, named = (_, vector) => vector } = system;
  const each = further.map((a) => a.dim);
  const vector = (name: string): Tensor => ({ name, shape: [i.dim, ...each], domain: REAL });
  const after = (t: Tensor): Tensor => ({ ...t, name: `${t.name}'` });
  const [x, r, p] = [vector("x"), vector("r"), vector("p")];
  const rr: Tensor = { name: "rr", shape: each, domain: NONNEGATIVE };
  const total = (e: Expr): Expr => sumOver(e, [i]);
  const at = (t: Tensor, a = i): Expr => leaf(t, [a, ...further]);
  const [xi, ri, pi, length] = [at(x), at(r), at(p), leaf(rr, further)];

  // Of a right-hand side of size one no square underflows; and the solution of what has no reciprocal is zero.
  const size = reduce(maxOver, i, call("abs", right(i)));
  const unit = call("where", call("less", constant(LEAST_SIZE), size), div(right(i), size), constant(0));
  const start = total(square(unit));
  const least = mul(constant(TOLERANCE ** 2), start);
  // Of several systems, those that are solved stay as they are until the last one is.
  const going = (length: Expr, e: Expr): Expr =>
    further.length === 0 ? e : call("where", call("less", least, length), e, constant(0));

  const j = freshAxis(i.dim);
  const image = named("image", applied(matrix(i, j), at(p, j), i, j));
  const alpha = going(length, div(length, total(mul(pi, image))));
  const rest = named("rest", sub(ri, mul(alpha, image)));
  const left = total(square(rest));
  const carry: Carried[] = [
    { previous: x, next: after(x), start: constant(0), update: add(xi, mul(alpha, pi)) },
    { previous: r, next: after(r), start: unit, update: rest },
    {
      previous: p,
      next: after(p),
      start: unit,
      update: add(rest, mul(going(length, div(left, length)), pi)),
    },
    { previous: rr, next: after(rr), start, update: left },
  ];
  const more: Tensor = { name: "more", shape: [], domain: NONNEGATIVE };
  const isMore = (e: Expr): Expr => further.reduce((x, a) => reduce(maxOver, a, x), going(e, constant(1)));
  const isMany = together && further.length > 0;
  if (isMany) carry.push({ previous: more, next: after(more), start: isMore(start), update: isMore(left) });
  return {
    steps: {
      carry,
      turns: { dim: i.dim, each: TURNS_A_ROW },
      until: isMany ? { value: more, atMost: constant(0) } : { value: rr, atMost: least },
    },
    solution: mul(size, at((carry[0] as Carried).next)),
  };
}

/** Σ over j of A[i, j] · v[j], term by term, so that each is as cheap as it can be: a diagonal is a product. */
function applied(matrix: Expr, v: Expr, i: Axis, j: Axis): Expr {
  const terms = termsOf(matrix);
  return add(...terms.map((term) => outward(term, v, i, j) ?? sumOver(mul(term, v), [j])));
}

/** For A[i, j] = Σ over s of B[s, i] · C[s, j]: the sum over j first, which leaves a vector along s. */
function outward(term: Expr, v: Expr, i: Axis, j: Axis): Expr | undefined {
  const factors = factorsOf(term);
  const gram = factors.find((f) => isReduce(f, "sum") && f.axes.includes(i) && f.axes.includes(j));
  if (gram?.kind !== "reduce") return undefined;
  const { axis, body } = openFresh(gram);
  const inner = sumOver(mul(body, v, ...factors.filter((f) => f !== gram)), [j]);
  const parts = factorsOf(inner);
  return parts.some((f) => f.kind === "reduce" && f.axes.includes(i)) ? undefined : sumOver(inner, [axis]);
}
