import { at, entry, type Matrix, matrix, minus, row, subtract, times, vector } from "./algebra.ts";
import { mlpGradient, mlpStates, readMlp } from "./mlp.ts";
import { eachSequence, matrixAt, put, startLearned, state, token, tokenAt, zeros } from "./tensor.ts";
import type { Reference } from "./types.ts";

/** What is read of an accumulator: the softmax of each row, so along the input dimension. */
export function memoraLink(A: Matrix): Matrix {
  const largest = vector(A.rows, (i) => Math.max(...row(A, i)));
  const weights = matrix(A.rows, A.columns, (i, j) => Math.exp(entry(A, i, j) - at(largest, i)));
  const totals = vector(A.rows, (i) => row(weights, i).reduce((sum, weight) => sum + weight, 0));
  return matrix(A.rows, A.columns, (i, j) => entry(weights, i, j) / at(totals, i));
}

/**
 * Memora (arXiv 2504.13173) with c = 1: the retention is a KL divergence on the simplex.
 *
 *     G_t = ∂ ½‖read(k) − v‖² / ∂W at the W before the chunk
 *     A_t = α A_{t−1} − η G_t            that is, W_t = softmax(α log W_{t−1} − η G_t)
 *     W_t = softmax(A_t) along the input dimension
 *     y_t = read(W_t, q)                 for each of the two matrices
 *
 * The states W1 and W2 that are given and returned are the accumulators A.
 */
export function memoraWith(chunk: number): Reference {
  return {
    name: "memora",
    inputs: (s) => ({
      q: token(s, s.dk),
      k: token(s, s.dk),
      v: token(s, s.dv),
      alpha: token(s),
      eta: token(s),
    }),
    states: mlpStates,
    requires: { square: true },
    ranges: { alpha: [0, 1], eta: [0, 1] },
    steady: { alpha: [0.999, 1], eta: [0, 0.03] },
    learned: ["W1", "W2"],
    chunk,
    unit: ["q", "k"],
    run(s, inputs, _params, states) {
      const final1 = startLearned(states, "W1", state(s, s.dv, 4 * s.dk));
      const final2 = startLearned(states, "W2", state(s, 4 * s.dk, s.dk));
      const y = zeros(token(s, s.dv));
      eachSequence(s, (b, h) => {
        let A1 = matrixAt(final1, b, h);
        let A2 = matrixAt(final2, b, h);
        let frozen = { W1: memoraLink(A1), W2: memoraLink(A2) };
        for (let t = 0; t < s.T; t++) {
          if (t % chunk === 0) frozen = { W1: memoraLink(A1), W2: memoraLink(A2) };
          const token = tokenAt(inputs, b, t, h);
          const q = token.vector("q");
          const k = token.vector("k");
          const v = token.vector("v");
          const alpha = token.scalar("alpha");
          const eta = token.scalar("eta");
          const G = mlpGradient(frozen, k, (read) => subtract(read, v));
          A1 = minus(times(alpha, A1), times(eta, G.W1));
          A2 = minus(times(alpha, A2), times(eta, G.W2));
          put(y, [b, t, h], readMlp({ W1: memoraLink(A1), W2: memoraLink(A2) }, q));
        }
        put(final1, [b, h], A1);
        put(final2, [b, h], A2);
      });
      return { y, states: { W1: final1, W2: final2 } };
    },
  };
}

export const memora = memoraWith(16);
