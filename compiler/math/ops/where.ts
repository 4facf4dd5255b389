import { union } from "../interval.ts";
import type { Elementwise } from "../node.ts";

/** where(condition, a, b): a where the condition holds, else b. */
export const where: Elementwise = {
  kind: "elementwise",
  name: "where",
  takes: ["bool", "real", "real"],
  gives: "real",
  callable: true,
  value: (c, a, b) => (c !== 0 ? a : b),
  domain: (c, a, b) => (c.low > 0 ? a : c.high < 1 ? b : union(a, b)),
  kink: () => "where(c, a, b) at the border of c: the branch that c picks there is differentiated",
  derivative: (m, [c], i) => {
    if (!c || i === 0) return m.constant(0);
    return m.call("where", c, m.constant(i === 1 ? 1 : 0), m.constant(i === 1 ? 0 : 1));
  },
  linearIn: ([c, a, b]) => !c && a === true && b === true,
  simplify: (_m, [c, a, b]) => {
    if (a === b) return a;
    return c?.kind === "constant" ? (c.value !== 0 ? a : b) : undefined;
  },
  wgsl: ([c, a, b]) => `select(${b}, ${a}, ${c})`,
  notation: { style: "cases" },
  samples: [
    [0, 1],
    [-3, 3],
    [-3, 3],
  ],
};
