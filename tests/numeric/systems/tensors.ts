/** Tensors of the references, for their tests: parts of them, and comparisons. */
import { expect } from "vitest";
import type { Case, Reference, Result, Tensor, Tensors } from "../reference/index.ts";

export function tensor(shape: readonly number[], values: readonly number[]): Tensor {
  expect(values.length).toBe(shape.reduce((count, extent) => count * extent, 1));
  return { shape, data: Float64Array.from(values) };
}

export function at(x: Float64Array, i: number): number {
  const value = x[i];
  if (value === undefined) throw new RangeError(`entry ${i} of ${x.length}`);
  return value;
}

export function get(tensors: Tensors, name: string): Tensor {
  const found = tensors[name];
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}

/** The largest difference, relative to the largest entry (or to 1, if that is larger). */
export function distance(actual: Float64Array, expected: Float64Array): number {
  expect(actual.length).toBe(expected.length);
  let size = 1;
  let worst = 0;
  expected.forEach((x, i) => {
    size = Math.max(size, Math.abs(x));
    const difference = Math.abs(x - at(actual, i));
    worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(worst, difference);
  });
  return worst / size;
}

export function expectClose(actual: Tensor, expected: Tensor, tolerance = 1e-13): void {
  expect(actual.shape).toEqual(expected.shape);
  expect(distance(actual.data, expected.data)).toBeLessThanOrEqual(tolerance);
}

export function expectSame(actual: Result, expected: Result, tolerance = 1e-13): void {
  expectClose(actual.y, expected.y, tolerance);
  expect(Object.keys(actual.states).sort()).toEqual(Object.keys(expected.states).sort());
  for (const name of Object.keys(expected.states)) {
    expectClose(get(actual.states, name), get(expected.states, name), tolerance);
  }
}

export function run(reference: Reference, { sizes, inputs, params, states }: Case): Result {
  return reference.run(sizes, inputs, params, states);
}

/** Tokens from … to − 1 of each input. */
export function slice(inputs: Tensors, from: number, to: number): Tensors {
  const result: Record<string, Tensor> = {};
  for (const [name, { shape, data }] of Object.entries(inputs)) {
    const [B = 0, T = 0, ...rest] = shape;
    const step = rest.reduce((count, extent) => count * extent, 1);
    const values: number[] = [];
    for (let b = 0; b < B; b++) values.push(...data.subarray((b * T + from) * step, (b * T + to) * step));
    result[name] = tensor([B, to - from, ...rest], values);
  }
  return result;
}
