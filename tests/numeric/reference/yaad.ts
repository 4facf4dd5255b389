import { map, minus, norm, subtract, times, type Vector } from "./algebra.ts";
import { mlpGradient, mlpStates, readMlp } from "./mlp.ts";
import { eachSequence, matrixAt, put, startLearned, state, token, tokenAt, zeros } from "./tensor.ts";
import type { Reference } from "./types.ts";

/** Yaad's slope dℓ/dy: with e = y − v, e itself while ‖e‖ ≤ δ, and δ sign(e) beyond. sign(0) = 0. */
export function yaadSlope(y: Vector, v: Vector, delta: number): Vector {
  const e = subtract(y, v);
  return norm(e) <= delta ? e : map(e, (x) => delta * Math.sign(x));
}

/**
 * Yaad (arXiv 2504.13173): one switch for each token between the slope of ℓ2 and that of ℓ1.
 *
 *     G_t = (dℓ/dy) ∂ read(k) / ∂W at the W before the chunk
 *     W_t = α W_{t−1} − η G_t
 *     y_t = read(W_t, q)                 for each of W1 and W2
 */
export function yaadWith(chunk: number): Reference {
  return {
    name: "yaad",
    inputs: (s) => ({
      q: token(s, s.dk),
      k: token(s, s.dk),
      v: token(s, s.dv),
      alpha: token(s),
      eta: token(s),
      delta: token(s),
    }),
    states: mlpStates,
    requires: { square: true },
    ranges: { alpha: [0, 1], eta: [0, 1], delta: [0.01, 24] },
    steady: { alpha: [0.999, 1], eta: [0, 0.001] },
    learned: ["W1", "W2"],
    chunk,
    unit: ["q", "k"],
    run(s, inputs, _params, states) {
      const finalW1 = startLearned(states, "W1", state(s, s.dv, 4 * s.dk));
      const finalW2 = startLearned(states, "W2", state(s, 4 * s.dk, s.dk));
      const y = zeros(token(s, s.dv));
      eachSequence(s, (b, h) => {
        let W1 = matrixAt(finalW1, b, h);
        let W2 = matrixAt(finalW2, b, h);
        let frozen = { W1, W2 };
        for (let t = 0; t < s.T; t++) {
          if (t % chunk === 0) frozen = { W1, W2 };
          const token = tokenAt(inputs, b, t, h);
          const q = token.vector("q");
          const k = token.vector("k");
          const v = token.vector("v");
          const alpha = token.scalar("alpha");
          const eta = token.scalar("eta");
          const delta = token.scalar("delta");
          const G = mlpGradient(frozen, k, (read) => yaadSlope(read, v, delta));
          W1 = minus(times(alpha, W1), times(eta, G.W1));
          W2 = minus(times(alpha, W2), times(eta, G.W2));
          put(y, [b, t, h], readMlp({ W1, W2 }, q));
        }
        put(finalW1, [b, h], W1);
        put(finalW2, [b, h], W2);
      });
      return { y, states: { W1: finalW1, W2: finalW2 } };
    },
  };
}

export const yaad = yaadWith(16);
