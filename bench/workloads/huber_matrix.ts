import { apply, learn, map, numberOf, vectorOf } from "./loops.ts";
import type { Workload } from "./workload.ts";

export const huberMatrix: Workload = {
  name: "huber_matrix",
  spec: "variants/huber_matrix.miras",
  tileClass: "substitution",
  lengths: [256, 1024, 4096, 16384],
  gates: { alpha: { range: [0.95, 1], keeps: true }, eta: { range: [0, 1] }, delta: { range: [0.1, 0.4] } },
  flops: (T, d) => 7 * T * d * d,
  counted: "7 d² a token and head: error 2, decay 1, write 2, read 2",
  exact({ T, d, tokens: { q, k, v, alpha, eta, delta } }) {
    const W = new Float64Array(d * d);
    const y = new Float64Array(T * d);
    for (let t = 0; t < T; t++) {
      const a = numberOf(alpha, t);
      const most = numberOf(delta, t);
      const rate = numberOf(eta, t);
      const key = vectorOf(k, t, d);
      const value = vectorOf(v, t, d);
      const step = map(apply(W, key), (read, i) => {
        const error = a * read - (value[i] as number);
        return -rate * Math.max(-most, Math.min(most, error));
      });
      learn(W, a, step, key);
      y.set(
        map(apply(W, vectorOf(q, t, d)), (x) => x / Math.sqrt(d)),
        t * d,
      );
    }
    return y;
  },
  naive: { file: "huber_matrix.wgsl" },
};
