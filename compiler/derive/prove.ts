/**
 * Proves what a model expects of its rule. Symbolically, where both sides have one normal form;
 * otherwise numerically, in f64 at random points; and it says which.
 */
import type { Expectation } from "../check/spec.ts";
import { at, sub, substitute } from "../math/algebra.ts";
import { axesFor } from "../math/axis.ts";
import { type Expr, isConstant, postorder } from "../math/expr.ts";
import { compareAtPoints, type Witness } from "./compare.ts";
import { normalForm } from "./normal-form.ts";
import type { Rule } from "./rule.ts";

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

/** Expressions of more parts than this are not multiplied out. */
const LARGEST = 80;

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

  const { witness, largest, points } = compareAtPoints(
    rule.spec.equalities,
    derived,
    expected,
    expectation.target.shape,
  );
  return witness ? { verdict: "refuted", difference, witness } : { verdict: "numeric", points, largest };
}

/** Replaces gradients and the algorithm's next states by what they are made of. */
function expand(rule: Rule, e: Expr): Expr {
  return substitute(e, (t, index) => {
    const definition = rule.definitions.get(t);
    return definition && at(expand(rule, definition), axesFor(t.shape), index);
  });
}
