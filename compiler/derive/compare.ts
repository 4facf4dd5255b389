/** Two expressions, compared in f64 at random points. */
import type { Equalities } from "../check/dimensions.ts";
import { axesFor, type Dim, elements, type Sizes } from "../math/axis.ts";
import { evaluator } from "../math/evaluate.ts";
import { type Expr, open, openedAxes, postorder, type Tensor, tensorsOf } from "../math/expr.ts";
import { sample, uniform } from "./sample.ts";

const POINTS = 24;
/** Numbers that a comparison may compute: what would take more is not compared. */
const BUDGET = 4_000_000;
const TOLERANCE = 1e-9;
/** Small and unequal, so that a swapped dimension shows. */
const DK = 3;
const DV = 4;
const TOKENS = 5;

/** An element where two expressions differ. */
export interface Witness {
  readonly index: readonly number[];
  readonly derived: number;
  readonly expected: number;
}

/** Compares two expressions over the canonical axes of `shape`, in f64 at random points of their domains. */
export function compareAtPoints(
  equalities: Equalities,
  derived: Expr,
  expected: Expr,
  shape: readonly Dim[],
): { readonly witness: Witness | undefined; readonly largest: number; readonly points: number } {
  const square = equalities.required.length > 0;
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
  let compared = false;
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
    const scale = [...a, ...b].filter(Number.isFinite).reduce((most, x) => Math.max(most, Math.abs(x)), 1);
    for (const [i, x] of a.entries()) {
      // Where neither has a value, such as at a pole, there is nothing to compare.
      if (!Number.isFinite(x) && !Number.isFinite(b[i])) continue;
      compared = true;
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
  return { witness: undefined, largest, points: compared || shape.length === 0 ? points : 0 };
}

/** The dimensions that the computation of a node runs over. */
function dimsOf(e: Expr): Dim[] {
  const axes =
    e.kind === "reduce" ? open(e).body.axes : e.kind === "solve" ? [...openedAxes(e), ...e.axes] : e.axes;
  return axes.map((a) => a.dim);
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
