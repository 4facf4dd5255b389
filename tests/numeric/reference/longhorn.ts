import { apply, dot, outer, plus, subtract, times } from "./algebra.ts";
import { matrixMemory, state, token } from "./tensor.ts";
import type { Reference } from "./types.ts";

/**
 * Longhorn (arXiv 2407.14207): W_t is the minimiser of ½‖W − W_{t−1}‖² + (β/2)‖W k − v‖², which is a delta
 * step with a rate of its own.
 *
 *     W_t = W_{t−1} + rate (v − W_{t−1} k) kᵀ     rate = β / (1 + β k·k)
 *     y_t = W_t q
 */
export const longhorn: Reference = {
  name: "longhorn",
  inputs: (s) => ({ q: token(s, s.dk), k: token(s, s.dk), v: token(s, s.dv), beta: token(s) }),
  states: (s) => ({ W: state(s, s.dv, s.dk) }),
  ranges: { beta: [0, 4] },
  learned: [],
  run: (s, inputs, _params, states) =>
    matrixMemory(s, inputs, states, (before, token) => {
      const q = token.vector("q");
      const k = token.vector("k");
      const v = token.vector("v");
      const beta = token.scalar("beta");
      const rate = beta / (1 + beta * dot(k, k));
      const missing = subtract(v, apply(before, k));
      const W = plus(before, times(rate, outer(missing, k)));
      return { W, y: apply(W, q) };
    }),
};
