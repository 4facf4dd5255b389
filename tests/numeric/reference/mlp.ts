import { add, apply, applyTransposed, type Matrix, map, multiply, outer, type Vector } from "./algebra.ts";
import { gelu, geluDerivative, layernorm, layernormGradient } from "./functions.ts";
import { state } from "./tensor.ts";
import type { Shapes, Sizes } from "./types.ts";

/** The memory of Titans, Moneta, Yaad and Memora: W1 [dv, 4 dk] after W2 [4 dk, dk], with dv = dk. */
export interface Mlp {
  readonly W1: Matrix;
  readonly W2: Matrix;
}

export function mlpStates(s: Sizes): Shapes {
  return { W1: state(s, s.dv, 4 * s.dk), W2: state(s, 4 * s.dk, s.dk) };
}

/** read(x) = x + layernorm(W1 gelu(W2 x)) */
export function readMlp({ W1, W2 }: Mlp, x: Vector): Vector {
  return add(x, layernorm(apply(W1, map(apply(W2, x), gelu))));
}

/** ∂ℓ(read(x))/∂W1 and ∂ℓ(read(x))/∂W2, where `slope` is dℓ/dy as a function of y = read(x). */
export function mlpGradient({ W1, W2 }: Mlp, x: Vector, slope: (y: Vector) => Vector): Mlp {
  // Forwards.
  const a = apply(W2, x);
  const hidden = map(a, gelu);
  const z = apply(W1, hidden);
  const y = add(x, layernorm(z));
  // Backwards.
  const dy = slope(y);
  const dz = layernormGradient(z, dy);
  const dhidden = applyTransposed(W1, dz);
  const da = multiply(dhidden, map(a, geluDerivative));
  return { W1: outer(dz, hidden), W2: outer(da, x) };
}
