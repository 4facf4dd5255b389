/** Reductions along rows: which of them one kernel does together, and how the lanes share them. */
import type { Target } from "../kernel/target.ts";
import { type Axis, extentOf, type Sizes } from "../math/axis.ts";
import type { Expr, Reduce } from "../math/expr.ts";
import { allParts } from "./lookup.ts";
import { count, stridesOf } from "./space.ts";
import { spread, type Work } from "./work.ts";

/** Every row is reduced along all of `inner`, as often as need be; results are of rows, or of all their elements. */
export interface Rows {
  /** Which row. */
  readonly rows: readonly Axis[];
  /** Which element of it. */
  readonly inner: readonly Axis[];
  /** Whether the results have the elements of rows, too. */
  readonly hasElements: boolean;
  /** A row in this many parts, each with a result of its own, at the position along the axis. */
  readonly parts?: Axis;
}

const longOf = (axes: readonly Axis[], sizes: Sizes): Axis[] =>
  axes.filter((a) => extentOf(a.dim, sizes) > 1);

const isSame = (a: readonly Axis[], b: readonly Axis[]): boolean =>
  a.length === b.length && a.every((x) => b.includes(x));

const dimsOf = (axes: readonly Axis[]): string =>
  axes
    .map((a) => a.dim.key)
    .sort()
    .join();

/** Rows longer than this are for several workgroups, where there are few of them. */
const LONG_ROW = 4096;

/** How a result over `axes` is made of rows that this reduction is along. */
export function rowsOf(r: Reduce, axes: readonly Axis[], sizes: Sizes, target: Target): Rows | undefined {
  const own = longOf(r.axes, sizes);
  const over = longOf(spread(r).over, sizes);
  const all = longOf(axes, sizes);
  if (isSame(own, all)) return { rows: axes, inner: inReadingOrder(r, over), hasElements: false };
  const others = all.filter((a) => !own.includes(a));
  if (!own.every((a) => all.includes(a)) || dimsOf(others) !== dimsOf(over)) return undefined;
  const enough = target.narrow ? 4 : 64;
  if (count(own, sizes) < enough && count(over, sizes) > LONG_ROW) return undefined;
  return { rows: axes.filter((a) => !others.includes(a)), inner: others, hasElements: true };
}

/** Whether a reduction is one along these rows. */
export function isAlong({ rows, inner }: Rows, r: Reduce, sizes: Sizes): boolean {
  const over = longOf(spread(r).over, sizes);
  return isSame(longOf(r.axes, sizes), longOf(rows, sizes)) && dimsOf(over) === dimsOf(inner);
}

/** The reductions of a value that are along its rows, those inside of others first. */
export function totalsIn(values: readonly Expr[], work: Work): Reduce[] {
  const found: Reduce[] = [];
  const visit = (e: Expr): void => {
    for (const r of work.outermost(e)) {
      if (found.includes(r)) continue;
      visit(spread(r).body);
      found.push(r);
    }
  };
  for (const v of values) visit(v);
  return found;
}

/** The axes in the order in which what is read has them, so that neighbours count as one. */
export function inReadingOrder(e: Expr, axes: readonly Axis[]): readonly Axis[] {
  const found = new Set<Axis>();
  for (const x of allParts([e])) if (x.kind === "leaf") for (const a of x.index) found.add(a);
  for (const a of axes) found.add(a);
  return [...found].filter((a) => axes.includes(a));
}

/** Whether neighbours in memory are neighbours along the axes. */
export function isContiguous(e: Expr, axes: readonly Axis[], sizes: Sizes): boolean {
  const leaves = allParts([e]).filter((x) => x.kind === "leaf");
  return leaves.some((l) => axes.some((a) => stridesOf(l, sizes).get(a) === 1));
}

/** Whether the lanes of a workgroup share one row; else each has its own. */
export function sharesRows(
  { rows, inner }: Pick<Rows, "rows" | "inner">,
  totals: readonly Reduce[],
  sizes: Sizes,
  lanes: number,
): boolean {
  const [length, many] = [count(inner, sizes), count(rows, sizes)];
  if (length < 2 * lanes) return many < lanes && length > many;
  return many < 2 * lanes || totals.some((r) => isContiguous(spread(r).body, spread(r).over, sizes));
}

/** Workgroups that keep an adapter busy. */
const busyGroups = (target: Target): number => (target.narrow ? 8 : 256);
/** Elements that are worth a workgroup of their own. */
const WORTH = 4096;
/** Numbers that one after the other are added to one sum: more of them lose digits. */
const MOST_ADDED = 8192;
const MOST_PARTS = 1024;

/** In how many parts a row is best reduced. */
export function partsFor(plan: Rows, total: Reduce, sizes: Sizes, target: Target): number {
  const lanes = rowLanes(target);
  const [length, many] = [count(plan.inner, sizes), count(plan.rows, sizes)];
  const shares = sharesRows(plan, [total], sizes, lanes);
  const groups = shares ? many : Math.ceil(many / lanes);
  const forGroups = Math.ceil(busyGroups(target) / groups);
  const perGroup = shares ? length : length * Math.min(many, lanes);
  const forDigits = Math.ceil(length / (MOST_ADDED * (shares ? lanes : 1)));
  const wanted = Math.max(Math.min(forGroups, Math.floor(perGroup / WORTH)), forDigits);
  return Math.min(MOST_PARTS, Math.max(1, wanted));
}

/** Lanes of a workgroup that reduces rows: those of a subgroup, where they can exchange values. */
export const rowLanes = ({ lanes, subgroups }: Target): number => (subgroups ? lanes : 64);
