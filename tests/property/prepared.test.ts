/**
 * What forms are made of: the rule itself, with one product for several, averages about a mean, and one quantity for all that
 * run alike.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { interpret } from "../../compiler/derive/interpret.ts";
import { withCentredAverages } from "../../compiler/form/averages.ts";
import { prepared } from "../../compiler/form/prepared.ts";
import { withJoinedProducts } from "../../compiler/form/products.ts";
import { isRunning } from "../../compiler/form/running.ts";
import { add, call, div, mul, sub, sumOver } from "../../compiler/math/algebra.ts";
import { type Axis, axesFor, dim, freshAxis } from "../../compiler/math/axis.ts";
import { evaluator } from "../../compiler/math/evaluate.ts";
import { constant, type Expr, extent, leaf, postorder, type Tensor } from "../../compiler/math/expr.ts";
import { REAL } from "../../compiler/math/interval.ts";
import { errorRatio } from "../support/compare.ts";
import { sequenceOf } from "../support/sequences.ts";
import { sizesOf, tiled } from "../support/tiles.ts";

const BOUND = 1e-10;

describe.each(tiled)("$name", ({ model, form, ranges }) => {
  test("is the same rule once it is prepared", () => {
    const rule = prepared(model.rule);
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 0, max: 20 }), (seed, T) => {
        const given = { B: 1, T, H: 2, sizes: sizesOf(model, 4, 5) };
        const { extents, run } = sequenceOf(model, given, seed, { ranges: ranges(100) });
        const [got, want] = [interpret(rule, extents, run), interpret(model.rule, extents, run)];
        expect(errorRatio(got.y, want.y)).toBeLessThanOrEqual(BOUND);
        for (const [name, x] of want.states)
          expect(errorRatio(got.states.get(name) ?? [], x), name).toBeLessThanOrEqual(BOUND);
      }),
      { numRuns: 5 },
    );
  });

  test("has no two quantities that run alike", () => {
    const running = form.phases.flatMap((p) => p.quantities).filter(isRunning);
    const alike = running.map((q) => `${q.value.serial} ${q.before.start}`);
    expect(new Set(alike).size).toBe(running.length);
  });
});

describe("products with one matrix", () => {
  const [rows, columns] = [dim(["n"]), dim(["m"])];
  const tensor = (name: string, shape: Tensor["shape"]): Tensor => ({ name, shape, domain: REAL });
  const [W, V] = [tensor("W", [rows, columns]), tensor("V", [rows, columns])];
  const [x, y] = [tensor("x", [columns]), tensor("y", [columns])];
  const [s, z] = [tensor("s", []), tensor("z", [rows])];
  const [i] = axesFor([rows]) as [Axis];
  const times = (w: Tensor, v: Tensor): Expr => {
    const j = freshAxis(columns);
    return sumOver(mul(leaf(w, [i, j]), leaf(v, [j])), [j]);
  };
  const total = (t: Tensor): Expr => {
    const j = freshAxis(columns);
    return sumOver(leaf(t, [j]), [j]);
  };
  const products = (e: Expr): number =>
    postorder([e]).filter((n) => n.kind === "reduce" && n.axes.includes(i)).length;

  const given = new Map<Tensor, Float64Array>(
    [W, V, x, y, s, z].map((t, n) => [
      t,
      Float64Array.from({ length: 6 }, (_, k) => Math.sin(1 + n + 3 * k)),
    ]),
  );
  const value = (e: Expr): ArrayLike<number> =>
    evaluator([{ expr: e, axes: [i] }], { n: 3, m: 2 })(
      new Map(
        [...given].map(([t, v]) => [
          t,
          v.slice(0, t.shape.length === 2 ? 6 : t.shape[0] === rows ? 3 : t.shape.length === 0 ? 1 : 2),
        ]),
      ),
    )[0] as Float64Array;

  test.each([
    ["W x + W y", add(times(W, x), times(W, y)), 1],
    ["(Σ y) W x + W y", add(mul(total(y), times(W, x)), times(W, y)), 1],
    ["W x + V x: two matrices", add(times(W, x), times(V, x)), 2],
    ["s W x + W y: s might come later than x and y", add(mul(leaf(s, []), times(W, x)), times(W, y)), 2],
    ["z ⊙ W x + W y: each row has another factor", add(mul(leaf(z, [i]), times(W, x)), times(W, y)), 2],
  ] as const)("%s", (_, e, count) => {
    const joined = withJoinedProducts(e);
    expect(products(joined)).toBe(count);
    expect(errorRatio(value(joined), value(e))).toBeLessThanOrEqual(BOUND);
  });
});

describe("averages of which only the differences count", () => {
  const [rows, columns] = [dim(["n"]), dim(["m"])];
  const tensor = (name: string, shape: Tensor["shape"]): Tensor => ({ name, shape, domain: REAL });
  const [A, x] = [tensor("A", [rows, columns]), tensor("x", [columns])];
  const [b, c, d] = [tensor("b", [rows]), tensor("c", []), tensor("d", [columns])];
  const [i] = axesFor([rows]) as [Axis];
  const weights = (j: Axis): Expr => call("exp", leaf(A, [i, j]));
  const weighed = (of: (j: Axis) => Expr): Expr => {
    const j = freshAxis(columns);
    return sumOver(mul(weights(j), of(j)), [j]);
  };
  const total = weighed(() => constant(1));
  const averageOf = (of: (j: Axis) => Expr): Expr => div(weighed(of), total);
  const average = averageOf((j) => leaf(x, [j]));
  const lessMean = (e: Expr): Expr => sub(e, div(sumOver(e, [i]), extent(rows)));
  /** In f64, with the same added to all that is averaged. */
  const value = (e: Expr, added: number): ArrayLike<number> => {
    const random = (n: number, seed: number): Float64Array =>
      Float64Array.from({ length: n }, (_, k) => Math.sin(seed + 3 * k));
    // Of few digits, so that what is added rounds nothing.
    const short = (v: Float64Array): Float64Array => v.map((each) => Math.round(1024 * each) / 1024);
    const given = new Map([
      [A, random(20, 1).map((w) => w / 64)],
      [x, short(random(5, 2)).map((v) => v + added)],
      [b, random(4, 3)],
      [c, Float64Array.of(0.5)],
      [d, short(random(5, 4))],
    ]);
    return evaluator([{ expr: e, axes: [i] }], { n: 4, m: 5 })(given)[0] as Float64Array;
  };

  test.each([
    ["P", average],
    ["c P", mul(leaf(c, []), average)],
    ["P + b", add(average, leaf(b, [i]))],
    ["P of x + d", averageOf((j) => add(leaf(x, [j]), leaf(d, [j])))],
  ])("%s less its mean does not feel what all have", (_, e) => {
    const centred = withCentredAverages(lessMean(e));
    const want = value(lessMean(e), 0);
    expect(errorRatio(value(centred, 0), want)).toBeLessThanOrEqual(BOUND);
    expect(errorRatio(value(centred, 2 ** 40), want)).toBeLessThanOrEqual(BOUND);
    expect(errorRatio(value(lessMean(e), 2 ** 40), want)).toBeGreaterThan(1e-4);
  });

  test.each([
    ["P itself", average],
    ["a sum without its weights' total", lessMean(mul(total, average))],
    ["b ⊙ P: each average has another factor", lessMean(mul(leaf(b, [i]), average))],
    ["what is about its mean already", withCentredAverages(lessMean(average))],
  ])("%s stays as it is", (_, e) => {
    expect(withCentredAverages(e)).toBe(e);
  });
});
