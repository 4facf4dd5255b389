import { apply, learn, map, numberOf, vectorOf } from "./loops.ts";
import type { Workload } from "./workload.ts";

export const gatedDeltanet: Workload = {
  name: "gated_deltanet",
  spec: "gated_deltanet.miras",
  tileClass: "triangular",
  lengths: [256, 1024, 4096, 16384],
  gates: { alpha: { range: [0.95, 1], keeps: true }, beta: { range: [0, 1] } },
  flops: (T, d) => 7 * T * d * d,
  counted: "7 d² a token and head: error 2, decay 1, write 2, read 2",
  exact({ T, d, tokens: { q, k, v, alpha, beta } }) {
    const W = new Float64Array(d * d);
    const y = new Float64Array(T * d);
    for (let t = 0; t < T; t++) {
      const a = numberOf(alpha, t);
      const b = numberOf(beta, t);
      const key = vectorOf(k, t, d);
      const read = apply(W, key);
      const missing = map(vectorOf(v, t, d), (x, i) => b * (x - a * (read[i] as number)));
      learn(W, a, missing, key);
      y.set(
        map(apply(W, vectorOf(q, t, d)), (x) => x / Math.sqrt(d)),
        t * d,
      );
    }
    return y;
  },
  naive: { file: "gated_deltanet.wgsl" },
};
