import { apply, outer, plus } from "./algebra.ts";
import { matrixMemory, scaledQuery, state, token } from "./tensor.ts";
import type { Reference } from "./types.ts";

/**
 * Linear attention, without feature map and without normaliser (arXiv 2006.16236).
 *
 *     W_t = W_{t−1} + v kᵀ
 *     y_t = W_t q / √dk
 */
export const linearAttention: Reference = {
  name: "linear_attention",
  inputs: (s) => ({ q: token(s, s.dk), k: token(s, s.dk), v: token(s, s.dv) }),
  states: (s) => ({ W: state(s, s.dv, s.dk) }),
  ranges: {},
  learned: [],
  run: (s, inputs, _params, states) =>
    matrixMemory(s, inputs, states, (before, token) => {
      const k = token.vector("k");
      const v = token.vector("v");
      const W = plus(before, outer(v, k));
      return { W, y: apply(W, scaledQuery(token)) };
    }),
};
