/** What minimises a penalty, or the objective of an implicit step, is at its minimum. */
import type { Constraint, MemoryState, Spec } from "../../../compiler/check/spec.ts";
import { linked } from "../../../compiler/derive/linked.ts";
import { isObstacle } from "../../../compiler/derive/minimum/isolate.ts";
import { solvePenalty } from "../../../compiler/derive/minimum/penalty.ts";
import { uniform } from "../../../compiler/derive/sample.ts";
import { at, div, mul, neg, substitute } from "../../../compiler/math/algebra.ts";
import { axesFor, type Sizes } from "../../../compiler/math/axis.ts";
import { evaluator } from "../../../compiler/math/evaluate.ts";
import { constant, type Expr, leaf, type Tensor, tensorsOf } from "../../../compiler/math/expr.ts";
import type { Model } from "../../../compiler/pipeline.ts";
import { normalise, stridesOf } from "../case.ts";
import { firstToken, unfolded } from "../point.ts";
import type { Property, Violation } from "../property.ts";

export const minimum: Property = {
  name: "minimum",
  meaning: "nothing feasible does better than a penalty's or an objective's solution",
  sides: ["moved", "solution"],
  applies: ({ spec }) =>
    spec.steps === 1 && (spec.algorithm.kind === "proximal" || spec.states.some((s) => s.penalty)),
  check: ({ model, case: tried }) => {
    if (tried.plan.T === 0) return undefined;
    const environment = firstToken(model, tried);
    const random = uniform(tried.plan.seed);
    for (const state of model.spec.states) {
      const claim = state.penalty ? ofPenalty(model, state) : ofStep(model.spec, state);
      const found = claim && isBeaten(claim, state, environment, tried.extents.sizes, random);
      if (found) return found;
    }
    return undefined;
  },
};

/** That W after the token minimises value(w) + Σ pull · w. */
interface Claim {
  readonly value: Expr;
  readonly pull: Expr;
  readonly w: Tensor;
  /** What else `value` is over. */
  readonly others: readonly (readonly [Tensor, Expr])[];
  readonly over: Constraint | undefined;
}

function ofPenalty({ rule }: Model, state: MemoryState): Claim | undefined {
  const penalty = state.penalty as NonNullable<MemoryState["penalty"]>;
  const { value, w, previous, over } = penalty;
  const others = [[previous, linked(state, state.previous)]] as const;
  if (!tensorsOf(value).has(previous))
    return { value, pull: neg(leaf(state.next, axesFor(state.shape))), w, others, over };
  // The rule multiplies the step by what the solution says; the penalty is about the step itself.
  const { result } = solvePenalty(penalty, state.linkArgument, state.stepped);
  if (isObstacle(result)) return undefined;
  const scaled = unfolded(rule, rule.definitions.get(state.stepped) as Expr);
  return { value, pull: div(scaled, result.scale), w, others, over };
}

function ofStep({ algorithm, read, bias, key }: Spec, state: MemoryState): Claim | undefined {
  if (algorithm.kind !== "proximal") return undefined;
  const { w, kept, loss } = algorithm;
  const predicted = substitute(read.body, (t, index) =>
    t === read.x ? at(key, axesFor(read.x.shape), index) : t === state.read ? leaf(w, index) : undefined,
  );
  const lost = substitute(bias.loss as Expr, (t, index) =>
    t === bias.y
      ? at(predicted, axesFor(read.shape), index)
      : t === bias.v
        ? at(bias.target, axesFor(bias.v.shape), index)
        : undefined,
  );
  const value = substitute(algorithm.value, (t) => (t === loss ? lost : undefined));
  const others = [[kept, mul(state.keep, leaf(state.previous, axesFor(state.shape)))]] as const;
  return { value, pull: constant(0), w, others, over: undefined };
}

const DISTANCES = [1e-3, 1e-2, 0.1, 1];
const TIMES = 6;
const BOUND = 1e-10;

function isBeaten(
  { value, pull, w, others, over }: Claim,
  state: MemoryState,
  given: ReadonlyMap<Tensor, Float64Array>,
  sizes: Sizes,
  random: () => number,
): Violation | undefined {
  const environment = new Map(given);
  const axes = axesFor(state.shape);
  const evaluate = (e: Expr, over = axes): Float64Array =>
    evaluator([{ expr: e, axes: over }], sizes)(environment)[0] as Float64Array;
  for (const [t, e] of others) environment.set(t, evaluate(e));
  const best = evaluate(linked(state, state.next));
  const towards = evaluate(pull);
  const penalty = evaluator([{ expr: value, axes: [] }], sizes);
  const objective = (x: Float64Array): { total: number; size: number } => {
    const own = (penalty(environment.set(w, x))[0] as Float64Array)[0] as number;
    const terms = x.map((xi, i) => xi * (towards[i] as number));
    return {
      total: terms.reduce((s, t) => s + t, own),
      size: terms.reduce((s, t) => s + Math.abs(t), Math.abs(own)),
    };
  };
  const least = objective(best);
  // At the very edge of a range a penalty may have no value.
  if (!Number.isFinite(least.total)) return undefined;
  const number = (e: Expr): number => evaluate(e, [])[0] as number;
  for (const distance of DISTANCES) {
    for (let n = 0; n < TIMES; n++) {
      const noise = (): number => (2 * random() - 1) * distance;
      const other = best.slice();
      if (over?.kind === "simplex") {
        other.set(best.map((x) => x * Math.exp(noise())));
        normalise(other, number(over.total), ...stridesOf(state, over.axis, sizes));
      } else {
        const low = over?.low ? number(over.low) : -Infinity;
        const high = over?.high ? number(over.high) : Infinity;
        other.set(best.map((x) => Math.min(high, Math.max(low, x + noise()))));
      }
      const { total, size } = objective(other);
      const error = (least.total - total) / Math.max(1, size, least.size);
      if (error > BOUND) {
        const what = `objective of ${state.name} at a distance of ${distance}`;
        return { what, where: [], left: total, right: least.total, error, bound: BOUND };
      }
    }
  }
  return undefined;
}
