import { apply, outer, plus, timesDiagonal } from "./algebra.ts";
import { matrixMemory, scaledQuery, state, token } from "./tensor.ts";
import type { Reference } from "./types.ts";

/**
 * Gated linear attention (arXiv 2312.06635): a decay for each channel of the key.
 *
 *     W_t = W_{t−1} Diag(α) + v kᵀ
 *     y_t = W_t q / √dk
 */
export const gla: Reference = {
  name: "gla",
  inputs: (s) => ({ q: token(s, s.dk), k: token(s, s.dk), v: token(s, s.dv), alpha: token(s, s.dk) }),
  states: (s) => ({ W: state(s, s.dv, s.dk) }),
  ranges: { alpha: [0, 1] },
  learned: [],
  run: (s, inputs, _params, states) =>
    matrixMemory(s, inputs, states, (before, token) => {
      const k = token.vector("k");
      const v = token.vector("v");
      const alpha = token.vector("alpha");
      const W = plus(timesDiagonal(before, alpha), outer(v, k));
      return { W, y: apply(W, scaledQuery(token)) };
    }),
};
