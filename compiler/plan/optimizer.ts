/**
 * AdamW (arXiv 1711.05101) after clipping by the global norm, over all that is learned as
 * one vector. What is also pulled towards zero, apart from the gradient, comes first.
 */
import { type DenseKernel, lowerDense } from "../dense/lower.ts";
import type { Definition } from "../form/steps.ts";
import type { Target } from "../kernel/target.ts";
import { add, call, div, mul, pow, sub, sumOver } from "../math/algebra.ts";
import { type Axis, axesFor, dim, freshAxis } from "../math/axis.ts";
import { constant, type Expr, leaf, position, type Tensor } from "../math/expr.ts";
import { NONNEGATIVE, REAL } from "../math/interval.ts";

/** What the two moments keep of themselves in each step. */
export const BETAS = [0.9, 0.95] as const;
const [BETA1, BETA2] = BETAS;
const EPSILON = 1e-8;

/** The names of its tensors. */
export const LEARNED = "learned";
export const GRADIENT = "gradient";
export const TOTAL = "gradient, added up";
export const MOMENTS = ["moment 1", "moment 2"] as const;
export const NORM = "gradient norm";
/** Numbers of each step: the learning rate, 1 / batches, and 1 − β^t of both moments. */
export const NUMBERS = ["rate", "share", "correction 1", "correction 2"] as const;

export interface Optimizer {
  /** The first batch of a step, and each further one. */
  readonly take: readonly DenseKernel[];
  readonly add: readonly DenseKernel[];
  readonly update: readonly DenseKernel[];
}

/** 1 − β₁^t and 1 − β₂^t after `step` steps, which undo that the moments start at zero. */
export const corrections = (step: number): readonly [number, number] => [
  1 - BETA1 ** step,
  1 - BETA2 ** step,
];

export interface Hyperparameters {
  /** The norm that a gradient is cut down to; infinite for none. */
  readonly clip: number;
  /** The fraction of the learning rate by which what shrinks is pulled towards zero at each step: the λ of the paper. */
  readonly shrinkage: number;
}

/** For `count` numbers, of which the first `shrinking` are pulled towards zero. */
export function optimizer(
  count: number,
  shrinking: number,
  { clip, shrinkage }: Hyperparameters,
  target: Target,
): Optimizer {
  const all = dim([], count);
  const vector = (name: string): Tensor => ({ name, shape: [all], domain: REAL });
  const number = (name: string): Tensor => ({ name, shape: [], domain: NONNEGATIVE });
  const [i] = axesFor([all]) as [Axis];
  const at = (t: Tensor): Expr => leaf(t, t.shape.length === 0 ? [] : [i]);
  const define = (tensor: Tensor, value: Expr): Definition => ({ kind: "definition", tensor, value });

  const [learned, gradient, total] = [vector(LEARNED), vector(GRADIENT), vector(TOTAL)];
  const moments = MOMENTS.map(vector) as [Tensor, Tensor];
  const [rate, share, one, two] = NUMBERS.map(number) as [Tensor, Tensor, Tensor, Tensor];
  const after = (t: Tensor): Tensor => ({ ...t, name: `${t.name}, next` });

  const norm = number(NORM);
  const j = freshAxis(all);
  const squares = sumOver(pow(mul(leaf(total, [j]), leaf(share, [])), constant(2)), [j]);
  const factor = Number.isFinite(clip)
    ? call("min", constant(1), div(constant(clip), add(at(norm), constant(1e-12))))
    : constant(1);
  const g = mul(factor, at(share), at(total));
  const [m, v] = moments.map(after) as [Tensor, Tensor];
  const mean = add(mul(constant(BETA1), at(moments[0])), mul(constant(1 - BETA1), g));
  const square = add(mul(constant(BETA2), at(moments[1])), mul(constant(1 - BETA2), pow(g, constant(2))));
  const direction = div(div(mean, at(one)), add(pow(div(square, at(two)), constant(0.5)), constant(EPSILON)));
  const pull = call(
    "where",
    call("less", position(i), constant(shrinking)),
    mul(constant(shrinkage), at(learned)),
    constant(0),
  );
  const next = after(learned);
  const replaces = new Map<Tensor, Tensor>([
    [next, learned],
    [m, moments[0]],
    [v, moments[1]],
  ]);
  const sum = after(total);
  const lower = (name: string, definitions: readonly Definition[], replaced: typeof replaces) =>
    lowerDense(name, definitions, new Set(definitions.map((d) => d.tensor)), {}, target, replaced);
  return {
    take: lower("take", [define(total, at(gradient))], new Map()),
    add: lower("add", [define(sum, add(at(total), at(gradient)))], new Map([[sum, total]])),
    update: [
      ...lower("norm", [define(norm, pow(squares, constant(0.5)))], new Map()),
      ...lower(
        "update",
        [
          define(next, sub(at(learned), mul(at(rate), add(direction, pull)))),
          define(m, mean),
          define(v, square),
        ],
        replaces,
      ),
    ],
  };
}
