import { minus, plus, subtract, times } from "./algebra.ts";
import { mlpGradient, mlpStates, readMlp } from "./mlp.ts";
import { eachSequence, matrixAt, put, start, startLearned, state, token, tokenAt, zeros } from "./tensor.ts";
import type { Reference } from "./types.ts";

/**
 * Titans, the long-term memory (arXiv 2501.00663): momentum and a decay, on ½‖read(k) − v‖². Its S has the
 * other sign there and its decay is 1 − α; `alpha` here is what is kept.
 *
 *     G_t = ∂ ½‖read(k) − v‖² at the W before the chunk
 *     S_t = η S_{t−1} + θ G_t
 *     W_t = α W_{t−1} − S_t
 *     y_t = read(W_t, q)                 for each of W1 and W2
 */
export function titansWith(chunk: number): Reference {
  return {
    name: "titans",
    inputs: (s) => ({
      q: token(s, s.dk),
      k: token(s, s.dk),
      v: token(s, s.dv),
      alpha: token(s),
      eta: token(s),
      theta: token(s),
    }),
    states: (s) => ({
      ...mlpStates(s),
      "S.W1": state(s, s.dv, 4 * s.dk),
      "S.W2": state(s, 4 * s.dk, s.dk),
    }),
    requires: { square: true },
    ranges: { alpha: [0, 1], eta: [0, 1], theta: [0, 1] },
    steady: { alpha: [0.99, 1], eta: [0, 0.9], theta: [0, 0.01] },
    learned: ["W1", "W2"],
    chunk,
    unit: ["q", "k"],
    run(s, inputs, _params, states) {
      const finalW1 = startLearned(states, "W1", state(s, s.dv, 4 * s.dk));
      const finalW2 = startLearned(states, "W2", state(s, 4 * s.dk, s.dk));
      const finalS1 = start(states, "S.W1", state(s, s.dv, 4 * s.dk));
      const finalS2 = start(states, "S.W2", state(s, 4 * s.dk, s.dk));
      const y = zeros(token(s, s.dv));
      eachSequence(s, (b, h) => {
        let W1 = matrixAt(finalW1, b, h);
        let W2 = matrixAt(finalW2, b, h);
        let S1 = matrixAt(finalS1, b, h);
        let S2 = matrixAt(finalS2, b, h);
        let frozen = { W1, W2 };
        for (let t = 0; t < s.T; t++) {
          if (t % chunk === 0) frozen = { W1, W2 };
          const token = tokenAt(inputs, b, t, h);
          const q = token.vector("q");
          const k = token.vector("k");
          const v = token.vector("v");
          const alpha = token.scalar("alpha");
          const eta = token.scalar("eta");
          const theta = token.scalar("theta");
          const G = mlpGradient(frozen, k, (read) => subtract(read, v));
          S1 = plus(times(eta, S1), times(theta, G.W1));
          S2 = plus(times(eta, S2), times(theta, G.W2));
          W1 = minus(times(alpha, W1), S1);
          W2 = minus(times(alpha, W2), S2);
          put(y, [b, t, h], readMlp({ W1, W2 }, q));
        }
        put(finalW1, [b, h], W1);
        put(finalW2, [b, h], W2);
        put(finalS1, [b, h], S1);
        put(finalS2, [b, h], S2);
      });
      return { y, states: { W1: finalW1, W2: finalW2, "S.W1": finalS1, "S.W2": finalS2 } };
    },
  };
}

export const titans = titansWith(16);
