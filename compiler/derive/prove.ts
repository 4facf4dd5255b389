/**
 * Proves what a model expects of its rule. Symbolically, where both sides have one normal form;
 * otherwise numerically, in f64 at random points; and it says which.
 */
import type { Expectation, Spec } from "../check/spec.ts";
import { at, sub, substitute } from "../math/algebra.ts";
import { axesFor, type Dim, type Sizes } from "../math/axis.ts";
import { evaluator } from "../math/evaluate.ts";
import { type Expr, isConstant, open, openedAxes, postorder, type Tensor, tensorsOf } from "../math/expr.ts";
import { elements } from "./interpret.ts";
import { normalForm } from "./normal-form.ts";
import type { Rule } from "./rule.ts";
import { sample, uniform } from "./sample.ts";

export type Proof =
  | { readonly verdict: "symbolic" }
  /** At no points, where that would take too long: then it is not proved. */
  | { readonly verdict: "numeric"; readonly points: number; readonly largest: number }
  | {
      readonly verdict: "refuted";
      /** derived − expected, in normal form; over gradients by name where these are large. */
      readonly difference: Expr;
      /** An element where they differ. */
      readonly witness: Witness;
    };

const POINTS = 24;
/** Expressions of more parts than this are not multiplied out. */
const LARGEST = 80;
/** Numbers that a proof may compute: what would take more is not proved. */
const BUDGET = 4_000_000;
const TOLERANCE = 1e-9;
/** Small and unequal, so that a swapped dimension shows. */
const DK = 3;
const DV = 4;
const TOKENS = 5;

export function prove(rule: Rule, expectation: Expectation): Proof {
  // First with the gradients, and the algorithm's states after the token, as names on both sides.
  const opaque = rule.definitions.get(expectation.target) as Expr;
  const short = normalForm(sub(opaque, expectation.value));
  if (isConstant(short, 0)) return { verdict: "symbolic" };
  const derived = expand(rule, opaque);
  const expected = expand(rule, expectation.value);
  // Multiplied out, a deep memory's gradient has no end: there numbers decide.
  const isSmall = postorder([derived, expected]).length <= LARGEST;
  const difference = isSmall ? normalForm(sub(derived, expected)) : short;
  if (isConstant(difference, 0)) return { verdict: "symbolic" };

  const { witness, largest, points } = compareAtPoints(rule, derived, expected, expectation.target.shape);
  return witness ? { verdict: "refuted", difference, witness } : { verdict: "numeric", points, largest };
}

/** An element where two expressions differ. */
export interface Witness {
  readonly index: readonly number[];
  readonly derived: number;
  readonly expected: number;
}

/** Whether two expressions differ at one of some random points of their domains. */
export const differAtPoints = (spec: Spec, a: Expr, b: Expr, shape: readonly Dim[]): boolean =>
  compareAtPoints({ spec }, a, b, shape).witness !== undefined;

/** Compares two expressions over the canonical axes of `shape`, in f64 at random points of their domains. */
export function compareAtPoints(
  { spec }: { readonly spec: Pick<Spec, "equalities"> },
  derived: Expr,
  expected: Expr,
  shape: readonly Dim[],
): { readonly witness: Witness | undefined; readonly largest: number; readonly points: number } {
  const square = spec.equalities.pairs.length > 0;
  const sizes: Sizes = { dk: DK, dv: square ? DK : DV, tokens: TOKENS };
  const axes = axesFor(shape);
  const work = postorder([derived, expected]).reduce((n, e) => n + elements(dimsOf(e), sizes), 0);
  if (work > BUDGET) return { witness: undefined, largest: 0, points: 0 };
  const both = evaluator(
    [
      { expr: derived, axes },
      { expr: expected, axes },
    ],
    sizes,
  );
  const tensors = [...tensorsOf(derived, expected)];
  const random = uniform(1);
  let largest = 0;
  const points = Math.min(POINTS, Math.floor(BUDGET / work));
  for (let n = 0; n < points; n++) {
    const environment = new Map<Tensor, Float64Array>();
    for (const t of tensors) {
      environment.set(
        t,
        Float64Array.from({ length: elements(t.shape, sizes) }, () => sample(t.domain, random)),
      );
    }
    const [a, b] = both(environment) as [Float64Array, Float64Array];
    const scale = [...a, ...b].reduce((most, x) => Math.max(most, Math.abs(x)), 1);
    for (const [i, x] of a.entries()) {
      const error = Math.abs(x - (b[i] as number)) / scale;
      if (!(error <= TOLERANCE)) {
        const index = unflatten(
          i,
          shape.map((d) => elements([d], sizes)),
        );
        return { witness: { index, derived: x, expected: b[i] as number }, largest, points };
      }
      largest = Math.max(largest, error);
    }
  }
  return { witness: undefined, largest, points };
}

/** The dimensions that the computation of a node runs over. */
function dimsOf(e: Expr): Dim[] {
  const axes =
    e.kind === "reduce" ? open(e).body.axes : e.kind === "solve" ? [...openedAxes(e), ...e.axes] : e.axes;
  return axes.map((a) => a.dim);
}

/** Replaces gradients and the algorithm's next states by what they are made of. */
function expand(rule: Rule, e: Expr): Expr {
  return substitute(e, (t, index) => {
    const definition = rule.definitions.get(t);
    return definition && at(expand(rule, definition), axesFor(t.shape), index);
  });
}

function unflatten(position: number, extents: readonly number[]): number[] {
  const index: number[] = [];
  let rest = position;
  for (const n of [...extents].reverse()) {
    index.unshift(rest % n);
    rest = Math.floor(rest / n);
  }
  return index;
}
