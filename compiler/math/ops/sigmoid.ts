import { increasing, interval } from "../interval.ts";
import type { Elementwise } from "../node.ts";

/** 1 / (1 + e⁻ˣ) */
export const sigmoid: Elementwise = {
  kind: "elementwise",
  name: "sigmoid",
  takes: ["real"],
  gives: "real",
  callable: true,
  value: (x) => 1 / (1 + Math.exp(-x)),
  domain: (a) =>
    increasing(
      (x) => 1 / (1 + Math.exp(-x)),
      interval(a.low, a.high, a.openLow || a.low === -Infinity, a.openHigh),
    ),
  derivative: (m, _args, _i, out) => m.mul(out, m.sub(m.constant(1), out)),
  linearIn: () => false,
  wgsl: ([x], type) =>
    type === "f32" ? `(1.0 / (1.0 + exp(-${x})))` : `(vec4f(1.0) / (vec4f(1.0) + exp(-${x})))`,
  notation: { style: "function", unicode: "σ", tex: "\\sigma" },
  samples: [[-3, 3]],
};
