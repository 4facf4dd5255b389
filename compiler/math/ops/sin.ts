import { interval } from "../interval.ts";
import type { Elementwise } from "../node.ts";

/** The sine, in radians. */
export const sin: Elementwise = {
  kind: "elementwise",
  name: "sin",
  takes: ["real"],
  gives: "real",
  callable: true,
  value: Math.sin,
  domain: () => interval(-1, 1),
  derivative: (m, [x]) => m.call("cos", x ?? m.constant(0)),
  linearIn: () => false,
  wgsl: ([x]) => `sin(${x})`,
  notation: { style: "function", unicode: "sin", tex: "\\sin" },
  samples: [[-3, 3]],
};
