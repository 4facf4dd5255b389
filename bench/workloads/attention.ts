import { dot, map, vectorOf } from "./loops.ts";
import type { Workload } from "./workload.ts";

const LANES = 64;

export const attention: Workload = {
  name: "attention",
  spec: "attention.miras",
  tileClass: "attention",
  lengths: [256, 1024, 4096],
  gates: {},
  flops: (T, d) => 2 * T * T * d,
  counted: "2 d T a token and head: half of all pairs, score 2 d, sum 2 d",
  exact({ T, d, tokens: { q, k, v } }) {
    const y = new Float64Array(T * d);
    for (let t = 0; t < T; t++) {
      const query = vectorOf(q, t, d);
      const scores = Float64Array.from(
        { length: t + 1 },
        (_, i) => dot(query, vectorOf(k, i, d)) / Math.sqrt(d),
      );
      const largest = scores.reduce((a, b) => Math.max(a, b));
      const weights = map(scores, (s) => Math.exp(s - largest));
      const total = weights.reduce((a, b) => a + b);
      const sum = y.subarray(t * d, (t + 1) * d);
      for (const [i, w] of weights.entries()) {
        const value = vectorOf(v, i, d);
        for (let j = 0; j < d; j++) sum[j] = (sum[j] as number) + (w / total) * (value[j] as number);
      }
    }
    return y;
  },
  naive: { file: "attention.wgsl", groups: (T) => Math.ceil(T / LANES) },
};
