import { even } from "../interval.ts";
import type { Elementwise } from "../node.ts";

/** The hyperbolic cosine. */
export const cosh: Elementwise = {
  kind: "elementwise",
  name: "cosh",
  takes: ["real"],
  gives: "real",
  callable: true,
  value: Math.cosh,
  domain: (a) => even(Math.cosh, a),
  derivative: (m, [x]) => m.call("sinh", x ?? m.constant(0)),
  linearIn: () => false,
  wgsl: ([x]) => `cosh(${x})`,
  notation: { style: "function", unicode: "cosh", tex: "\\cosh" },
  samples: [[-2, 2]],
};
