import { add, apply, outer, plus, scale, times } from "./algebra.ts";
import { matrixMemory, named, scalarAt, state, token } from "./tensor.ts";
import type { Reference } from "./types.ts";

/**
 * Mamba-2, the SSD layer with a scalar decay (arXiv 2405.21060); q, k, v are its C, B, x.
 *
 *     W_t = α W_{t−1} + dt v kᵀ     α = exp(−dt a)
 *     y_t = W_t q + D v
 */
export const mamba2: Reference = {
  name: "mamba2",
  inputs: (s) => ({ q: token(s, s.dk), k: token(s, s.dk), v: token(s, s.dv), dt: token(s) }),
  params: (s) => ({ a: [s.H], D: [s.H] }),
  states: (s) => ({ W: state(s, s.dv, s.dk) }),
  ranges: { dt: [0, 2], a: [0, 4], D: [-2, 2] },
  learned: [],
  run: (s, inputs, params, states) =>
    matrixMemory(s, inputs, states, (before, token) => {
      const q = token.vector("q");
      const k = token.vector("k");
      const v = token.vector("v");
      const dt = token.scalar("dt");
      const a = scalarAt(named(params, "a"), token.h);
      const D = scalarAt(named(params, "D"), token.h);
      const W = plus(times(Math.exp(-dt * a), before), times(dt, outer(v, k)));
      return { W, y: add(apply(W, q), scale(D, v)) };
    }),
};
