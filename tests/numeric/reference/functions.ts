/** The functions inside the deep memories, each with its derivative written out by hand. */

import { at, dot, mean, type Vector, vector } from "./algebra.ts";

const root = Math.sqrt(2 / Math.PI);
const cubic = 0.044715;

/** gelu(x) = x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2 */
export function gelu(x: number): number {
  return 0.5 * x * (1 + Math.tanh(root * (x + cubic * x ** 3)));
}

export function geluDerivative(x: number): number {
  const tanh = Math.tanh(root * (x + cubic * x ** 3));
  const inside = root * (1 + 3 * cubic * x ** 2);
  return 0.5 * (1 + tanh) + 0.5 * x * (1 - tanh ** 2) * inside;
}

const epsilon = 1e-6;

/** √(var(z) + ε), with the variance over all entries (divided by their number). */
function deviation(z: Vector): number {
  const centre = mean(z);
  const centred = vector(z.length, (i) => at(z, i) - centre);
  return Math.sqrt(dot(centred, centred) / z.length + epsilon);
}

/** (z − mean) / √(var + ε) */
export function layernorm(z: Vector): Vector {
  const centre = mean(z);
  const sigma = deviation(z);
  return vector(z.length, (i) => (at(z, i) - centre) / sigma);
}

/**
 * From g = ∂ℓ/∂n, n = layernorm(z), to ∂ℓ/∂z = (g − mean(g) − n mean(g ⊙ n)) / √(var + ε).
 *
 * With c = z − mean and σ² = c·c/d + ε: n = c/σ, so dn = dc/σ − c (c·dc) / (d σ³), so
 * ∂ℓ/∂c = (g − n (g·n)/d) / σ; the centring takes off the mean, and the mean of n is 0.
 */
export function layernormGradient(z: Vector, g: Vector): Vector {
  const n = layernorm(z);
  const sigma = deviation(z);
  const meanOfG = mean(g);
  const along = dot(g, n) / z.length;
  return vector(z.length, (i) => (at(g, i) - meanOfG - at(n, i) * along) / sigma);
}
