import { apply, at, entry, matrix, outer, plus, solvePositive, times } from "./algebra.ts";
import {
  eachSequence,
  matrixAt,
  named,
  put,
  start,
  state,
  token,
  tokenAt,
  vectorAt,
  zeros,
} from "./tensor.ts";
import type { Reference } from "./types.ts";

/**
 * MesaNet (arXiv 2506.05233): the ridge regression over all pairs so far, with weights that decay, solved
 * exactly.
 *
 *     G_t = α G_{t−1} + β v kᵀ     [dv, dk]
 *     K_t = α K_{t−1} + β k kᵀ     [dk, dk]
 *     y_t = G_t (K_t + Diag(λ))⁻¹ q
 *
 * λ does not decay. The states are the two sums, not the matrix that the solution would be.
 */
export const mesanet: Reference = {
  name: "mesanet",
  inputs: (s) => ({
    q: token(s, s.dk),
    k: token(s, s.dk),
    v: token(s, s.dv),
    alpha: token(s),
    beta: token(s),
  }),
  params: (s) => ({ lambda: [s.H, s.dk] }),
  states: (s) => ({ "W.right": state(s, s.dv, s.dk), "W.gram": state(s, s.dk, s.dk) }),
  ranges: { alpha: [0, 1], beta: [0, 1], lambda: [0.25, 4] },
  learned: [],
  unit: ["k"],
  gram: ["W.gram"],
  run(s, inputs, params, states) {
    const finalG = start(states, "W.right", state(s, s.dv, s.dk));
    const finalK = start(states, "W.gram", state(s, s.dk, s.dk));
    const y = zeros(token(s, s.dv));
    eachSequence(s, (b, h) => {
      const lambda = vectorAt(named(params, "lambda"), h);
      let G = matrixAt(finalG, b, h);
      let K = matrixAt(finalK, b, h);
      for (let t = 0; t < s.T; t++) {
        const token = tokenAt(inputs, b, t, h);
        const q = token.vector("q");
        const k = token.vector("k");
        const v = token.vector("v");
        const alpha = token.scalar("alpha");
        const beta = token.scalar("beta");
        G = plus(times(alpha, G), times(beta, outer(v, k)));
        K = plus(times(alpha, K), times(beta, outer(k, k)));
        const now = K;
        const ridge = matrix(s.dk, s.dk, (i, j) => entry(now, i, j) + (i === j ? at(lambda, i) : 0));
        put(y, [b, t, h], apply(G, solvePositive(ridge, q)));
      }
      put(finalG, [b, h], G);
      put(finalK, [b, h], K);
    });
    return { y, states: { "W.right": finalG, "W.gram": finalK } };
  },
};
