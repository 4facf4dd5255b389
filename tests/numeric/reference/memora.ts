import { at, entry, type Matrix, matrix, row, subtract, vector } from "./algebra.ts";
import {
  type GateShape,
  gateOf,
  gateShape,
  type Mlp,
  mlpGradient,
  mlpStates,
  readMlp,
  stepMlp,
} from "./mlp.ts";
import { eachSequence, matrixAt, put, startLearned, state, token, tokenAt, zeros } from "./tensor.ts";
import type { Reference } from "./types.ts";

/** What is read of an accumulator: the softmax of each row, so along the input dimension. */
export function memoraLink(A: Matrix): Matrix {
  const largest = vector(A.rows, (i) => Math.max(...row(A, i)));
  const weights = matrix(A.rows, A.columns, (i, j) => Math.exp(entry(A, i, j) - at(largest, i)));
  const totals = vector(A.rows, (i) => row(weights, i).reduce((sum, weight) => sum + weight, 0));
  return matrix(A.rows, A.columns, (i, j) => entry(weights, i, j) / at(totals, i));
}

const linked = ({ W1, W2 }: Mlp): Mlp => ({ W1: memoraLink(W1), W2: memoraLink(W2) });

/**
 * Memora (arXiv 2504.13173) with c = 1: the retention is a KL divergence on the simplex.
 *
 *     G_t = ∂ ½‖read(k) − v‖² / ∂W at the W before the chunk
 *     A_t = α A_{t−1} − η G_t            that is, W_t = softmax(α log W_{t−1} − η G_t)
 *     W_t = softmax(A_t) along the input dimension
 *     y_t = read(W_t, q)                 for each of the two matrices
 *
 * By channel, α and η multiply the rows of the first matrix and the columns of the second.
 *
 * The states W1 and W2 that are given and returned are the accumulators A.
 */
export function memoraWith(chunk: number, gates: GateShape = "one"): Reference {
  return {
    name: "memora",
    ...(gates === "by channel" ? { model: "MemoraByChannel" } : {}),
    inputs: (s) => ({
      q: token(s, s.dk),
      k: token(s, s.dk),
      v: token(s, s.dv),
      alpha: gateShape(s, gates),
      eta: gateShape(s, gates),
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
        let A: Mlp = { W1: matrixAt(final1, b, h), W2: matrixAt(final2, b, h) };
        let frozen = linked(A);
        for (let t = 0; t < s.T; t++) {
          if (t % chunk === 0) frozen = linked(A);
          const token = tokenAt(inputs, b, t, h);
          const q = token.vector("q");
          const k = token.vector("k");
          const v = token.vector("v");
          const alpha = gateOf(token, "alpha", gates, s);
          const eta = gateOf(token, "eta", gates, s);
          const G = mlpGradient(frozen, k, (read) => subtract(read, v));
          A = stepMlp(A, G, alpha, eta);
          put(y, [b, t, h], readMlp(linked(A), q));
        }
        put(final1, [b, h], A.W1);
        put(final2, [b, h], A.W2);
      });
      return { y, states: { W1: final1, W2: final2 } };
    },
  };
}

export const memora = memoraWith(16);
export const memoraByChannel = memoraWith(16, "by channel");
