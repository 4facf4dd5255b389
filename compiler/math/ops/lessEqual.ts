import { interval } from "../interval.ts";
import type { Elementwise } from "../op.ts";

/** a ≤ b: a condition for `where`. */
export const lessEqual: Elementwise = {
  kind: "elementwise",
  name: "lessEqual",
  takes: ["real", "real"],
  gives: "bool",
  callable: false,
  value: (a, b) => (a <= b ? 1 : 0),
  domain: () => interval(0, 1),
  linearIn: () => false,
  wgsl: ([a, b]) => `(${a} <= ${b})`,
  notation: { style: "infix", unicode: "≤", tex: "\\le" },
  samples: [
    [-3, 3],
    [-3, 3],
  ],
};
