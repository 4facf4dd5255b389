import {
  add,
  apply,
  applyTransposed,
  type Matrix,
  map,
  minus,
  multiply,
  outer,
  scale,
  subtract,
  times,
  type Vector,
} from "./algebra.ts";
import { gelu, geluDerivative, layernorm, layernormGradient } from "./functions.ts";
import {
  eachSequence,
  matrixAt,
  named,
  put,
  startLearned,
  state,
  token,
  tokenAt,
  vectorAt,
  zeros,
} from "./tensor.ts";
import type { Affine } from "./ttt_linear.ts";
import type { Reference } from "./types.ts";

/** W1 comes first here: W2 gelu(W1 x + b1) + b2. */
export interface TttMlp {
  readonly W1: Matrix;
  readonly b1: Vector;
  readonly W2: Matrix;
  readonly b2: Vector;
}

/** LN(W2 gelu(W1 x + b1) + b2) = weight ⊙ layernorm(…) + bias */
export function tttMlpNormed({ W1, b1, W2, b2 }: TttMlp, x: Vector, ln: Affine): Vector {
  const hidden = map(add(apply(W1, x), b1), gelu);
  const z = add(apply(W2, hidden), b2);
  return add(multiply(ln.weight, layernorm(z)), ln.bias);
}

/** The gradient of ½‖LN(W2 gelu(W1 k + b1) + b2) − (v − k)‖². */
export function tttMlpGradient(memory: TttMlp, k: Vector, v: Vector, ln: Affine): TttMlp {
  // Forwards.
  const a = add(apply(memory.W1, k), memory.b1);
  const hidden = map(a, gelu);
  const z = add(apply(memory.W2, hidden), memory.b2);
  const e = subtract(tttMlpNormed(memory, k, ln), subtract(v, k));
  // Backwards.
  const dz = layernormGradient(z, multiply(ln.weight, e));
  const dhidden = applyTransposed(memory.W2, dz);
  const da = multiply(dhidden, map(a, geluDerivative));
  return { W1: outer(da, k), b1: da, W2: outer(dz, hidden), b2: dz };
}

/**
 * TTT-MLP (arXiv 2407.04620). The rate is that of the key's token.
 *
 *     G_t = ∂ ½‖LN(W2 gelu(W1 k + b1) + b2) − (v − k)‖² at the weights before the chunk
 *     W_t = W_{t−1} − η G_t              for each of W1 [4 dk, dk], b1, W2 [dv, 4 dk], b2
 *     y_t = q + LN(W2 gelu(W1 q + b1) + b2)
 */
export function tttMlpWith(chunk: number): Reference {
  return {
    name: "ttt_mlp",
    inputs: (s) => ({ q: token(s, s.dk), k: token(s, s.dk), v: token(s, s.dv), eta: token(s) }),
    params: (s) => ({ ln_weight: [s.H, s.dv], ln_bias: [s.H, s.dv] }),
    states: (s) => ({
      W1: state(s, 4 * s.dk, s.dk),
      b1: state(s, 4 * s.dk),
      W2: state(s, s.dv, 4 * s.dk),
      b2: state(s, s.dv),
    }),
    requires: { square: true },
    ranges: { eta: [0, 1], ln_weight: [0.5, 1.5], ln_bias: [-0.5, 0.5] },
    learned: ["W1", "b1", "W2", "b2"],
    chunk,
    unit: ["q", "k"],
    run(s, inputs, params, states) {
      const finalW1 = startLearned(states, "W1", state(s, 4 * s.dk, s.dk));
      const finalB1 = startLearned(states, "b1", state(s, 4 * s.dk));
      const finalW2 = startLearned(states, "W2", state(s, s.dv, 4 * s.dk));
      const finalB2 = startLearned(states, "b2", state(s, s.dv));
      const y = zeros(token(s, s.dv));
      eachSequence(s, (b, h) => {
        const ln = {
          weight: vectorAt(named(params, "ln_weight"), h),
          bias: vectorAt(named(params, "ln_bias"), h),
        };
        let W1 = matrixAt(finalW1, b, h);
        let b1 = vectorAt(finalB1, b, h);
        let W2 = matrixAt(finalW2, b, h);
        let b2 = vectorAt(finalB2, b, h);
        let frozen = { W1, b1, W2, b2 };
        for (let t = 0; t < s.T; t++) {
          if (t % chunk === 0) frozen = { W1, b1, W2, b2 };
          const token = tokenAt(inputs, b, t, h);
          const q = token.vector("q");
          const k = token.vector("k");
          const v = token.vector("v");
          const eta = token.scalar("eta");
          const G = tttMlpGradient(frozen, k, v, ln);
          W1 = minus(W1, times(eta, G.W1));
          b1 = subtract(b1, scale(eta, G.b1));
          W2 = minus(W2, times(eta, G.W2));
          b2 = subtract(b2, scale(eta, G.b2));
          put(y, [b, t, h], add(q, tttMlpNormed({ W1, b1, W2, b2 }, q, ln)));
        }
        put(finalW1, [b, h], W1);
        put(finalB1, [b, h], b1);
        put(finalW2, [b, h], W2);
        put(finalB2, [b, h], b2);
      });
      return { y, states: { W1: finalW1, b1: finalB1, W2: finalW2, b2: finalB2 } };
    },
  };
}

export const tttMlp = tttMlpWith(16);
