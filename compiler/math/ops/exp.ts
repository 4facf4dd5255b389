import { increasing, interval } from "../interval.ts";
import type { Elementwise } from "../node.ts";

/** eˣ */
export const exp: Elementwise = {
  kind: "elementwise",
  name: "exp",
  takes: ["real"],
  gives: "real",
  callable: true,
  value: Math.exp,
  domain: (a) => increasing(Math.exp, interval(a.low, a.high, a.openLow || a.low === -Infinity, a.openHigh)),
  simplify: (_m, [x]) => (x?.kind === "apply" && x.op.name === "log" ? x.args[0] : undefined),
  derivative: (_m, _args, _i, out) => out,
  linearIn: () => false,
  wgsl: ([x]) => `exp(${x})`,
  notation: { style: "function", unicode: "exp", tex: "\\exp" },
  samples: [[-2, 2]],
};
