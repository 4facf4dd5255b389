import {
  add,
  apply,
  type Matrix,
  minus,
  multiply,
  outer,
  scale,
  subtract,
  times,
  type Vector,
} from "./algebra.ts";
import { layernorm, layernormGradient } from "./functions.ts";
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
import type { Reference } from "./types.ts";

export interface TttLinear {
  readonly W: Matrix;
  readonly b: Vector;
}

/** The layer norm's own weight and bias; they are not learned while reading. */
export interface Affine {
  readonly weight: Vector;
  readonly bias: Vector;
}

/** LN(W x + b) = weight ⊙ layernorm(W x + b) + bias */
export function tttLinearNormed({ W, b }: TttLinear, x: Vector, ln: Affine): Vector {
  return add(multiply(ln.weight, layernorm(add(apply(W, x), b))), ln.bias);
}

/** The gradient of ½‖LN(W k + b) − (v − k)‖² by W and b. */
export function tttLinearGradient(memory: TttLinear, k: Vector, v: Vector, ln: Affine): TttLinear {
  const z = add(apply(memory.W, k), memory.b);
  const e = subtract(tttLinearNormed(memory, k, ln), subtract(v, k));
  const dz = layernormGradient(z, multiply(ln.weight, e));
  return { W: outer(dz, k), b: dz };
}

/**
 * TTT-Linear (arXiv 2407.04620). The rate is that of the key's token.
 *
 *     G_t = ∂ ½‖LN(W k + b) − (v − k)‖² at the W, b before the chunk
 *     W_t = W_{t−1} − η G_t (W)
 *     b_t = b_{t−1} − η G_t (b)
 *     y_t = q + LN(W_t q + b_t)
 */
export function tttLinearWith(chunk: number): Reference {
  return {
    name: "ttt_linear",
    inputs: (s) => ({ q: token(s, s.dk), k: token(s, s.dk), v: token(s, s.dv), eta: token(s) }),
    params: (s) => ({ ln_weight: [s.H, s.dv], ln_bias: [s.H, s.dv] }),
    states: (s) => ({ W: state(s, s.dv, s.dk), b: state(s, s.dv) }),
    requires: { square: true },
    ranges: { eta: [0, 1], ln_weight: [0.5, 1.5], ln_bias: [-0.5, 0.5] },
    learned: ["W", "b"],
    chunk,
    unit: ["q", "k"],
    run(s, inputs, params, states) {
      const finalW = startLearned(states, "W", state(s, s.dv, s.dk));
      const finalB = startLearned(states, "b", state(s, s.dv));
      const y = zeros(token(s, s.dv));
      eachSequence(s, (batch, h) => {
        const ln = {
          weight: vectorAt(named(params, "ln_weight"), h),
          bias: vectorAt(named(params, "ln_bias"), h),
        };
        let W = matrixAt(finalW, batch, h);
        let b = vectorAt(finalB, batch, h);
        let frozen = { W, b };
        for (let t = 0; t < s.T; t++) {
          if (t % chunk === 0) frozen = { W, b };
          const token = tokenAt(inputs, batch, t, h);
          const q = token.vector("q");
          const k = token.vector("k");
          const v = token.vector("v");
          const eta = token.scalar("eta");
          const G = tttLinearGradient(frozen, k, v, ln);
          W = minus(W, times(eta, G.W));
          b = subtract(b, scale(eta, G.b));
          put(y, [batch, t, h], add(q, tttLinearNormed({ W, b }, q, ln)));
        }
        put(finalW, [batch, h], W);
        put(finalB, [batch, h], b);
      });
      return { y, states: { W: finalW, b: finalB } };
    },
  };
}

export const tttLinear = tttLinearWith(16);
