/** Sets of reals between two bounds: the domains of expressions. */

export interface Interval {
  readonly low: number;
  readonly high: number;
  /** True when the bound itself is excluded. Infinite bounds are always excluded. */
  readonly openLow: boolean;
  readonly openHigh: boolean;
}

export function interval(low: number, high: number, openLow = false, openHigh = false): Interval {
  // What overflows on the wrong side is a very large number, not an empty set.
  // And a negative zero is zero, which a pole could mistake for the other side.
  return {
    low: Math.min(low, Number.MAX_VALUE) + 0,
    high: Math.max(high, -Number.MAX_VALUE) + 0,
    openLow: openLow || low === -Infinity,
    openHigh: openHigh || high === Infinity,
  };
}

export const REAL = interval(-Infinity, Infinity);
export const POSITIVE = interval(0, Infinity, true);
export const NONNEGATIVE = interval(0, Infinity);
export const point = (x: number): Interval => interval(x, x);

export const isPositive = (a: Interval): boolean => a.low > 0 || (a.low === 0 && a.openLow);
export const isNonNegative = (a: Interval): boolean => a.low >= 0;
export const isNegative = (a: Interval): boolean => a.high < 0 || (a.high === 0 && a.openHigh);
export const isNonPositive = (a: Interval): boolean => a.high <= 0;

export function contains(a: Interval, x: number): boolean {
  return (a.openLow ? x > a.low : x >= a.low) && (a.openHigh ? x < a.high : x <= a.high);
}

/** Whether every point of `a` lies below every point of `b`, or (where not `strictly`) meets it at most. */
export const isBelow = (a: Interval, b: Interval, strictly: boolean): boolean =>
  a.high < b.low || (a.high === b.low && (!strictly || a.openHigh || b.openLow));

/** Whether every point of `inner` lies in `outer`. */
export function includes(outer: Interval, inner: Interval): boolean {
  const lowFits = inner.low > outer.low || (inner.low === outer.low && (!outer.openLow || inner.openLow));
  const highFits =
    inner.high < outer.high || (inner.high === outer.high && (!outer.openHigh || inner.openHigh));
  return lowFits && highFits;
}

/** The same bounds, included. */
export const closure = (a: Interval): Interval => interval(a.low, a.high);

/** The smallest interval that holds both. */
export function union(a: Interval, b: Interval): Interval {
  const low = Math.min(a.low, b.low);
  const high = Math.max(a.high, b.high);
  const openLow = (a.low > low || a.openLow) && (b.low > low || b.openLow);
  const openHigh = (a.high < high || a.openHigh) && (b.high < high || b.openHigh);
  return interval(low, high, openLow, openHigh);
}

export const add = (a: Interval, b: Interval): Interval =>
  interval(a.low + b.low, a.high + b.high, a.openLow || b.openLow, a.openHigh || b.openHigh);

/** Bounds of a product; 0 · ∞ counts as 0, since ∞ only says "unbounded". */
export function multiply(a: Interval, b: Interval): Interval {
  const corners: { value: number; open: boolean }[] = [];
  for (const [x, xOpen] of [
    [a.low, a.openLow],
    [a.high, a.openHigh],
  ] as const) {
    for (const [y, yOpen] of [
      [b.low, b.openLow],
      [b.high, b.openHigh],
    ] as const) {
      const value = x === 0 || y === 0 ? 0 : x * y;
      // A zero that is attained on one side is attained in the product, whatever the other side is.
      const open = value === 0 ? !((x === 0 && !xOpen) || (y === 0 && !yOpen)) : xOpen || yOpen;
      corners.push({ value, open });
    }
  }
  const low = Math.min(...corners.map((c) => c.value));
  const high = Math.max(...corners.map((c) => c.value));
  const openAt = (bound: number): boolean => corners.every((c) => c.value !== bound || c.open);
  return interval(low, high, openAt(low), openAt(high));
}

/** The image under a function that never decreases. */
export const increasing = (f: (x: number) => number, a: Interval): Interval =>
  interval(f(a.low), f(a.high), a.openLow, a.openHigh);

/** The image under |·|-like functions: even, and increasing from zero on. */
export function even(f: (x: number) => number, a: Interval): Interval {
  if (a.low >= 0) return increasing(f, a);
  if (a.high <= 0) return interval(f(a.high), f(a.low), a.openHigh, a.openLow);
  const left = f(a.low);
  const right = f(a.high);
  const high = Math.max(left, right);
  const openHigh = (left < high || a.openLow) && (right < high || a.openHigh);
  return interval(f(0), high, false, openHigh);
}

/** `(0, 1)`, `[0, ∞)`, `any real`: for messages. */
export function showInterval(a: Interval): string {
  if (a.low === -Infinity && a.high === Infinity) return "any real";
  if (a.low === a.high) return String(a.low);
  if (a.high === Infinity) return a.openLow ? `> ${a.low}` : `≥ ${a.low}`;
  if (a.low === -Infinity) return a.openHigh ? `< ${a.high}` : `≤ ${a.high}`;
  return `${a.openLow ? "(" : "["}${a.low}, ${a.high}${a.openHigh ? ")" : "]"}`;
}
