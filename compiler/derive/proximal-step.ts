/**
 * A step to the minimum of one token's loss near what was kept, W' = argmin ½ Σ c (W − kept)² + ℓ(W m, v). Its
 * gradient vanishes at W = kept − u mᵀ / c with u = dℓ/dy at the new prediction z, which therefore solves
 * z + s u(z) = z₀, with z₀ = kept m and s = Σ m² / c: one number for each channel where ℓ is a sum over them.
 */
import type { Reporter } from "../check/report.ts";
import type { Algorithm, MemoryState, Spec } from "../check/spec.ts";
import { add, at, call, div, mul, pow, sub, substitute, sumOver } from "../math/algebra.ts";
import { type Axis, axesFor } from "../math/axis.ts";
import { constant, type Expr, leaf, type Tensor, tensorsOf } from "../math/expr.ts";
import { REAL } from "../math/interval.ts";
import { printExpr } from "../math/print.ts";
import { unicode } from "../math/style.ts";
import type { Derivation, Step } from "./derivation.ts";
import { affineError, errorOf } from "./error.ts";
import { gradient } from "./gradient.ts";
import { linearRead, readAt } from "./linear-read.ts";
import { isObstacle, type Obstacle } from "./minimum/isolate.ts";
import { proximal } from "./minimum/proximal.ts";
import { normalForm } from "./normal-form.ts";
import { simplify } from "./simplify.ts";

/** Stands for s where the key is zero. */
const SMALLEST = constant(1e-30);

type Proximal = Extract<Algorithm, { kind: "proximal" }>;

export function stepProximally(
  spec: Spec,
  algorithm: Proximal,
  reporter: Reporter,
): { readonly spec: Spec; readonly derivation: Derivation } | undefined {
  const [state] = spec.states as [MemoryState];
  const solved = solve(spec, state, algorithm);
  if (isObstacle(solved)) {
    const term = printExpr(solved.term, solved.term.axes, { style: unicode, labels: spec.labels });
    return reporter.error("not-solved", { term: `\`${term}\`` }, algorithm.span, {
      here: solved.why,
      fix: { text: "choose an algorithm of gradient steps: `step rate * grad`", edits: [] },
    });
  }
  return {
    spec: { ...spec, states: [{ ...state, advance: solved.next }] },
    derivation: { of: "the step", steps: solved.steps },
  };
}

function solve(
  spec: Spec,
  state: MemoryState,
  algorithm: Proximal,
): Obstacle | { readonly next: Expr; readonly steps: readonly Step[] } {
  const { bias, read } = spec;
  const axes = axesFor(state.shape);
  const [row, column] = axes as [Axis, Axis];
  const m = linearRead(read, state.read);
  if (!m) return { term: read.body, why: "the read is not linear in one matrix" };
  const near = proximity(algorithm, axes);
  if (!near)
    return { term: algorithm.value, why: "what holds W to `kept` is not a sum of its squared distances" };
  const key = readAt(spec, m, spec.key);
  const kept = leaf(state.kept, axes);
  const along = axesFor(bias.y.shape);
  const onRow = (e: Expr): Expr => at(e, along, [row]);
  const before = sumOver(mul(kept, key), [column]);
  const steepness = sumOver(mul(near.weight, pow(key, constant(2)), pow(near.distance, constant(-1))), [
    column,
  ]);
  const affine = affineError(bias);
  const y: Tensor = { name: "z", shape: bias.y.shape, domain: REAL };
  let u: Expr;
  let prediction: Expr;
  if (affine) {
    const pull = onRow(affine.pull);
    prediction = div(add(before, mul(steepness, pull)), add(constant(1), mul(steepness, affine.slope)));
    u = div(sub(mul(affine.slope, before), pull), add(constant(1), mul(steepness, affine.slope)));
  } else {
    const z = leaf(y, along);
    const error = substitute(errorOf(bias).simple, (t, index) =>
      t === bias.v
        ? at(bias.target, axesFor(bias.v.shape), index)
        : t === bias.y
          ? leaf(y, index)
          : undefined,
    );
    const found = proximal(error, z, at(steepness, [row], along), at(before, [row], along));
    if (isObstacle(found)) return found;
    prediction = onRow(found);
    // u = (z₀ − z) / s; where the key is zero nothing is written.
    u = div(sub(before, prediction), call("max", steepness, SMALLEST));
  }
  const next = simplify(sub(kept, mul(near.weight, u, key, pow(near.distance, constant(-1)))));
  const steps: Step[] = [
    {
      say: "the gradient of the objective vanishes at W = kept − u mᵀ / c, u being dℓ/dy at the new prediction z",
      axes: [],
    },
    {
      say: "so that z + s u(z) = z₀, with z₀ what is read of what was kept, and s",
      right: steepness,
      axes: [row],
    },
    { say: "which gives the new prediction", left: leaf(y, [row]), right: simplify(prediction), axes: [row] },
    { say: "and the new state", left: leaf(state.next, axes), right: next, axes },
  ];
  return { next, steps };
}

/** Σ c (W − kept)² / 2 + weight · loss: c, over the axes of W, and the weight. */
function proximity(
  { value, w, kept, loss }: Proximal,
  axes: readonly Axis[],
): { distance: Expr; weight: Expr } | undefined {
  const without = substitute(value, (t) => (t === loss ? constant(0) : undefined));
  const weight = simplify(
    sub(
      substitute(value, (t) => (t === loss ? constant(1) : undefined)),
      without,
    ),
  );
  if (tensorsOf(weight).has(w) || tensorsOf(weight).has(kept) || weight.axes.length > 0) return undefined;
  const slope = gradient(without, [w]).get(w) as Expr;
  const distance = simplify(
    substitute(slope, (t) => (t === w ? constant(1) : t === kept ? constant(0) : undefined)),
  );
  if (tensorsOf(distance).has(w) || tensorsOf(distance).has(kept)) return undefined;
  const difference = sub(leaf(w, axes), leaf(kept, axes));
  return normalForm(sub(slope, mul(distance, difference))) === constant(0) ? { distance, weight } : undefined;
}
