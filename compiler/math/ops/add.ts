import { add as addIntervals } from "../interval.ts";
import type { Elementwise } from "../node.ts";

/** a + b + …; like terms are collected by the constructor in `algebra.ts`. */
export const add: Elementwise = {
  kind: "elementwise",
  name: "add",
  takes: ["real", "real"],
  variadic: true,
  gives: "real",
  callable: false,
  value: (a, b) => a + b,
  domain: (...xs) => xs.reduce(addIntervals),
  derivative: (m) => m.constant(1),
  linearIn: (marked) => marked.every(Boolean),
  wgsl: (xs) => `(${xs.join(" + ")})`,
  notation: { style: "sum" },
  samples: [
    [-3, 3],
    [-3, 3],
  ],
};
