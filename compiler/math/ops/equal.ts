import { interval, isBelow } from "../interval.ts";
import type { Elementwise } from "../node.ts";

/** a = b: a condition for `where`. */
export const equal: Elementwise = {
  kind: "elementwise",
  name: "equal",
  takes: ["real", "real"],
  gives: "bool",
  callable: false,
  value: (a, b) => (a === b ? 1 : 0),
  domain: () => interval(0, 1),
  simplify: (m, [a, b]) => {
    if (!a || !b) return undefined;
    if (a === b) return m.constant(1);
    const apart = isBelow(m.domainOf(a), m.domainOf(b), true) || isBelow(m.domainOf(b), m.domainOf(a), true);
    return apart ? m.constant(0) : undefined;
  },
  linearIn: () => false,
  wgsl: ([a, b]) => `(${a} == ${b})`,
  notation: { style: "infix", unicode: "=", tex: "=" },
  samples: [
    [-3, 3],
    [-3, 3],
  ],
};
