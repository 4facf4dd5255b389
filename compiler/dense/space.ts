/** Where the loops around stand along each axis, and which element of a tensor that is. */

import { type Index, named, plus, times } from "../kernel/block.ts";
import { type Axis, extentOf, type Sizes } from "../math/axis.ts";
import type { Leaf, Tensor } from "../math/expr.ts";

/** A position along an axis: any index, or a part of one that counts through several axes: of / divisor % extent. */
export type Spot =
  | { readonly kind: "index"; readonly index: Index }
  | {
      readonly kind: "part";
      readonly of: string;
      /** What it is called. */
      readonly label: string;
      /** The number that `of` stays below. */
      readonly total: number;
      readonly divisor: number;
      readonly extent: number;
    };

/** An axis by its dimension, as a part of an identifier. */
export const labelOf = (a: Axis): string => a.dim.key.replaceAll("*", "_");

export const count = (axes: readonly Axis[], sizes: Sizes): number =>
  axes.reduce((n, a) => n * extentOf(a.dim, sizes), 1);

/** The positions along axes of a number that counts through all of them, the last one fastest. */
export function partsOf(of: string, axes: readonly Axis[], sizes: Sizes): Map<Axis, Spot> {
  const total = count(axes, sizes);
  const spots = new Map<Axis, Spot>();
  let divisor = 1;
  for (const a of [...axes].reverse()) {
    const extent = extentOf(a.dim, sizes);
    spots.set(
      a,
      extent === 1
        ? { kind: "index", index: 0 }
        : { kind: "part", of, label: labelOf(a), total, divisor, extent },
    );
    divisor *= extent;
  }
  return spots;
}

/** Row-major strides of a leaf's axes. */
export function stridesOf({ tensor, index }: Leaf, sizes: Sizes): Map<Axis, number> {
  const strides = new Map<Axis, number>();
  let stride = 1;
  for (let i = index.length - 1; i >= 0; i--) {
    strides.set(index[i] as Axis, stride);
    stride *= extentOf((tensor as Tensor).shape[i] as Axis["dim"], sizes);
  }
  return strides;
}

/** Index of a part; `name` gives it one, where it takes some computing. */
export function indexOf(spot: Spot, name: (made: Index) => Index): Index {
  if (spot.kind === "index") return spot.index;
  const { of, total, divisor, extent } = spot;
  const over: Index = divisor === 1 ? named(of) : { kind: "quotient", of: named(of), by: divisor };
  const made: Index = divisor * extent >= total ? over : { kind: "remainder", of: over, by: extent };
  return typeof made === "object" && made.kind === "name" ? made : name(made);
}

/** Σ spot · stride, with parts that lie side by side in both taken as one. */
export function offset(
  terms: readonly { readonly spot: Spot; readonly stride: number }[],
  index: (spot: Spot) => Index,
): Index {
  const apart = terms.filter((t) => t.spot.kind === "index");
  const merged: { spot: Extract<Spot, { kind: "part" }>; stride: number }[] = [];
  for (const { spot, stride } of terms
    .filter((t) => t.spot.kind === "part")
    .sort((a, b) => divisorOf(b.spot) - divisorOf(a.spot))) {
    if (spot.kind !== "part") continue;
    const last = merged.at(-1);
    const { spot: outer, stride: wide } = last ?? {};
    const joins =
      outer?.of === spot.of && outer.divisor === spot.divisor * spot.extent && wide === stride * spot.extent;
    if (last && outer && joins) merged.pop();
    const extent = joins && outer ? outer.extent * spot.extent : spot.extent;
    const label = joins && outer ? `${outer.label}_${spot.label}` : spot.label;
    merged.push({ spot: { ...spot, extent, label }, stride });
  }
  return plus(...[...apart, ...merged].map(({ spot, stride }) => times(index(spot), stride)));
}

const divisorOf = (spot: Spot): number => (spot.kind === "part" ? spot.divisor : 0);
