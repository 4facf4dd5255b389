import { interval } from "../interval.ts";
import type { Elementwise } from "../node.ts";

/** The larger of two numbers. */
export const maximum: Elementwise = {
  kind: "elementwise",
  name: "max",
  takes: ["real", "real"],
  gives: "real",
  callable: true,
  value: (a, b) => Math.max(a, b),
  domain: (a, b) => {
    const low = Math.max(a.low, b.low);
    const high = Math.max(a.high, b.high);
    // Neither can go below the larger of the low bounds, so that one which excludes it decides.
    const openLow = (a.low === low && a.openLow) || (b.low === low && b.openLow);
    return interval(low, high, openLow, (a.high < high || a.openHigh) && (b.high < high || b.openHigh));
  },
  kink: () => "max(a, b) at a = b: the derivative used there is that of a",
  derivative: (m, [a, b], i) => {
    if (!a || !b) throw new TypeError("max takes two arguments");
    const first = m.call("lessEqual", b, a);
    return m.call("where", first, m.constant(i === 0 ? 1 : 0), m.constant(i === 0 ? 0 : 1));
  },
  linearIn: () => false,
  simplify: (_m, [a, b]) => (a === b ? a : undefined),
  wgsl: ([a, b]) => `max(${a}, ${b})`,
  notation: { style: "function", unicode: "max", tex: "\\max" },
  samples: [
    [-3, 3],
    [-3, 3],
  ],
};
