import { add, dot, scale, type Vector } from "./algebra.ts";
import { eachSequence, put, token, tokenAt, zeros } from "./tensor.ts";
import type { Reference, Result, Sizes, Tensors } from "./types.ts";

/** Each query against the last `window` pairs, its own among them: softmax of q·k / √dk, then the mean of v. */
function attend(s: Sizes, inputs: Tensors, window: number): Result {
  const y = zeros(token(s, s.dv));
  eachSequence(s, (b, h) => {
    for (let t = 0; t < s.T; t++) {
      const q = tokenAt(inputs, b, t, h).vector("q");
      const scores: number[] = [];
      const values: Vector[] = [];
      for (let i = Math.max(0, t - window + 1); i <= t; i++) {
        const past = tokenAt(inputs, b, i, h);
        scores.push(dot(q, past.vector("k")) / Math.sqrt(s.dk));
        values.push(past.vector("v"));
      }
      const largest = Math.max(...scores);
      const weights = scores.map((score) => Math.exp(score - largest));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      let mean: Vector = new Float64Array(s.dv);
      values.forEach((v, i) => {
        mean = add(mean, scale((weights[i] ?? Number.NaN) / total, v));
      });
      put(y, [b, t, h], mean);
    }
  });
  return { y, states: {} };
}

/**
 * Causal softmax attention (arXiv 1706.03762). Its memory is all the pairs; no state is given or returned.
 *
 *     y_t = Σ_{i ≤ t} softmax_i(q_t · k_i / √dk) v_i
 */
export const attention: Reference = {
  name: "attention",
  inputs: (s) => ({ q: token(s, s.dk), k: token(s, s.dk), v: token(s, s.dv) }),
  states: () => ({}),
  ranges: {},
  learned: [],
  run: (s, inputs) => attend(s, inputs, Number.POSITIVE_INFINITY),
};

/** The same over the last `window` tokens only, t − window < i ≤ t (arXiv 2004.05150). */
export function slidingWindowAttentionOver(window: number): Reference {
  return { ...attention, name: "sliding_window_attention", run: (s, inputs) => attend(s, inputs, window) };
}
