import { interval } from "../interval.ts";
import type { Elementwise } from "../node.ts";

/** The cosine, in radians. */
export const cos: Elementwise = {
  kind: "elementwise",
  name: "cos",
  takes: ["real"],
  gives: "real",
  callable: true,
  value: Math.cos,
  domain: () => interval(-1, 1),
  derivative: (m, [x]) => m.neg(m.call("sin", x ?? m.constant(0))),
  linearIn: () => false,
  wgsl: ([x]) => `cos(${x})`,
  notation: { style: "function", unicode: "cos", tex: "\\cos" },
  samples: [[-3, 3]],
};
