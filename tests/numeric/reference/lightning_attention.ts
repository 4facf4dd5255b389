import { apply, outer, plus, times } from "./algebra.ts";
import { matrixMemory, scaledQuery, state, token } from "./tensor.ts";
import type { Reference } from "./types.ts";

/**
 * Lightning attention, in layer `layer` (from 0) of `layers` (arXiv 2401.04658).
 *
 *     W_t = α W_{t−1} + v kᵀ     α = exp(−(8 / heads) (1 − layer / layers) head)
 *     y_t = W_t q / √dk
 */
export function lightningAttentionIn(layer: number, layers: number): Reference {
  return {
    name: "lightning_attention",
    inputs: (s) => ({ q: token(s, s.dk), k: token(s, s.dk), v: token(s, s.dv) }),
    states: (s) => ({ W: state(s, s.dv, s.dk) }),
    ranges: {},
    learned: [],
    run: (s, inputs, _params, states) =>
      matrixMemory(s, inputs, states, (before, token) => {
        const k = token.vector("k");
        const v = token.vector("v");
        const alpha = Math.exp(-(8 / s.H) * (1 - layer / layers) * token.h);
        const W = plus(times(alpha, before), outer(v, k));
        return { W, y: apply(W, scaledQuery(token)) };
      }),
  };
}

export const lightningAttention = lightningAttentionIn(0, 1);
