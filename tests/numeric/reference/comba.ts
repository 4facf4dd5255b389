import { apply, outer, plus, subtract, times } from "./algebra.ts";
import { matrixMemory, scaledQuery, state, token } from "./tensor.ts";
import type { Reference } from "./types.ts";

/**
 * Comba (arXiv 2506.02475), without its output correction: the error is that of the matrix before the
 * decay, at a key p of its own.
 *
 *     W_t = α W_{t−1} + β (v − W_{t−1} p) kᵀ
 *     y_t = W_t q / √dk
 */
export const comba: Reference = {
  name: "comba",
  inputs: (s) => ({
    q: token(s, s.dk),
    k: token(s, s.dk),
    v: token(s, s.dv),
    p: token(s, s.dk),
    alpha: token(s),
    beta: token(s),
  }),
  states: (s) => ({ W: state(s, s.dv, s.dk) }),
  ranges: { alpha: [0, 1], beta: [0, 1] },
  learned: [],
  unit: ["k"],
  follows: { p: "k" },
  run: (s, inputs, _params, states) =>
    matrixMemory(s, inputs, states, (before, token) => {
      const k = token.vector("k");
      const v = token.vector("v");
      const p = token.vector("p");
      const alpha = token.scalar("alpha");
      const beta = token.scalar("beta");
      const missing = subtract(v, apply(before, p));
      const W = plus(times(alpha, before), times(beta, outer(missing, k)));
      return { W, y: apply(W, scaledQuery(token)) };
    }),
};
