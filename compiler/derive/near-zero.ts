/** How a link behaves near zero and far from it, found in f64 along one random direction at small sizes. */
import type { MemoryState, Spec } from "../check/spec.ts";
import { axesFor, elements, type Sizes } from "../math/axis.ts";
import { evaluator } from "../math/evaluate.ts";
import { type Expr, type Tensor, tensorsOf } from "../math/expr.ts";
import { sample, uniform } from "./sample.ts";

export interface LinkProfile {
  /** W at A = 0, where all its elements are the same; undefined where they are not, NaN where there is no value. */
  readonly atZero: number | undefined;
  /** ‖W − W(0)‖ / ‖A‖ as A goes to zero, where that has a limit. */
  readonly slope: number | undefined;
  /** The power of ‖A‖ with which ‖W‖ goes far from zero. */
  readonly degree: number;
  /** The largest ‖W‖ over that at ‖A‖ = 1, and the ‖A‖ where it is. */
  readonly largest: { readonly gain: number; readonly at: number };
}

const NEAR = 1e-9;
const FAR = 1e4;
/** Distances from zero, ten times apart. */
const DISTANCES = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1];

/** The profile of the link of a state that has one. */
export function linkProfile({ link, linkArgument, shape }: MemoryState, spec: Spec): LinkProfile | undefined {
  if (!link) return undefined;
  const sizes: Sizes = { dk: 3, dv: spec.equalities.required.length > 0 ? 3 : 4, tokens: 5 };
  const evaluate = evaluator([{ expr: link, axes: axesFor(shape) }], sizes);
  const random = uniform(1);
  const environment = pointOf(link, sizes, random);
  const direction = Float64Array.from({ length: elements(shape, sizes) }, () => 2 * random() - 1);
  const length = Math.hypot(...direction);
  const at = (distance: number): Float64Array => {
    environment.set(
      linkArgument,
      direction.map((x) => (x * distance) / length),
    );
    return (evaluate(environment)[0] as Float64Array).slice();
  };
  const norm = (distance: number): number => Math.hypot(...at(distance));
  const zero = at(0);
  const [first = Number.NaN] = zero;
  const isUniform = zero.every((x) => Math.abs(x - first) <= 1e-12 * Math.abs(first) || Number.isNaN(x));
  const moved = (d: number): number => Math.hypot(...at(d).map((x, i) => x - (zero[i] as number))) / d;
  const [near, nearer] = [moved(10 * NEAR), moved(NEAR)];
  const unit = norm(1);
  const norms = DISTANCES.map(norm);
  const most = Math.max(...norms);
  return {
    atZero: isUniform ? first : undefined,
    slope: Math.abs(near - nearer) <= 0.01 * near ? nearer : undefined,
    degree: Math.round(100 * Math.log10(norm(10 * FAR) / norm(FAR))) / 100,
    largest: { gain: most === 0 ? 0 : most / unit, at: DISTANCES[norms.indexOf(most)] as number },
  };
}

/** Values for the tensors that a link reads besides its argument. */
function pointOf(link: Expr, sizes: Sizes, random: () => number): Map<Tensor, Float64Array> {
  const draw = (t: Tensor): Float64Array =>
    Float64Array.from({ length: elements(t.shape, sizes) }, () => sample(t.domain, random));
  return new Map([...tensorsOf(link)].map((t) => [t, draw(t)]));
}
