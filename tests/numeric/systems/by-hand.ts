/** Two tokens that every system with one matrix is worked out for by hand. */
import { referenceFor, type Tensor } from "../reference/index.ts";
import { expectSame, tensor } from "./tensors.ts";

/*
 * One sequence, one head, dk = 4 (so that 1/√dk = ½), dv = 2:
 *
 *     W₀ = 1 0 0 2     q₀ = (2, 0, 2, 0)   k₀ = (1, 2, 0, 0)   v₀ = (3, −1)     v₀ k₀ᵀ =  3  6  0  0
 *          0 1 1 0                                                                       −1 −2  0  0
 *                      q₁ = (2, 4, 0, 2)   k₁ = (0, 1, 1, 0)   v₁ = (1, 2)      v₁ k₁ᵀ =  0  1  1  0
 *                                                                                         0  2  2  0
 *     W₀ k₀ = (1, 2)
 */
export const q = [2, 0, 2, 0, 2, 4, 0, 2];
export const k = [1, 2, 0, 0, 0, 1, 1, 0];
export const v = [3, -1, 1, 2];
const W0 = [1, 0, 0, 2, 0, 1, 1, 0];

interface ByHand {
  readonly T: number;
  /** Without the token and head dimensions: [value of token 0, value of token 1] or [channels of token 0, …]. */
  readonly inputs?: Record<string, readonly number[]>;
  readonly params?: Record<string, readonly number[]>;
  readonly y: readonly number[];
  readonly W: readonly number[];
}

export function byHand(name: string, { T, inputs = {}, params = {}, y, W }: ByHand): void {
  const reference = referenceFor(name);
  const sizes = { B: 1, T, H: 1, dk: 4, dv: 2 };
  const given: Record<string, Tensor> = {};
  for (const [input, shape] of Object.entries(reference.inputs(sizes))) {
    const values = inputs[input] ?? { q, k, v }[input];
    const count = shape.reduce((product, extent) => product * extent, 1);
    given[input] = tensor(shape, (values ?? []).slice(0, count));
  }
  const constants: Record<string, Tensor> = {};
  for (const [param, shape] of Object.entries(reference.params?.(sizes) ?? {})) {
    constants[param] = tensor(shape, params[param] ?? []);
  }
  const result = reference.run(sizes, given, constants, { W: tensor([1, 1, 2, 4], W0) });
  expectSame(result, {
    y: tensor([1, T, 1, 2], y),
    states: { W: tensor([1, 1, 2, 4], W) },
  });
}
