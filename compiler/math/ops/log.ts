import { increasing, isPositive } from "../interval.ts";
import type { Elementwise } from "../node.ts";

/** The natural logarithm. */
export const log: Elementwise = {
  kind: "elementwise",
  name: "log",
  takes: ["real"],
  gives: "real",
  callable: true,
  value: Math.log,
  domain: (a) => increasing((x) => Math.log(Math.max(x, 0)), a),
  refuses: (a) =>
    isPositive(a)
      ? undefined
      : {
          arg: 0,
          reason: "the logarithm is real only of positive numbers",
          repair:
            "add a small constant inside it, as in `log(x + 1e-6)` for x ≥ 0, or use a positive quantity",
        },
  simplify: (_m, [x]) => (x?.kind === "apply" && x.op.name === "exp" ? x.args[0] : undefined),
  derivative: (m, [x]) => m.pow(x ?? m.constant(1), m.constant(-1)),
  linearIn: () => false,
  wgsl: ([x]) => `log(${x})`,
  wgslOf: { cosh: ([x]) => `(abs(${x}) + log(0.5 + 0.5 * exp(-2.0 * abs(${x}))))` },
  notation: { style: "function", unicode: "log", tex: "\\log" },
  samples: [[0.2, 4]],
};
