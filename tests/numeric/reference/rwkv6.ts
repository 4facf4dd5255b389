import { add, apply, dot, multiply, outer, plus, scale, timesDiagonal } from "./algebra.ts";
import { matrixMemory, named, scaledQuery, state, token, vectorAt } from "./tensor.ts";
import type { Reference } from "./types.ts";

/**
 * RWKV-6 (arXiv 2404.05892): reads before it writes, and the token's own pair comes in by the bonus u.
 *
 *     y_t = (W_{t−1} q + (q · (u ⊙ k)) v) / √dk
 *     W_t = W_{t−1} Diag(α) + v kᵀ
 */
export const rwkv6: Reference = {
  name: "rwkv6",
  inputs: (s) => ({ q: token(s, s.dk), k: token(s, s.dk), v: token(s, s.dv), alpha: token(s, s.dk) }),
  params: (s) => ({ u: [s.H, s.dk] }),
  states: (s) => ({ W: state(s, s.dv, s.dk) }),
  ranges: { alpha: [0, 1], u: [-1, 1] },
  learned: [],
  run: (s, inputs, params, states) =>
    matrixMemory(s, inputs, states, (before, token) => {
      const q = scaledQuery(token);
      const k = token.vector("k");
      const v = token.vector("v");
      const alpha = token.vector("alpha");
      const u = vectorAt(named(params, "u"), token.h);
      const y = add(apply(before, q), scale(dot(q, multiply(u, k)), v));
      const W = plus(timesDiagonal(before, alpha), outer(v, k));
      return { W, y };
    }),
};
