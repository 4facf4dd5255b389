import { interval } from "../interval.ts";
import type { Elementwise } from "../node.ts";

/** The smaller of two numbers. */
export const minimum: Elementwise = {
  kind: "elementwise",
  name: "min",
  takes: ["real", "real"],
  gives: "real",
  callable: true,
  value: (a, b) => Math.min(a, b),
  domain: (a, b) => {
    const low = Math.min(a.low, b.low);
    const high = Math.min(a.high, b.high);
    // Neither can go above the smaller of the high bounds, so that one which excludes it decides.
    const openHigh = (a.high === high && a.openHigh) || (b.high === high && b.openHigh);
    return interval(low, high, (a.low > low || a.openLow) && (b.low > low || b.openLow), openHigh);
  },
  kink: () => "min(a, b) at a = b: the derivative used there is that of a",
  derivative: (m, [a, b], i) => {
    if (!a || !b) throw new TypeError("min takes two arguments");
    const first = m.call("lessEqual", a, b);
    return m.call("where", first, m.constant(i === 0 ? 1 : 0), m.constant(i === 0 ? 0 : 1));
  },
  linearIn: () => false,
  simplify: (_m, [a, b]) => (a === b ? a : undefined),
  wgsl: ([a, b]) => `min(${a}, ${b})`,
  notation: { style: "function", unicode: "min", tex: "\\min" },
  samples: [
    [-3, 3],
    [-3, 3],
  ],
};
