import { apply, outer, plus, subtract, times } from "./algebra.ts";
import { matrixMemory, scaledQuery, state, token } from "./tensor.ts";
import type { Reference } from "./types.ts";

/**
 * Gated DeltaProduct (arXiv 2502.10297): one decay, n delta steps one after the other, one reading.
 *
 *     W   = α W_{t−1}
 *     W   ← W + β_j (v_j − W k_j) k_jᵀ     for j = 0 … n − 1
 *     W_t = W
 *     y_t = W_t q / √dk
 *
 * k, v and beta are [B, T, n, H, …]; n is 2 where the sizes do not say.
 */
export const deltaproduct: Reference = {
  name: "deltaproduct",
  inputs: (s) => {
    const n = s.n ?? 2;
    return {
      q: token(s, s.dk),
      k: [s.B, s.T, n, s.H, s.dk],
      v: [s.B, s.T, n, s.H, s.dv],
      alpha: token(s),
      beta: [s.B, s.T, n, s.H],
    };
  },
  states: (s) => ({ W: state(s, s.dv, s.dk) }),
  ranges: { alpha: [0, 1], beta: [0, 1] },
  learned: [],
  unit: ["k"],
  run: (s, inputs, _params, states) =>
    matrixMemory(s, inputs, states, (before, token) => {
      let W = times(token.scalar("alpha"), before);
      for (let j = 0; j < (s.n ?? 2); j++) {
        const k = token.vectorOf("k", j);
        const v = token.vectorOf("v", j);
        const beta = token.scalarOf("beta", j);
        const missing = subtract(v, apply(W, k));
        W = plus(W, times(beta, outer(missing, k)));
      }
      return { W, y: apply(W, scaledQuery(token)) };
    }),
};
