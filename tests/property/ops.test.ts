/** Every operation there is, by what it says of itself: value in its domain, derivative, reductions' adjoints. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pullBack } from "../../compiler/derive/gradient.ts";
import { apply, reduce } from "../../compiler/math/algebra.ts";
import { axesFor, dim } from "../../compiler/math/axis.ts";
import { evaluator } from "../../compiler/math/evaluate.ts";
import { constant, type Expr, leaf, type Tensor } from "../../compiler/math/expr.ts";
import { contains, interval, REAL } from "../../compiler/math/interval.ts";
import { elementwise, reductions } from "../../compiler/math/ops/index.ts";

const STEP = 1e-6;
/** A kink between the two points of a difference quotient makes it wrong: both sides must agree first. */
const SMOOTH = 1e-4;

const scalar = (name: string): Tensor => ({ name, shape: [], domain: REAL });
const evaluate = (e: Expr, tensors: readonly Tensor[], values: readonly number[]): number => {
  const run = evaluator([{ expr: e, axes: [] }], {});
  const [out] = run(new Map(tensors.map((t, i) => [t, Float64Array.of(values[i] as number)]))) as [
    Float64Array,
  ];
  return out[0] as number;
};

describe.each(elementwise.map((op) => [op.name, op] as const))("%s", (_, op) => {
  const arbitrary = fc.tuple(
    ...op.samples.map(([low, high], i) =>
      op.takes[i] === "bool"
        ? fc.constantFrom(0, 1)
        : fc
            .double({ min: low, max: high, noNaN: true, noDefaultInfinity: true })
            // Products of numbers that are all but zero underflow.
            .map((x) => (Math.abs(x) < 1e-9 ? 0 : x)),
    ),
  ) as fc.Arbitrary<number[]>;

  test("has its values in its domain", () => {
    fc.assert(
      fc.property(arbitrary, arbitrary, (a, b) => {
        const domains = a.map((x, i) => interval(Math.min(x, b[i] as number), Math.max(x, b[i] as number)));
        if (op.refuses?.(...domains)) return;
        const domain = op.domain(...domains);
        for (const at of [a, b, a.map((x, i) => (x + (b[i] as number)) / 2)]) {
          const args = at.map((x, i) => (op.takes[i] === "bool" ? Math.round(x) : x));
          const value = op.value(args[0] ?? 0, args[1] ?? 0, args[2] ?? 0);
          // Bounds are computed in floating point too.
          const slack = 1e-12 * Math.max(1, Math.abs(value));
          const holds =
            contains(domain, value) || contains(domain, value - slack) || contains(domain, value + slack);
          expect(holds, `${op.name}(${args}) = ${value}`).toBe(true);
        }
      }),
    );
  });

  if (!op.derivative) return;
  test("has the derivative that finite differences show", () => {
    const tensors = op.takes.map((_type, i) => scalar(`x${i}`));
    fc.assert(
      fc.property(arbitrary, (at) => {
        if (op.refuses?.(...at.map((x) => interval(x, x)))) return;
        const args = tensors.map((t, i) =>
          op.takes[i] === "bool"
            ? apply(compareOp, [constant(0), constant(at[i] === 1 ? 1 : 0)])
            : leaf(t, []),
        );
        const e = apply(op, args);
        const gradients = pullBack([[e, constant(1)]], tensors);
        for (const [i, t] of tensors.entries()) {
          if (op.takes[i] === "bool") continue;
          const shifted = (by: number): number =>
            evaluate(
              e,
              tensors,
              at.map((x, j) => (j === i ? x + by : x)),
            );
          const here = shifted(0);
          const [left, right] = [(here - shifted(-STEP)) / STEP, (shifted(STEP) - here) / STEP];
          if (![left, right].every(Number.isFinite)) continue;
          const jumps = op.kink !== undefined && Math.abs(left) > 0.1 / STEP;
          if (jumps || Math.abs(left - right) > SMOOTH * Math.max(1, Math.abs(left))) continue;
          const derived = evaluate(gradients.get(t) as Expr, tensors, at);
          expect(Math.abs(derived - (left + right) / 2), `∂/∂x${i} at ${at}`).toBeLessThanOrEqual(
            1e-4 * Math.max(1, Math.abs(derived)),
          );
        }
      }),
    );
  });
});

const compareOp = elementwise.find((op) => op.name === "less") as (typeof elementwise)[number];

describe.each(reductions.map((op) => [op.name, op] as const))("%s", (_, op) => {
  const n = dim(["n"]);
  const x: Tensor = { name: "x", shape: [n], domain: REAL };
  const [axis] = axesFor([n]) as [ReturnType<typeof axesFor>[number]];
  const reduced = reduce(op, axis, leaf(x, [axis]));

  test("has the adjoint that finite differences show", () => {
    const distinct = fc.uniqueArray(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 7 });
    fc.assert(
      fc.property(distinct, (numbers) => {
        const sizes = { n: numbers.length };
        const data = Float64Array.from(numbers, (v) => v / 7);
        const value = (d: Float64Array): number =>
          (
            evaluator([{ expr: reduced, axes: [] }], sizes)(new Map([[x, d]]))[0] as Float64Array
          )[0] as number;
        const adjoint = pullBack([[reduced, constant(1)]], [x]).get(x) as Expr;
        const [derived] = evaluator([{ expr: adjoint, axes: [axis] }], sizes)(new Map([[x, data]])) as [
          Float64Array,
        ];
        for (const i of data.keys()) {
          const moved = (by: number): Float64Array => data.map((v, j) => (j === i ? v + by : v));
          const quotient = (value(moved(STEP)) - value(moved(-STEP))) / (2 * STEP);
          expect(derived[i]).toBeCloseTo(quotient, 6);
        }
      }),
    );
  });
});
