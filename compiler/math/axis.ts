/**
 * Dimensions and axes. A **dimension** is a symbolic size, such as `dk` or `4 · dk`. An **axis** is
 * an index that runs over a dimension: in `outer(k, k)` two axes run over `dk`.
 */

/** A product of an integer and named sizes. Interned: equal dimensions are the same object. */
export interface Dim {
  readonly scale: number;
  readonly names: readonly string[];
  /** Canonical text, such as `4*dk`. */
  readonly key: string;
}

const dims = new Map<string, Dim>();

/** The dimension `scale · names[0] · names[1] · …`. */
export function dim(names: readonly string[], scale = 1): Dim {
  const sorted = [...names].sort();
  const parts = scale === 1 && sorted.length > 0 ? sorted : [String(scale), ...sorted];
  const key = parts.join("*");
  let found = dims.get(key);
  if (!found) {
    found = { scale, names: sorted, key };
    dims.set(key, found);
  }
  return found;
}

/** Numbers for the named sizes, such as `{ dk: 64, dv: 64 }`. */
export type Sizes = Readonly<Record<string, number>>;

/** The extent of a dimension once its names are bound. Throws RangeError on a name without a number. */
export function extentOf(d: Dim, sizes: Sizes): number {
  let extent = d.scale;
  for (const name of d.names) {
    const size = sizes[name];
    if (size === undefined) throw new RangeError(`no size is given for dimension ${name}`);
    extent *= size;
  }
  return extent;
}

/** How many elements a tensor of this shape has. */
export const elements = (shape: readonly Dim[], sizes: Sizes): number =>
  shape.reduce((n, d) => n * extentOf(d, sizes), 1);

/** An index over a dimension. Interned by `id`: equal axes are the same object. */
export interface Axis {
  readonly id: string;
  readonly dim: Dim;
}

const axes = new Map<string, Axis>();

function intern(id: string, d: Dim): Axis {
  let found = axes.get(id);
  if (!found) {
    found = { id, dim: d };
    axes.set(id, found);
  }
  return found;
}

/**
 * The canonical free axis number `position` over a dimension: the axes of a `[dk, dk]` tensor are
 * `axisOf(dk, 0)` and `axisOf(dk, 1)`.
 */
export const axisOf = (d: Dim, position = 0): Axis => intern(`${d.key}.${position}`, d);

/** The bound axis of a reduction whose body has reductions nested `level - 1` deep. */
export const boundAxis = (d: Dim, level: number): Axis => intern(`#${level}:${d.key}`, d);

let fresh = 0;

/** An axis that occurs nowhere else. Not interned, so that it can be collected. */
export const freshAxis = (d: Dim): Axis => ({ id: `~${fresh++}:${d.key}`, dim: d });

/** Canonical distinct axes for a tensor of the given dimensions, in order. */
export function axesFor(shape: readonly Dim[]): Axis[] {
  const seen = new Map<Dim, number>();
  return shape.map((d) => {
    const position = seen.get(d) ?? 0;
    seen.set(d, position + 1);
    return axisOf(d, position);
  });
}
