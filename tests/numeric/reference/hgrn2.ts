import { apply, map, outer, plus, timesDiagonal } from "./algebra.ts";
import { matrixMemory, scaledQuery, state, token } from "./tensor.ts";
import type { Reference } from "./types.ts";

/**
 * HGRN2 (arXiv 2404.07904): the key is what the decay takes away.
 *
 *     W_t = W_{t−1} Diag(α) + v (1 − α)ᵀ
 *     y_t = W_t q / √dk
 */
export const hgrn2: Reference = {
  name: "hgrn2",
  inputs: (s) => ({ q: token(s, s.dk), v: token(s, s.dv), alpha: token(s, s.dk) }),
  states: (s) => ({ W: state(s, s.dv, s.dk) }),
  ranges: { alpha: [0, 1] },
  learned: [],
  run: (s, inputs, _params, states) =>
    matrixMemory(s, inputs, states, (before, token) => {
      const v = token.vector("v");
      const alpha = token.vector("alpha");
      const k = map(alpha, (x) => 1 - x);
      const W = plus(timesDiagonal(before, alpha), outer(v, k));
      return { W, y: apply(W, scaledQuery(token)) };
    }),
};
