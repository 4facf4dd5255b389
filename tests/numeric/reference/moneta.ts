import { type Matrix, map, subtract, times, type Vector } from "./algebra.ts";
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

/** The slope of Σ|e|³, e = y − v: 3 sign(e) e². */
export function monetaSlope(y: Vector, v: Vector): Vector {
  return map(subtract(y, v), (e) => 3 * Math.sign(e) * e ** 2);
}

/** What is read of an accumulator: A / (‖A‖₄² + 1e-6), ‖A‖₄ = (Σ A⁴)^(1/4) over the whole matrix. */
export function monetaLink(A: Matrix): Matrix {
  let sum = 0;
  for (const x of A.data) sum += x * x * x * x;
  return times(1 / (Math.sqrt(sum) + 1e-6), A);
}

const linked = ({ W1, W2 }: Mlp): Mlp => ({ W1: monetaLink(W1), W2: monetaLink(W2) });

/**
 * Moneta (arXiv 2504.13173) with p = 3 and q = 4: ℓ3 in the bias, ℓ4 in the retention.
 *
 *     G_t = ∂ Σ|read(k) − v|³ / ∂W at the W before the chunk
 *     A_t = α A_{t−1} − η G_t
 *     W_t = A_t / (‖A_t‖₄² + 1e-6)
 *     y_t = read(W_t, q)                 for each of the two matrices
 *
 * By channel, α and η multiply the rows of the first matrix and the columns of the second.
 *
 * The states W1 and W2 that are given and returned are the accumulators A.
 */
export function monetaWith(chunk: number, gates: GateShape = "one"): Reference {
  return {
    name: "moneta",
    ...(gates === "by channel" ? { model: "MonetaByChannel" } : {}),
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
    steady: { alpha: [0.99, 1], eta: [0, 0.1] },
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
          const G = mlpGradient(frozen, k, (read) => monetaSlope(read, v));
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

export const moneta = monetaWith(16);
export const monetaByChannel = monetaWith(16, "by channel");
