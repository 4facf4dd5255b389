import { apply, hadamard, outer, plus } from "./algebra.ts";
import { matrixMemory, state, token } from "./tensor.ts";
import type { Reference } from "./types.ts";

/**
 * Decaying fast weights (arXiv 2210.04243): a decay of rank one over the whole matrix.
 *
 *     W_t = (β αᵀ) ⊙ W_{t−1} + v kᵀ
 *     y_t = W_t q
 */
export const dfw: Reference = {
  name: "dfw",
  inputs: (s) => ({
    q: token(s, s.dk),
    k: token(s, s.dk),
    v: token(s, s.dv),
    alpha: token(s, s.dk),
    beta: token(s, s.dv),
  }),
  states: (s) => ({ W: state(s, s.dv, s.dk) }),
  ranges: { alpha: [0, 1], beta: [0, 1] },
  learned: [],
  run: (s, inputs, _params, states) =>
    matrixMemory(s, inputs, states, (before, token) => {
      const q = token.vector("q");
      const k = token.vector("k");
      const v = token.vector("v");
      const alpha = token.vector("alpha");
      const beta = token.vector("beta");
      const W = plus(hadamard(outer(beta, alpha), before), outer(v, k));
      return { W, y: apply(W, q) };
    }),
};
