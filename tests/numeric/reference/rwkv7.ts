import { apply, minus, multiply, outer, plus, timesDiagonal } from "./algebra.ts";
import { matrixMemory, state, token } from "./tensor.ts";
import type { Reference } from "./types.ts";

/**
 * RWKV-7 (arXiv 2503.14456); κ̂ is given, already of length 1, and k is its k̃.
 *
 *     W_t = W_{t−1} (Diag(w) − κ̂ (a ⊙ κ̂)ᵀ) + v kᵀ
 *     y_t = W_t q
 */
export const rwkv7: Reference = {
  name: "rwkv7",
  inputs: (s) => ({
    q: token(s, s.dk),
    k: token(s, s.dk),
    v: token(s, s.dv),
    w: token(s, s.dk),
    kappa: token(s, s.dk),
    a: token(s, s.dk),
  }),
  states: (s) => ({ W: state(s, s.dv, s.dk) }),
  ranges: { w: [0, 1], a: [0, 1] },
  learned: [],
  unit: ["kappa"],
  run: (s, inputs, _params, states) =>
    matrixMemory(s, inputs, states, (before, token) => {
      const q = token.vector("q");
      const k = token.vector("k");
      const v = token.vector("v");
      const w = token.vector("w");
      const kappa = token.vector("kappa");
      const a = token.vector("a");
      const kept = timesDiagonal(before, w);
      const removed = outer(apply(before, kappa), multiply(a, kappa));
      const W = plus(minus(kept, removed), outer(v, k));
      return { W, y: apply(W, q) };
    }),
};
