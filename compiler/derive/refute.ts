/** What a wrong claim of the author is told: where it differs from what was derived, and a witness. */
import type { Reporter } from "../check/report.ts";
import type { Expectation } from "../check/spec.ts";
import { axesFor, type Dim } from "../math/axis.ts";
import { children, type Expr, postorder } from "../math/expr.ts";
import { printExpr } from "../math/print.ts";
import { unicode } from "../math/style.ts";
import { compareAtPoints } from "./compare.ts";
import { gradient } from "./gradient.ts";
import type { Proof } from "./prove.ts";
import type { Rule } from "./rule.ts";
import { simplify } from "./simplify.ts";

/** A rule longer than this is a wall of text, and its beginning says as much. */
const LONGEST = 160;
/** An expression shares its parts, written out it does not: this many parts are never printed. */
const LARGEST = 20_000;
const number = (x: number): string => String(Number(x.toPrecision(6)));
const place = (name: string, index: readonly number[]): string =>
  index.length > 0 ? `${name}[${index.join(", ")}]` : name;

/** Reports an `expect` that is neither proved nor refuted. */
export function reportUnproved({ target, span }: Expectation, reporter: Reporter): void {
  reporter.error("expect-unproved", { target: target.name.replace(/'$/, "") }, span, {
    here: "both sides differ in form, and numbers would take too long",
    fix: {
      text: "write the rule over `grad`, in the form that the model has, or make its sizes smaller",
      edits: [],
    },
  });
}

function shown(e: Expr, shape: readonly Dim[], { spec }: Rule): string {
  if (written(e) > LARGEST) return "too long to write out …";
  const text = printExpr(e, axesFor(shape), { style: unicode, labels: spec.labels });
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/** How many parts an expression has, written out. */
function written(root: Expr): number {
  const sizes = new Map<Expr, number>();
  for (const e of postorder([root])) {
    sizes.set(
      e,
      children(e).reduce((n, c) => n + (sizes.get(c) ?? 0), 1),
    );
  }
  return sizes.get(root) ?? 1;
}

/** Reports an `expect` that does not hold. */
export function reportRefuted(
  rule: Rule,
  { target, span }: Expectation,
  proof: Extract<Proof, { verdict: "refuted" }>,
  reporter: Reporter,
): void {
  const { index, derived, expected } = proof.witness;
  const show = (e: Expr): string => shown(e, target.shape, rule);
  const whole = rule.shownUpdates.find((u) => `${u.name}'` === target.name);
  const state = rule.states.find((s) => s.next === target);
  // Over the gradient by name, where the whole is too long.
  const full = state ? show(state.update) : "";
  const derivedRule = whole && full.endsWith("…") ? show(whole.expr) : full;
  reporter.error("expect-fails", { target: target.name.replace(/'$/, "") }, span, {
    here: "this is not what the model does",
    notes: [
      ...(state ? [`derived:  ${target.name} = ${derivedRule}`] : []),
      `derived − expected = ${show(proof.difference)}`,
      `at a random point ${place(target.name, index)} is ${number(derived)}, and this rule gives ${number(expected)}`,
    ],
    fix: { text: "correct the rule, or the choice that makes the model differ from it", edits: [] },
  });
}

/** Where a bias gives both `loss` and `grad`, checks one against the other at random points in f64. */
export function checkGradient(rule: Rule, reporter: Reporter): void {
  const { bias, choices } = rule.spec;
  if (!bias.loss || !bias.gradient) return;
  const derived = gradient(bias.loss, [bias.y]).get(bias.y) as Expr;
  const { witness } = compareAtPoints(rule.spec.equalities, derived, bias.gradient, bias.y.shape);
  const choice = choices.find((c) => c.kind === "bias");
  if (!witness || !choice) return;
  reporter.error("gradient-mismatch", { at: place("dℓ/dy", witness.index) }, choice.span, {
    here: "its `grad` and its `loss` do not agree",
    notes: [
      `the derivative of \`loss\` is ${shown(simplify(derived), bias.y.shape, rule)}`,
      `at a random point it is ${number(witness.derived)}, and \`grad\` is ${number(witness.expected)}`,
    ],
    fix: { text: "correct `grad`, or leave it out: it is derived from `loss`", edits: [] },
  });
}
