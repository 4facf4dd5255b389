import { even, isNonNegative } from "../interval.ts";
import type { Elementwise } from "../node.ts";

/** |x| */
export const abs: Elementwise = {
  kind: "elementwise",
  name: "abs",
  takes: ["real"],
  gives: "real",
  callable: true,
  value: Math.abs,
  domain: (a) => even(Math.abs, a),
  kink: () => "|x| at x = 0: the derivative used there is 0",
  simplify: (m, [x]) => (x && isNonNegative(m.domainOf(x)) ? x : undefined),
  derivative: (m, [x]) => m.call("sign", x ?? m.constant(0)),
  linearIn: () => false,
  wgsl: ([x]) => `abs(${x})`,
  notation: { style: "around", unicode: ["|", "|"], tex: ["\\left|", "\\right|"] },
  samples: [[-3, 3]],
};
