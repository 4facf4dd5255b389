import { increasing, interval } from "../interval.ts";
import type { Elementwise } from "../node.ts";

/** The hyperbolic tangent. */
export const tanh: Elementwise = {
  kind: "elementwise",
  name: "tanh",
  takes: ["real"],
  gives: "real",
  callable: true,
  value: Math.tanh,
  domain: (a) => increasing(Math.tanh, interval(a.low, a.high, a.openLow || a.low === -Infinity, a.openHigh)),
  derivative: (m, _args, _i, out) => m.sub(m.constant(1), m.pow(out, m.constant(2))),
  linearIn: () => false,
  wgsl: ([x], type) =>
    // Drivers compute it through exponentials that overflow; past 15 it is 1 in f32 anyway.
    type === "f32" ? `tanh(clamp(${x}, -15.0, 15.0))` : `tanh(clamp(${x}, vec4f(-15.0), vec4f(15.0)))`,
  notation: { style: "function", unicode: "tanh", tex: "\\tanh" },
  samples: [[-2, 2]],
};
