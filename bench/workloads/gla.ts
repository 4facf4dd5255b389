import { apply, learn, map, vectorOf } from "./loops.ts";
import type { Workload } from "./workload.ts";

export const gla: Workload = {
  name: "gla",
  spec: "gla.miras",
  tileClass: "associative",
  lengths: [256, 1024, 4096, 16384],
  gates: { alpha: { range: [0.95, 1], keeps: true, perChannel: true } },
  flops: (T, d) => 5 * T * d * d,
  counted: "5 d² a token and head: decay 1, write 2, read 2",
  exact({ T, d, tokens: { q, k, v, alpha } }) {
    const W = new Float64Array(d * d);
    const y = new Float64Array(T * d);
    for (let t = 0; t < T; t++) {
      learn(W, vectorOf(alpha, t, d), vectorOf(v, t, d), vectorOf(k, t, d));
      y.set(
        map(apply(W, vectorOf(q, t, d)), (x) => x / Math.sqrt(d)),
        t * d,
      );
    }
    return y;
  },
  naive: { file: "gla.wgsl" },
};
