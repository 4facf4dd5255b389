import { at, norm, subtract, type Vector, vector } from "./algebra.ts";
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

/**
 * Yaad's slope dℓ/dy: with e = y − v, in each channel i, eᵢ itself while ‖e‖ ≤ δᵢ, and δᵢ sign(eᵢ) beyond.
 * ‖e‖ is over all channels. sign(0) = 0.
 */
export function yaadSlope(y: Vector, v: Vector, delta: Vector): Vector {
  const e = subtract(y, v);
  const size = norm(e);
  return vector(e.length, (i) => (size <= at(delta, i) ? at(e, i) : at(delta, i) * Math.sign(at(e, i))));
}

/**
 * Yaad (arXiv 2504.13173): one switch for each token between the slope of ℓ2 and that of ℓ1.
 *
 *     G_t = (dℓ/dy) ∂ read(k) / ∂W at the W before the chunk
 *     W_t = α W_{t−1} − η G_t
 *     y_t = read(W_t, q)                 for each of W1 and W2
 *
 * By channel, α and η multiply the rows of W1 and the columns of W2, and each channel has a switch of its own.
 */
export function yaadWith(chunk: number, gates: GateShape = "one"): Reference {
  return {
    name: "yaad",
    ...(gates === "by channel" ? { model: "YaadByChannel" } : {}),
    inputs: (s) => ({
      q: token(s, s.dk),
      k: token(s, s.dk),
      v: token(s, s.dv),
      alpha: gateShape(s, gates),
      eta: gateShape(s, gates),
      delta: gateShape(s, gates),
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
        let W: Mlp = { W1: matrixAt(finalW1, b, h), W2: matrixAt(finalW2, b, h) };
        let frozen = W;
        for (let t = 0; t < s.T; t++) {
          if (t % chunk === 0) frozen = W;
          const token = tokenAt(inputs, b, t, h);
          const q = token.vector("q");
          const k = token.vector("k");
          const v = token.vector("v");
          const alpha = gateOf(token, "alpha", gates, s);
          const eta = gateOf(token, "eta", gates, s);
          const delta = gateOf(token, "delta", gates, s);
          const G = mlpGradient(frozen, k, (read) => yaadSlope(read, v, delta));
          W = stepMlp(W, G, alpha, eta);
          put(y, [b, t, h], readMlp(W, q));
        }
        put(finalW1, [b, h], W.W1);
        put(finalW2, [b, h], W.W2);
      });
      return { y, states: { W1: finalW1, W2: finalW2 } };
    },
  };
}

export const yaad = yaadWith(16);
export const yaadByChannel = yaadWith(16, "by channel");
