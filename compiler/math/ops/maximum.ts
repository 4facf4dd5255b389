import { interval } from "../interval.ts";
import type { Elementwise } from "../op.ts";

/** The larger of two numbers. */
export const maximum: Elementwise = {
  kind: "elementwise",
  name: "max",
  takes: ["real", "real"],
  gives: "real",
  callable: true,
  value: Math.max,
  domain: (a, b) =>
    interval(Math.max(a.low, b.low), Math.max(a.high, b.high), false, false),
  kink: "max(a, b) at a = b: the derivative used there is that of a",
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
