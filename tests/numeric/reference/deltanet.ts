import { apply, outer, plus, subtract, times } from "./algebra.ts";
import { matrixMemory, scaledQuery, state, token } from "./tensor.ts";
import type { Reference } from "./types.ts";

/**
 * DeltaNet (arXiv 2406.06484).
 *
 *     W_t = W_{t−1} + β (v − W_{t−1} k) kᵀ     that is, W_{t−1} (I − β k kᵀ) + β v kᵀ
 *     y_t = W_t q / √dk
 */
export const deltanet: Reference = {
  name: "deltanet",
  inputs: (s) => ({ q: token(s, s.dk), k: token(s, s.dk), v: token(s, s.dv), beta: token(s) }),
  states: (s) => ({ W: state(s, s.dv, s.dk) }),
  ranges: { beta: [0, 1] },
  learned: [],
  unit: ["k"],
  run: (s, inputs, _params, states) =>
    matrixMemory(s, inputs, states, (before, token) => {
      const k = token.vector("k");
      const v = token.vector("v");
      const beta = token.scalar("beta");
      const missing = subtract(v, apply(before, k));
      const W = plus(before, times(beta, outer(missing, k)));
      return { W, y: apply(W, scaledQuery(token)) };
    }),
};
