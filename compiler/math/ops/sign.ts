import { interval, isNegative, isPositive } from "../interval.ts";
import type { Elementwise } from "../node.ts";

/** −1, 0 or 1: the sign of x, and sign(0) = 0. */
export const sign: Elementwise = {
  kind: "elementwise",
  name: "sign",
  takes: ["real"],
  gives: "real",
  callable: true,
  value: Math.sign,
  // Flat on both sides of the jump: a bound is attained even where that of the argument is not.
  domain: (a) => interval(isPositive(a) ? 1 : Math.sign(a.low), isNegative(a) ? -1 : Math.sign(a.high)),
  kink: () => "sign(x) jumps at x = 0: it is 0 there, and its derivative is taken as 0",
  simplify: (m, [x]) => {
    if (!x) return undefined;
    const d = m.domainOf(x);
    return isPositive(d) ? m.constant(1) : isNegative(d) ? m.constant(-1) : undefined;
  },
  derivative: (m) => m.constant(0),
  linearIn: () => false,
  wgsl: ([x]) => `sign(${x})`,
  notation: { style: "function", unicode: "sign", tex: "\\operatorname{sign}" },
  samples: [[-3, 3]],
};
