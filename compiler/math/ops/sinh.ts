import { increasing } from "../interval.ts";
import type { Elementwise } from "../node.ts";

/** The hyperbolic sine. */
export const sinh: Elementwise = {
  kind: "elementwise",
  name: "sinh",
  takes: ["real"],
  gives: "real",
  callable: true,
  value: Math.sinh,
  domain: (a) => increasing(Math.sinh, a),
  derivative: (m, [x]) => m.call("cosh", x ?? m.constant(0)),
  linearIn: () => false,
  wgsl: ([x]) => `sinh(${x})`,
  notation: { style: "function", unicode: "sinh", tex: "\\sinh" },
  samples: [[-2, 2]],
};
