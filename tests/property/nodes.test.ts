/** The nodes that are no operations: positions along an axis, and linear systems. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { gradient } from "../../compiler/derive/gradient.ts";
import { normalForm } from "../../compiler/derive/normal-form.ts";
import { simplify } from "../../compiler/derive/simplify.ts";
import { add, call, mul, renameAxes, solve, substitute, sumOver } from "../../compiler/math/algebra.ts";
import { type Axis, axisOf, dim, freshAxis } from "../../compiler/math/axis.ts";
import { domainOf } from "../../compiler/math/domain.ts";
import { evaluator } from "../../compiler/math/evaluate.ts";
import { constant, delta, type Expr, leaf, position, type Tensor } from "../../compiler/math/expr.ts";
import { POSITIVE, REAL } from "../../compiler/math/interval.ts";
import { printExpr } from "../../compiler/math/print.ts";
import { tex, unicode } from "../../compiler/math/style.ts";
import { slopeNearest } from "../support/slopes.ts";

const N = dim(["n"]);
const M = dim(["m"]);
const [i, j, r, c] = [axisOf(N, 0), axisOf(N, 1), axisOf(N, 2), axisOf(M)] as [Axis, Axis, Axis, Axis];
const tensor = (name: string, shape: Tensor["shape"], domain = REAL): Tensor => ({ name, shape, domain });
const K = tensor("K", [N, N]);
const l = tensor("lambda", [N], POSITIVE);
const q = tensor("q", [N]);
const Q = tensor("Q", [N, M]);
const G = tensor("G", [M, N]);
const slot = tensor("slot", []);

/** K Kᵀ + Diag(λ) over two axes. */
const system = (a: Axis, b: Axis): Expr => {
  const inner = freshAxis(N);
  const square = sumOver(mul(leaf(K, [a, inner]), leaf(K, [b, inner])), [inner]);
  return add(square, mul(leaf(l, [a]), delta(a, b)));
};
const n = 4;
const sizes = { n, m: 3 };
const value = (e: Expr, axes: readonly Axis[], data: ReadonlyMap<Tensor, Float64Array>): number[] => [
  ...(evaluator([{ expr: e, axes }], sizes)(data)[0] as Float64Array),
];
const numbers = (count: number, low: number) =>
  fc.array(fc.double({ min: low, max: 2, noNaN: true }), { minLength: count, maxLength: count });
const cases = fc.tuple(numbers(n * n, -2), numbers(n, 0.3), numbers(n * 3, -2), numbers(n, -2)).map(
  ([k, lambda, right, vector]) =>
    new Map([
      [K, Float64Array.from(k)],
      [l, Float64Array.from(lambda)],
      [Q, Float64Array.from(right)],
      [q, Float64Array.from(vector)],
    ]),
);

describe("a position along an axis", () => {
  test("is 0, 1, 2, … and never negative", () => {
    expect(value(position(i), [i], new Map())).toEqual([0, 1, 2, 3]);
    expect(domainOf(position(i)).low).toBe(0);
    expect(domainOf(position(axisOf(dim([], 5))))).toMatchObject({ low: 0, high: 4 });
  });

  test("is renamed with its axis, and bound by a sum", () => {
    expect(renameAxes(position(i), new Map([[i, j]]))).toBe(position(j));
    expect(sumOver(mul(position(i), leaf(q, [i])), [i])).toBe(sumOver(mul(position(j), leaf(q, [j])), [j]));
    expect(sumOver(mul(position(i), delta(i, j)), [i])).toBe(position(j));
    expect(value(sumOver(mul(position(i), delta(i, j)), [i]), [j], new Map())).toEqual([0, 1, 2, 3]);
  });

  test("prints as the letter of its axis", () => {
    const row = call("where", call("equal", position(i), leaf(slot, [])), leaf(q, [j]), leaf(K, [i, j]));
    expect(printExpr(row, [i, j], { style: unicode })).toBe("{q if i = slot, else K}");
    expect(printExpr(call("less", position(j), position(i)), [i, j], { style: unicode })).toBe("j < i");
    expect(printExpr(call("less", position(j), position(i)), [i, j], { style: tex })).toBe("j < i");
  });
});

describe("the solution of a system", () => {
  const x = (right: Expr, result: Axis): Expr => solve(i, j, system(i, j), right, result);

  test("solves it, for each of further axes", () => {
    fc.assert(
      fc.property(cases, (data) => {
        const made = sumOver(mul(system(r, i), renameAxes(x(leaf(Q, [j, c]), r), new Map([[r, i]]))), [i]);
        const back = value(made, [r, c], data);
        for (const [at, v] of back.entries())
          expect(v).toBeCloseTo((data.get(Q) as Float64Array)[at] as number, 8);
      }),
    );
  });

  test("is NaN where the matrix is not positive definite, and zero where the right-hand side is", () => {
    const e = solve(i, j, add(leaf(K, [i, j]), delta(i, j)), leaf(q, [j]), i);
    const data = (k: number, b: number) =>
      new Map([
        [K, new Float64Array(n * n).fill(k)],
        [q, new Float64Array(n).fill(b)],
      ]);
    expect(value(e, [i], data(-1, 1)).every(Number.isNaN)).toBe(true);
    expect(value(e, [i], data(1, 0))).toEqual([0, 0, 0, 0]);
    expect(solve(i, j, leaf(K, [i, j]), constant(0), i)).toBe(constant(0));
  });

  test("is one object up to the names of bound axes, and captures none", () => {
    const [a, b] = [freshAxis(N), freshAxis(N)];
    expect(solve(a, b, system(a, b), leaf(q, [b]), r)).toBe(x(leaf(q, [j]), r));
    // The result may be named as a bound axis was.
    expect(renameAxes(x(leaf(q, [j]), r), new Map([[r, i]]))).toBe(x(leaf(q, [j]), i));
    const twice = solve(i, j, system(i, j), x(leaf(q, [j]), j), i);
    const apart = solve(a, b, system(a, b), x(leaf(q, [j]), b), i);
    expect(twice).toBe(apart);
    // A value that brings an axis of its own: of each solution its own element.
    const over = substitute(x(leaf(q, [j]), i), (t, [at]) =>
      t === q ? mul(leaf(q, [at as Axis]), leaf(l, [i])) : undefined,
    );
    expect(over).toBe(mul(leaf(l, [i]), x(leaf(q, [j]), i)));
    fc.assert(
      fc.property(cases, (data) => {
        const table = solve(i, j, system(i, j), leaf(K, [j, r]), r);
        const diagonal = value(table, [r], data);
        const whole = value(solve(i, j, system(i, j), leaf(K, [j, i]), r), [r, i], data);
        for (const [at, v] of diagonal.entries()) expect(v).toBeCloseTo(whole[at * n + at] as number, 9);
      }),
      { numRuns: 20 },
    );
  });

  test("is linear in the right-hand side, and elementwise for a diagonal", () => {
    expect(x(mul(constant(3), leaf(slot, []), leaf(q, [j])), r)).toBe(
      mul(constant(3), leaf(slot, []), x(leaf(q, [j]), r)),
    );
    expect(solve(i, j, mul(leaf(l, [i]), delta(i, j)), leaf(q, [j]), r)).toBe(
      mul(
        leaf(q, [r]),
        call("exp", constant(0)),
        solve(i, j, mul(leaf(l, [j]), delta(i, j)), constant(1), r),
      ),
    );
  });

  test("keeps its value when it is simplified and in normal form", () => {
    const e = sumOver(mul(leaf(G, [c, r]), x(add(leaf(q, [j]), mul(constant(2), leaf(l, [j]))), r)), [r]);
    fc.assert(
      fc.property(cases, numbers(n * 3, -2), (data, g) => {
        const all = new Map(data).set(G, Float64Array.from(g));
        const wanted = value(e, [c], all);
        for (const f of [simplify(e), normalForm(e)])
          for (const [at, v] of value(f, [c], all).entries()) expect(v).toBeCloseTo(wanted[at] as number, 8);
      }),
      { numRuns: 50 },
    );
  });

  test("has the derivative of finite differences", () => {
    // A quadratic form over every solution, so that no adjoint is constant.
    const each = x(leaf(Q, [j, c]), r);
    const e = add(
      sumOver(mul(each, each), [r, c]),
      sumOver(mul(x(leaf(q, [j]), r), leaf(l, [r])), [r]),
      sumOver(mul(solve(i, j, system(i, j), constant(1), r), leaf(q, [r])), [r]),
    );
    const tensors = [K, l, q, Q];
    const gradients = gradient(e, tensors);
    fc.assert(
      fc.property(cases, fc.nat(), (data, seed) => {
        for (const t of tensors) {
          const shape = t.shape.map((d, k) => (t === K && k === 1 ? j : axisOf(d)));
          const got = value(gradients.get(t) as Expr, shape, data);
          const at = seed % got.length;
          const moved = (by: number): number => {
            const copy = Float64Array.from(data.get(t) as Float64Array);
            copy[at] = (copy[at] as number) + by;
            return value(e, [], new Map(data).set(t, copy))[0] as number;
          };
          const claim = got[at] as number;
          const wanted = slopeNearest(claim, moved);
          const scale = Math.max(1, Math.abs(wanted), Math.abs(moved(0)));
          expect(Math.abs(claim - wanted) / scale, t.name).toBeLessThan(1e-5);
        }
      }),
    );
  });

  test("prints in the usual notation", () => {
    const regular = add(leaf(K, [i, j]), mul(leaf(l, [i]), delta(i, j)));
    const e = solve(i, j, regular, leaf(q, [j]), r);
    expect(printExpr(e, [r], { style: unicode })).toBe("(K + Diag(λ))⁻¹ q");
    expect(printExpr(e, [r], { style: tex })).toBe(
      "\\left(K + \\operatorname{Diag}\\left(\\lambda\\right)\\right)^{-1}\\, q",
    );
    const y = sumOver(mul(leaf(G, [c, r]), e), [r]);
    expect(printExpr(y, [c], { style: unicode })).toBe("G (K + Diag(λ))⁻¹ q");
    const sum = solve(i, j, leaf(K, [i, j]), add(leaf(q, [j]), leaf(l, [j])), r);
    expect(printExpr(sum, [r], { style: unicode })).toBe("K⁻¹ (λ + q)");
  });
});
