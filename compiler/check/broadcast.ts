/**
 * How shapes meet. Elementwise operations need equal shapes, a scalar, or one shape whose dimensions are
 * among the other's; a dimension fits one of the same name first, and one that `require` makes equal next.
 */
import { type Axis, axesFor, type Dim } from "../math/axis.ts";
import type { Equalities } from "./dimensions.ts";

export type Fit =
  | {
      readonly kind: "fits";
      readonly shape: readonly Dim[];
      readonly left: Placement;
      readonly right: Placement;
    }
  | { readonly kind: "union" }
  | { readonly kind: "ambiguous"; readonly small: readonly Dim[]; readonly large: readonly Dim[] };

/** For each axis of an operand, the axis of the result that it lies along. */
export type Placement = readonly Axis[];

/** Of two shapes of one length, the result has the left one. */
export function broadcast(left: readonly Dim[], right: readonly Dim[], equalities: Equalities): Fit {
  const swap = left.length < right.length;
  const [small, large] = swap ? [left, right] : [right, left];
  const placed = place(small, large, equalities);
  if (placed === "none") return { kind: "union" };
  if (placed === "ambiguous") return { kind: "ambiguous", small, large };
  const whole = axesFor(large);
  const part = placed.map((i) => whole[i] as Axis);
  return { kind: "fits", shape: large, left: swap ? part : whole, right: swap ? whole : part };
}

/** The position in `large` of each dimension of `small`. */
export function place(
  small: readonly Dim[],
  large: readonly Dim[],
  equalities: Equalities,
): number[] | "none" | "ambiguous" {
  if (small.length === large.length && small.every((d, i) => equalities.same(d, large[i] as Dim))) {
    return small.map((_, i) => i);
  }
  // Two matrices are added as they stand: a transposed one is more likely meant otherwise.
  if (small.length === large.length && small.length > 1) return "none";
  const taken = new Set<number>();
  const positions: number[] = [];
  for (const d of small) {
    const free = [...large.keys()].filter((i) => !taken.has(i));
    const exact = free.filter((i) => large[i] === d);
    const candidates = exact.length > 0 ? exact : free.filter((i) => equalities.same(large[i] as Dim, d));
    if (candidates.length === 0) return "none";
    if (candidates.length > 1) return "ambiguous";
    positions.push(candidates[0] as number);
    taken.add(candidates[0] as number);
  }
  return positions;
}
