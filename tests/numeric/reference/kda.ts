import { apply, outer, plus, subtract, times, timesDiagonal } from "./algebra.ts";
import { matrixMemory, scaledQuery, state, token } from "./tensor.ts";
import type { Reference } from "./types.ts";

/**
 * Kimi delta attention (arXiv 2510.26692): Gated DeltaNet with a decay for each channel of the key.
 *
 *     kept = W_{t−1} Diag(α)
 *     W_t  = kept + β (v − kept k) kᵀ
 *     y_t  = W_t q / √dk
 */
export const kda: Reference = {
  name: "kda",
  inputs: (s) => ({
    q: token(s, s.dk),
    k: token(s, s.dk),
    v: token(s, s.dv),
    alpha: token(s, s.dk),
    beta: token(s),
  }),
  states: (s) => ({ W: state(s, s.dv, s.dk) }),
  ranges: { alpha: [0, 1], beta: [0, 1] },
  learned: [],
  unit: ["k"],
  run: (s, inputs, _params, states) =>
    matrixMemory(s, inputs, states, (before, token) => {
      const k = token.vector("k");
      const v = token.vector("v");
      const alpha = token.vector("alpha");
      const beta = token.scalar("beta");
      const kept = timesDiagonal(before, alpha);
      const missing = subtract(v, apply(kept, k));
      const W = plus(kept, times(beta, outer(missing, k)));
      return { W, y: apply(W, scaledQuery(token)) };
    }),
};
