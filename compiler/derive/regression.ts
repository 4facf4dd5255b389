/**
 * A memory that is its tokens: what is read at x minimises Σ weight(x, token) · ℓ(y, v) over y. Where dℓ/dy = c y − p,
 * that is Σ weight p / (c Σ weight), the Nadaraya–Watson estimate; with exponential weights, a softmax.
 */
import type { Reporter } from "../check/report.ts";
import type { Algorithm, Spec } from "../check/spec.ts";
import {
  add,
  at,
  call,
  div,
  factorsOf,
  isApply,
  mul,
  reduce,
  reductionNamed,
  substitute,
  sumOver,
} from "../math/algebra.ts";
import { axesFor, freshAxis } from "../math/axis.ts";
import { constant, type Expr, leaf } from "../math/expr.ts";
import type { Reduction } from "../math/node.ts";
import { textOf } from "../source/span.ts";
import { affineError } from "./error.ts";
import type { Found, Reading } from "./found.ts";
import { ringOf } from "./ring.ts";

type Regression = Extract<Algorithm, { kind: "regression" }>;

/** What stands for the exponent of a slot without a token. */
const LOWEST = constant(-1e30);

export function readKept(
  spec: Spec,
  { weight, x, window, span }: Regression,
  reporter: Reporter,
): Found | undefined {
  const error = affineError(spec.bias);
  if (!error) {
    return reporter.error("not-solved", { term: "the loss, which is not quadratic" }, span, {
      notes: [
        `\`${textOf(span)}\``,
        "what is read has a formula where dℓ/dy is affine in y: a weighted mean",
      ],
      fix: { text: "choose a bias that is quadratic in the prediction", edits: [] },
    });
  }
  const axes = axesFor(spec.bias.y.shape);
  const pull = div(error.pull, error.slope);
  const ring = ringOf(spec, [weight, pull], window, spec.tokenKeep);
  const { exponent, factor } = exponential(weight);
  const reading: Reading = (place, when) => {
    const slot = freshAxis(window);
    const atPlace = (e: Expr): Expr =>
      substitute(ring.at(e, slot, when), (t, index) =>
        t === x ? at(place, axesFor(x.shape), index) : undefined,
      );
    const held = mul(ring.weight(slot, when), atPlace(factor));
    // Shifted by the largest exponent of all tokens, so that none is positive.
    const isHeld = call("less", constant(0), ring.weight(slot, when));
    const raised = call("where", isHeld, atPlace(exponent), LOWEST);
    const largest = reduce(reductionNamed("maxOver") as Reduction, slot, raised);
    const share = mul(held, call("exp", add(raised, mul(constant(-1), largest))));
    const total = sumOver(share, [slot]);
    const mean = div(sumOver(mul(share, ring.at(pull, slot, when)), [slot]), total);
    // Before the first token there is nothing to read.
    const known = when === "next" ? mean : call("where", call("less", constant(0), total), mean, constant(0));
    return at(known, axes, axesFor(spec.read.shape));
  };
  const y = leaf(spec.bias.y, axes);
  return {
    spec,
    reading,
    carried: ring.states,
    derivation: {
      of: "what is read",
      steps: [
        { say: "the weight of a token where x is read", right: weight, axes: [] },
        {
          say: "dℓ/dy is affine in y, so that the weighted sum of losses is least at a weighted mean of",
          left: y,
          right: pull,
          axes,
        },
        ...(exponent === constant(0)
          ? []
          : [{ say: "the weights, divided by their sum, are a softmax of", right: exponent, axes: [] }]),
      ],
    },
  };
}

/** A weight as factor · exp(exponent). */
function exponential(weight: Expr): { exponent: Expr; factor: Expr } {
  const factors = factorsOf(weight);
  const exp = factors.find((f) => isApply(f, "exp"));
  if (exp?.kind !== "apply") return { exponent: constant(0), factor: weight };
  return { exponent: exp.args[0] as Expr, factor: mul(...factors.filter((f) => f !== exp)) };
}
