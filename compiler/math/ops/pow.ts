import type { Expr } from "../expr.ts";
import {
  even,
  type Interval,
  increasing,
  interval,
  isNonNegative,
  isPositive,
  NONNEGATIVE,
  POSITIVE,
  point,
  REAL,
} from "../interval.ts";
import type { Elementwise } from "../node.ts";

const exact = (p: Interval): number | undefined => (p.low === p.high ? p.low : undefined);

/** x > 0: the power is monotone in x and in p, so that its extremes are at the corners. */
function corners(x: Interval, p: Interval): Interval {
  const values = [x.low, x.high]
    .flatMap((v) => [p.low, p.high].map((e) => v ** e))
    .map((v) => (Number.isNaN(v) ? 1 : v));
  const low = Math.min(...values);
  return interval(low, Math.max(...values), low === 0);
}

function domain(x: Interval, p: Interval): Interval {
  const n = exact(p);
  if (n === undefined) return isPositive(x) ? corners(x, p) : isNonNegative(x) ? NONNEGATIVE : REAL;
  if (n === 0) return point(1);
  const f = (v: number): number => v ** n;
  if (n > 0) {
    if (Number.isInteger(n)) return n % 2 === 0 ? even(f, x) : increasing(f, x);
    return isNonNegative(x) ? increasing(f, x) : NONNEGATIVE;
  }
  if (isPositive(x)) {
    return interval(f(x.high), f(x.low), x.openHigh, x.openLow);
  }
  return isNonNegative(x) || (Number.isInteger(n) && n % 2 === 0) ? POSITIVE : REAL;
}

/** Whether x may be 0 and p between 0 and 1, where the slope of x ^ p has no bound. */
const isSteepAtZero = (x: Interval, p: Interval): boolean =>
  isNonNegative(x) && !isPositive(x) && p.low < 1 && p.high > 0;

/** x ^ p. Whole powers of any x; other powers where x is not negative. */
export const pow: Elementwise = {
  kind: "elementwise",
  name: "pow",
  takes: ["real", "real"],
  gives: "real",
  callable: false,
  value: (x, p) => x ** p,
  domain,
  refuses: (x, p) => {
    const n = exact(p);
    if (isNonNegative(x) || (n !== undefined && Number.isInteger(n))) return undefined;
    return {
      arg: 0,
      reason: "roots, and other powers that are not whole, are real only where the base is not negative",
      repair: "take `abs(…)` of the base, or use a whole power",
    };
  },
  kink: (x, p) =>
    isSteepAtZero(x, p) ? "x ^ p, where p < 1, at x = 0: the derivative used there is 0" : undefined,
  derivative: (m, [x, p], i, out) => {
    if (!x || !p) throw new TypeError("pow takes two arguments");
    const zero = m.constant(0);
    const unlessZero = (e: Expr): Expr => m.call("where", m.call("less", zero, x), e, zero);
    if (i === 0) {
      const slope = m.mul(p, m.pow(x, m.sub(p, m.constant(1))));
      return isSteepAtZero(m.domainOf(x), m.domainOf(p)) ? unlessZero(slope) : slope;
    }
    const growth = m.mul(m.call("log", x), out);
    return isPositive(m.domainOf(x)) ? growth : unlessZero(growth);
  },
  linearIn: () => false,
  simplify: (m, [x, p]) => {
    if (p?.kind !== "constant" || x?.kind !== "apply") return undefined;
    if (x.op.name === "abs" && p.value % 2 === 0) return m.pow(x.args[0] ?? x, p);
    if (x.op.name === "exp") return m.call("exp", m.mul(p, x.args[0] ?? x));
    return undefined;
  },
  wgsl: ([x = "", p = ""], type) => {
    // Small whole powers by products: exact to rounding, and right for negative bases.
    // A negative number stands in brackets.
    const n = Number(p.replace(/^\((.*)\)$/, "$1"));
    if (n === 0.5) return `sqrt(${x})`;
    if (n === -0.5) return `inverseSqrt(${x})`;
    if (n === -1) return `(1.0 / ${x})`;
    if (Number.isInteger(n) && Math.abs(n) >= 2 && Math.abs(n) <= 4) {
      const product = `(${Array(Math.abs(n)).fill(x).join(" * ")})`;
      return n > 0 ? product : `(1.0 / ${product})`;
    }
    if (Number.isInteger(n) && p !== "") {
      const sign = n % 2 === 0 ? "" : `sign(${x}) * `;
      return `(${sign}pow(abs(${x}), ${type === "f32" ? p : `vec4f(${p})`}))`;
    }
    return `pow(${x}, ${p})`;
  },
  notation: { style: "power" },
  samples: [
    [0.3, 3],
    [-2.5, 3],
  ],
};
