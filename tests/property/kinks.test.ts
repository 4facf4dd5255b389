/** At kinks the derivatives are the values that are documented, and never NaN; the rule says where they are. */
import { describe, expect, test } from "vitest";
import { gradient } from "../../compiler/derive/gradient.ts";
import { simplify } from "../../compiler/derive/simplify.ts";
import { mul, sumOver } from "../../compiler/math/algebra.ts";
import { axesFor } from "../../compiler/math/axis.ts";
import { evaluator } from "../../compiler/math/evaluate.ts";
import { type Expr, leaf, type Tensor } from "../../compiler/math/expr.ts";
import type { Model } from "../../compiler/pipeline.ts";
import { modelOf } from "../support/specs.ts";

const withLoss = (loss: string): Model =>
  modelOf(`bias own(y, v) = ${loss}

model M {
  memory    matrix
  bias      own
  retention none
  algorithm gd(eta)
  gate eta > 0
}`);

/** dℓ/dy, and the derivative of its product with a vector of ones, where y = v + e. */
function slopes({ spec, rule }: Model, e: readonly number[]): { first: number[]; second: number[] } {
  const { y, v } = spec.bias;
  const axes = axesFor(y.shape);
  const { simple } = rule.error;
  const ones: Tensor = { name: "ones", shape: y.shape, domain: y.domain };
  const again = gradient(sumOver(mul(simple, leaf(ones, axes)), axes), [y]).get(y) as Expr;
  const sizes = { dk: 2, dv: e.length };
  const run = evaluator(
    [
      { expr: simple, axes },
      { expr: simplify(again), axes },
    ],
    sizes,
  );
  const [first, second] = run(
    new Map([
      [y, Float64Array.from(e)],
      [v, new Float64Array(e.length)],
      [ones, new Float64Array(e.length).fill(1)],
    ]),
  ) as [Float64Array, Float64Array];
  return { first: [...first], second: [...second] };
}

describe.each([
  ["a norm", "sqrt(sum((y - v)^2))", [0, 0, 0], [0.6, 0.8, 0]],
  ["a root of magnitudes", "sum(abs(y - v) ^ 0.5)", [0, 0, 0], [0.5 / 0.75 ** 0.5, 0.5, 0]],
  ["magnitudes", "sum(abs(y - v))", [0, 0, 0], [1, 1, 0]],
  ["a power of 1.5 of magnitudes", "sum(abs(y - v) ^ 1.5)", [0, 0, 0], [1.5 * 0.75 ** 0.5, 1.5, 0]],
  ["the larger of two", "sum(max(y - v, 0))", [1, 1, 1], [1, 1, 1]],
] as const)("%s", (_, loss, atZero, atE) => {
  const model = withLoss(loss);

  test("has the documented derivative at zero", () => {
    expect(slopes(model, [0, 0, 0]).first.map((x) => x + 0)).toEqual([...atZero]);
    for (const x of slopes(model, [0, 0, 0]).second) expect(Number.isFinite(x)).toBe(true);
  });

  test("has the usual one elsewhere", () => {
    const { first } = slopes(model, [0.75, 1, 0]);
    for (const [i, x] of atE.entries()) expect(first[i]).toBeCloseTo(x, 12);
  });

  test("is reported as a kink", () => {
    const { kinks } = model.rule;
    expect(kinks.length > 0 || loss.includes("1.5")).toBe(true);
  });
});

test("no kink is reported where there is none", () => {
  expect(withLoss("sum((y - v)^2)").rule.kinks).toEqual([]);
  expect(withLoss("sqrt(sum((y - v)^2) + 1)").rule.kinks).toEqual([]);
});
