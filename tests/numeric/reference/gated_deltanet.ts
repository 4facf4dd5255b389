import { apply, outer, plus, subtract, times } from "./algebra.ts";
import { matrixMemory, scaledQuery, state, token } from "./tensor.ts";
import type { Reference } from "./types.ts";

/**
 * Gated DeltaNet (arXiv 2412.06464): decays first; the error is that of the decayed matrix.
 *
 *     W_t = α W_{t−1} + β (v − α W_{t−1} k) kᵀ     that is, α W_{t−1} (I − β k kᵀ) + β v kᵀ
 *     y_t = W_t q / √dk
 */
export const gatedDeltanet: Reference = {
  name: "gated_deltanet",
  inputs: (s) => ({
    q: token(s, s.dk),
    k: token(s, s.dk),
    v: token(s, s.dv),
    alpha: token(s),
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
      const alpha = token.scalar("alpha");
      const beta = token.scalar("beta");
      const kept = times(alpha, before);
      const missing = subtract(v, apply(kept, k));
      const W = plus(kept, times(beta, outer(missing, k)));
      return { W, y: apply(W, scaledQuery(token)) };
    }),
};
