/** Derivatives by differences, and losses to take them of. */
import { dot, type Vector } from "../reference/algebra.ts";

/** ∂f/∂x by central differences of fourth order; f reads x, which is put back. */
export function differences(x: Float64Array, f: () => number, step = 1e-3): Float64Array {
  return x.map((old, i) => {
    const value = (shift: number) => {
      x[i] = old + shift * step;
      const result = f();
      x[i] = old;
      return result;
    };
    return (8 * (value(1) - value(-1)) - (value(2) - value(-2))) / (12 * step);
  });
}

export const square = (e: Vector) => dot(e, e) / 2;
export const cube = (e: Vector) => e.reduce((sum, x) => sum + Math.abs(x) ** 3, 0);
