import {
  add,
  apply,
  applyTransposed,
  diagonalTimes,
  type Matrix,
  map,
  minus,
  multiply,
  outer,
  timesDiagonal,
  type Vector,
  vector,
} from "./algebra.ts";
import { gelu, geluDerivative, layernorm, layernormGradient } from "./functions.ts";
import { state, type Token, token } from "./tensor.ts";
import type { Shape, Shapes, Sizes } from "./types.ts";

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

/** Whether a token has one number of each gate, or one for each channel of a value. */
export type GateShape = "one" | "by channel";

export function gateShape(s: Sizes, shape: GateShape): Shape {
  return shape === "one" ? token(s) : token(s, s.dv);
}

/** A gate of a token, [dv]: one number stands for every channel. */
export function gateOf(given: Token, name: string, shape: GateShape, s: Sizes): Vector {
  if (shape === "by channel") return given.vector(name);
  const number = given.scalar(name);
  return vector(s.dv, () => number);
}

/**
 * keep ⊙ A − rate ⊙ G, where both are by channel. A channel is where an entry meets a value or a key, dv = dk: a row
 * of W1 [dv, 4 dk], Diag(keep) A1 − Diag(rate) G1, and a column of W2 [4 dk, dk], A2 Diag(keep) − G2 Diag(rate).
 */
export function stepMlp(A: Mlp, G: Mlp, keep: Vector, rate: Vector): Mlp {
  return {
    W1: minus(diagonalTimes(keep, A.W1), diagonalTimes(rate, G.W1)),
    W2: minus(timesDiagonal(A.W2, keep), timesDiagonal(G.W2, rate)),
  };
}
