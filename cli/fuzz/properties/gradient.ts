/** The derived gradients are what finite differences of the loss show. */
import { elements } from "../../../compiler/derive/interpret.ts";
import { sample, uniform } from "../../../compiler/derive/sample.ts";
import { at, substitute } from "../../../compiler/math/algebra.ts";
import { axesFor, type Sizes } from "../../../compiler/math/axis.ts";
import { evaluator } from "../../../compiler/math/evaluate.ts";
import { type Expr, type Tensor, tensorsOf } from "../../../compiler/math/expr.ts";
import type { Model } from "../../../compiler/pipeline.ts";
import { unflatten } from "../compare.ts";
import type { Property, Violation } from "../property.ts";

export const gradient: Property = {
  name: "gradient",
  meaning: "the derived gradient is what finite differences of the loss show",
  sides: ["derived", "finite differences"],
  applies: ({ spec }) => spec.bias.loss !== undefined,
  check: ({ model, case: { plan, extents } }) => {
    const random = uniform(plan.seed);
    const { bias } = model.spec;
    const loss = bias.loss as Expr;
    const error = { what: "∂ℓ/∂y", of: bias.y, slope: model.rule.error.simple, objective: loss };
    for (const claim of [error, ...throughTheRead(model, loss)]) {
      const found = differs(claim, extents.sizes, random);
      if (found) return found;
    }
    return undefined;
  },
};

interface Claim {
  readonly what: string;
  readonly of: Tensor;
  readonly slope: Expr;
  readonly objective: Expr;
}

/** ∂ℓ/∂W for each state; where the error is read elsewhere, what is written is no gradient. */
function throughTheRead({ spec, rule }: Model, loss: Expr): Claim[] {
  const { read, bias } = spec;
  if (spec.errorKey !== spec.key || spec.algorithm.kind === "regression") return [];
  const y = substitute(read.body, (t, index) =>
    t === read.x ? at(spec.key, axesFor(read.x.shape), index) : undefined,
  );
  const through = (e: Expr): Expr =>
    substitute(e, (t, index) =>
      t === bias.y
        ? at(y, axesFor(read.shape), index)
        : t === bias.v
          ? at(bias.target, axesFor(bias.v.shape), index)
          : undefined,
    );
  const objective = through(loss);
  return rule.gradients.map(({ state, shown }) => ({
    what: `∂ℓ/∂${state.name}`,
    of: state.read,
    slope: through(shown),
    objective,
  }));
}

const STEP = 1e-4;
const BOUND = 1e-6;
/** Elements of one tensor that are moved: each takes a few evaluations of the loss. */
const MOST = 12;

function differs(
  { what, of, slope, objective }: Claim,
  sizes: Sizes,
  random: () => number,
): Violation | undefined {
  const value = evaluator([{ expr: objective, axes: [] }], sizes);
  const environment = new Map(
    [...tensorsOf(objective, slope), of].map((t) => [
      t,
      Float64Array.from({ length: elements(t.shape, sizes) }, () => sample(t.domain, random)),
    ]),
  );
  const [derived] = evaluator([{ expr: slope, axes: axesFor(of.shape) }], sizes)(environment) as [
    Float64Array,
  ];
  const data = environment.get(of) as Float64Array;
  const moved = (i: number, by: number): number => {
    const nudged = data.slice();
    nudged[i] = (nudged[i] as number) + by;
    return (value(new Map(environment).set(of, nudged))[0] as Float64Array)[0] as number;
  };
  const from = Math.floor(random() * data.length);
  for (let n = 0; n < Math.min(MOST, data.length); n++) {
    const i = (from + n) % data.length;
    const [one, half] = [STEP, STEP / 2].map((h) => (moved(i, h) - moved(i, -h)) / (2 * h)) as [
      number,
      number,
    ];
    const here = moved(i, 0);
    const right = (moved(i, STEP / 2) - here) / (STEP / 2);
    const left = derived[i] as number;
    const scale = Math.max(1, Math.abs(half), Math.abs(here), Math.abs(left));
    // At a kink, or where the loss bends within a step, differences do not agree among themselves.
    if (!(Math.abs(one - half) < 1e-5 * scale) || !(Math.abs(right - half) < 1e-2 * scale)) continue;
    const shown = (4 * half - one) / 3;
    const error = Math.abs(left - shown) / scale;
    if (!(error <= BOUND))
      return {
        what,
        where: unflatten(
          i,
          of.shape.map((d) => elements([d], sizes)),
        ),
        left,
        right: shown,
        error,
        bound: BOUND,
      };
  }
  return undefined;
}
