import { apply, outer, plus, times } from "./algebra.ts";
import { matrixMemory, scaledQuery, state, token } from "./tensor.ts";
import type { Reference } from "./types.ts";

/**
 * RetNet's retention, without its rotation and group norm (arXiv 2307.08621).
 *
 *     W_t = α W_{t−1} + v kᵀ     α = 1 − 2^(−5−head)
 *     y_t = W_t q / √dk
 */
export const retnet: Reference = {
  name: "retnet",
  inputs: (s) => ({ q: token(s, s.dk), k: token(s, s.dk), v: token(s, s.dv) }),
  states: (s) => ({ W: state(s, s.dv, s.dk) }),
  ranges: {},
  learned: [],
  run: (s, inputs, _params, states) =>
    matrixMemory(s, inputs, states, (before, token) => {
      const k = token.vector("k");
      const v = token.vector("v");
      const alpha = 1 - 2 ** (-5 - token.h);
      const W = plus(times(alpha, before), outer(v, k));
      return { W, y: apply(W, scaledQuery(token)) };
    }),
};
