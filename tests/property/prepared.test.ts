/** What forms are made of: the rule itself, with one product for several, and one quantity for all that run alike. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { interpret } from "../../compiler/derive/interpret.ts";
import { prepared } from "../../compiler/form/prepared.ts";
import { withJoinedProducts } from "../../compiler/form/products.ts";
import { isRunning } from "../../compiler/form/running.ts";
import { add, mul, sumOver } from "../../compiler/math/algebra.ts";
import { type Axis, axesFor, dim, freshAxis } from "../../compiler/math/axis.ts";
import { evaluator } from "../../compiler/math/evaluate.ts";
import { type Expr, leaf, postorder, type Tensor } from "../../compiler/math/expr.ts";
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
