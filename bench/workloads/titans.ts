import { apply, applyTransposed, descend, given, learn, map, numberOf, vectorOf } from "./loops.ts";
import type { Workload } from "./workload.ts";

const CHUNK = 16;
const ROOT = Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715;
const EPSILON = 1e-6;

const tanhOf = (x: number): number => Math.tanh(ROOT * (x + CUBIC * x ** 3));
const gelu = (x: number): number => 0.5 * x * (1 + tanhOf(x));
const slope = (x: number): number =>
  0.5 * (1 + tanhOf(x)) + 0.5 * x * (1 - tanhOf(x) ** 2) * ROOT * (1 + 3 * CUBIC * x ** 2);
const mean = (x: Float64Array): number => x.reduce((sum, each) => sum + each, 0) / x.length;

function layernorm(z: Float64Array): { readonly normal: Float64Array; readonly deviation: number } {
  const centre = mean(z);
  const deviation = Math.sqrt(mean(map(z, (x) => (x - centre) ** 2)) + EPSILON);
  return { normal: map(z, (x) => (x - centre) / deviation), deviation };
}

/** x + layernorm(W1 gelu(W2 x)), with what the way back needs. */
function read(W1: Float64Array, W2: Float64Array, x: Float64Array) {
  const inner = apply(W2, x);
  const hidden = map(inner, gelu);
  const { normal, deviation } = layernorm(apply(W1, hidden));
  return { inner, hidden, normal, deviation, y: map(x, (each, i) => each + (normal[i] as number)) };
}

export const titans: Workload = {
  name: "titans",
  spec: "titans.miras",
  tileClass: "frozen, chunks of 16",
  lengths: [256, 1024, 4096, 16384],
  gates: { alpha: { range: [0.999, 1], keeps: true }, eta: { range: [0, 0.9] }, theta: { range: [0, 0.01] } },
  learned: { W1: (d) => 4 * d * d, W2: (d) => 4 * d * d },
  flops: (T, d) => 80 * T * d * d,
  counted:
    "80 d² a token and head, 10 for each of the 8 d² weights: forward 2, back 1, momentum 3, step 2, read 2",
  exact({ T, d, tokens: { q, k, v, alpha, eta, theta }, states }) {
    const W1 = given(states.W1).slice();
    const W2 = given(states.W2).slice();
    const S1 = new Float64Array(W1.length);
    const S2 = new Float64Array(W2.length);
    let frozen: readonly [Float64Array, Float64Array] = [W1, W2];
    const y = new Float64Array(T * d);
    for (let t = 0; t < T; t++) {
      if (t % CHUNK === 0) frozen = [W1.slice(), W2.slice()];
      const key = vectorOf(k, t, d);
      const value = vectorOf(v, t, d);
      const forward = read(...frozen, key);
      const { normal } = forward;
      const error = map(forward.y, (x, i) => x - (value[i] as number));
      const centre = mean(error);
      const along = mean(map(error, (e, i) => e * (normal[i] as number)));
      const dz = map(error, (e, i) => (e - centre - (normal[i] as number) * along) / forward.deviation);
      const back = applyTransposed(frozen[0], dz);
      const da = map(back, (b, i) => b * slope(forward.inner[i] as number));
      const rate = numberOf(theta, t);
      const momentum = numberOf(eta, t);
      learn(
        S1,
        momentum,
        map(dz, (x) => rate * x),
        forward.hidden,
      );
      learn(
        S2,
        momentum,
        map(da, (x) => rate * x),
        key,
      );
      descend(W1, numberOf(alpha, t), S1);
      descend(W2, numberOf(alpha, t), S2);
      y.set(read(W1, W2, vectorOf(q, t, d)).y, t * d);
    }
    return y;
  },
  naive: {
    file: "titans.wgsl",
    // W1, W2, their momentum, and both as they were at the chunk's start.
    record: { states: ["W1", "W2"], length: (d) => 24 * d * d },
  },
};
