import { multiply } from "../interval.ts";
import type { Elementwise } from "../node.ts";

/** a · b · …; powers of one base are merged by the constructor in `algebra.ts`. */
export const mul: Elementwise = {
  kind: "elementwise",
  name: "mul",
  takes: ["real", "real"],
  variadic: true,
  gives: "real",
  callable: false,
  value: (a, b) => a * b,
  domain: (...xs) => xs.reduce(multiply),
  derivative: (m, xs, i) => m.mul(...xs.filter((_, j) => j !== i)),
  linearIn: (marked) => marked.filter(Boolean).length === 1,
  wgsl: (xs) => `(${xs.join(" * ")})`,
  notation: { style: "product" },
  samples: [
    [-3, 3],
    [-3, 3],
  ],
};
