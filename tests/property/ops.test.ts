/** Every operation by itself: its domain rule, its derivative, what it refuses, and its reductions' adjoints. */
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { gradient } from "../../compiler/derive/gradient.ts";
import { apply, mul, reduce, sumOver } from "../../compiler/math/algebra.ts";
import { axisOf, dim } from "../../compiler/math/axis.ts";
import { domainOf } from "../../compiler/math/domain.ts";
import { evaluator } from "../../compiler/math/evaluate.ts";
import { constant, type Expr, leaf, rawApply, type Tensor } from "../../compiler/math/expr.ts";
import { contains, type Interval, interval, point, REAL } from "../../compiler/math/interval.ts";
import type { Elementwise } from "../../compiler/math/node.ts";
import { elementwise, reductions } from "../../compiler/math/ops/index.ts";
import { fold } from "../support/expressions.ts";

const RUNS = Number(process.env.MIRAS_FUZZ_RUNS ?? 400);
vi.setConfig({ testTimeout: 20_000 + RUNS * 20 });

const number = fc.oneof(
  fc.constantFrom(-3, -1, -0.5, 0, 0.5, 1, 2),
  // A domain is one of real numbers: those so small that a power or a product of theirs underflows are left out.
  fc.double({ min: -6, max: 6, noNaN: true }).map((x) => (Math.abs(x) < 1e-12 ? 0 : x)),
);
const bound = fc.oneof({ weight: 4, arbitrary: number }, { weight: 1, arbitrary: fc.constant(Infinity) });

const domains: fc.Arbitrary<Interval> = fc
  .tuple(bound, bound, fc.boolean(), fc.boolean())
  .map(([a, b, openLow, openHigh]) => {
    const low = a === Infinity ? -Infinity : Math.min(a, b);
    const high = a === Infinity ? b : Math.max(a, b);
    return low === high ? point(low) : interval(low, high, openLow, openHigh);
  });

/** Points of an interval, near its ends and in between. */
const pointsOf = (a: Interval): number[] => {
  const low = Number.isFinite(a.low) ? a.low : Math.min(a.high, 0) - 5;
  const high = Number.isFinite(a.high) ? a.high : Math.max(a.low, 0) + 5;
  const inside = [0, 1e-6, 0.1, 0.37, 0.5, 0.81, 1 - 1e-6, 1].map((t) => low + (high - low) * t);
  return [...inside, 0, 1, -1].filter((x) => contains(a, x));
};

/** All choices of one number from each list. */
const choices = (lists: readonly (readonly number[])[]): number[][] =>
  lists.reduce<number[][]>((all, list) => all.flatMap((xs) => list.map((x) => [...xs, x])), [[]]);

const arity = (op: Elementwise): number => op.takes.length;

/** The points of the samples' ranges at which an operation is differentiated. */
const sampled = (op: Elementwise): fc.Arbitrary<number[]> =>
  fc.tuple(...op.samples.map(([low, high]) => fc.double({ min: low, max: high, noNaN: true })));

const tensorsFor = (op: Elementwise): Tensor[] =>
  op.samples.map(([low, high], i) => ({ name: `x${i}`, shape: [], domain: interval(low, high) }));

describe.each(elementwise)("$name", (op) => {
  test("declares what the tests need", () => {
    expect(op.samples.length).toBe(arity(op));
    expect(op.refuses?.(...op.samples.map(([low, high]) => interval(low, high)))).toBe(undefined);
  });

  test("takes values in its domain", () => {
    const conditions = fc.constantFrom(point(0), point(1), interval(0, 1));
    const args = fc.tuple(...op.takes.map((type) => (type === "bool" ? conditions : domains)));
    fc.assert(
      fc.property(args, (xs) => {
        if (op.refuses?.(...xs)) return;
        const { low, high, openLow, openHigh } = op.domain(...xs);
        expect(low).toBeLessThanOrEqual(high);
        for (const [i, type] of op.takes.entries()) {
          const only = type === "bool" ? [0, 1].filter((b) => contains(xs[i] as Interval, b)) : undefined;
          if (only?.length === 0) return;
        }
        const lists = xs.map((x, i) =>
          op.takes[i] === "bool" ? [0, 1].filter((b) => contains(x, b)) : pointsOf(x),
        );
        for (const point of choices(lists)) {
          const value = fold(op, point);
          // A pole, or what is beyond f64.
          if (!Number.isFinite(value)) continue;
          const slack = 1e-9 * Math.max(1, Math.abs(value));
          if (value < low - slack || value > high + slack) expect.fail(`${point} gives ${value}`);
          // A bound that is attained well inside the arguments' domains cannot be an open one.
          const isInside = point.every((v, i) => {
            const x = xs[i] as Interval;
            return x.low === x.high || (v > x.low + 0.05 && v < x.high - 0.05);
          });
          if (isInside && op.kink && ((value === low && openLow) || (value === high && openHigh))) {
            expect.fail(`${point} gives ${value}, which is excluded`);
          }
        }
      }),
      { numRuns: RUNS },
    );
  });

  test("is built with its value", () => {
    const tensors = tensorsFor(op);
    fc.assert(
      fc.property(sampled(op), fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }), (xs, fixed) => {
        const points = xs.map((x, i) => (op.takes[i] === "bool" ? Math.round(x) : x));
        const args = points.map((x, i) => (fixed[i] ? constant(x) : leaf(tensors[i] as Tensor, [])));
        const environment = new Map(tensors.map((t, i) => [t, Float64Array.of(points[i] as number)]));
        const built = apply(op, args);
        const [value] = evaluator([{ expr: built, axes: [] }], {})(environment)[0] as Float64Array;
        const wanted = fold(op, points);
        expect(Math.abs((value as number) - wanted)).toBeLessThanOrEqual(
          1e-12 * Math.max(1, Math.abs(wanted)),
        );
        const { low, high } = domainOf(built);
        expect(wanted).toBeGreaterThanOrEqual(low - 1e-9);
        expect(wanted).toBeLessThanOrEqual(high + 1e-9);
      }),
      { numRuns: RUNS },
    );
  });

  test.runIf(op.derivative)("has the derivative of finite differences", () => {
    const tensors = tensorsFor(op);
    const e = rawApply(
      op,
      tensors.map((t) => leaf(t, [])),
    );
    const numbers = tensors.filter((_, i) => op.takes[i] === "real");
    const gradients = gradient(e, numbers);
    const run = evaluator(
      numbers.map((t) => ({ expr: gradients.get(t) as Expr, axes: [] })),
      {},
    );
    fc.assert(
      fc.property(sampled(op), (xs) => {
        const points = xs.map((x, i) => (op.takes[i] === "bool" ? Math.round(x) : x));
        const got = run(new Map(tensors.map((t, i) => [t, Float64Array.of(points[i] as number)])));
        for (const [n, t] of numbers.entries()) {
          const i = tensors.indexOf(t);
          const at = (by: number): number =>
            fold(
              op,
              points.map((x, j) => (i === j ? x + by : x)),
            );
          const central = (h: number): number => (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
          const wanted = central(1e-4);
          const scale = Math.max(1, Math.abs(wanted), Math.abs(at(0)));
          // Over a kink or a jump the width of the step matters, and both sides differ.
          const [left, right] = [(at(0) - at(-1e-5)) / 1e-5, (at(1e-5) - at(0)) / 1e-5];
          if (Math.abs(central(2e-4) - wanted) > 1e-8 * scale || Math.abs(left - right) > 0.01 * scale)
            continue;
          expect(Math.abs((got[n]?.[0] as number) - wanted) / scale).toBeLessThan(1e-7);
        }
      }),
      { numRuns: RUNS },
    );
  });

  test.runIf(op.derivative)("has a finite derivative at zero, where it has a value and a kink", () => {
    // Base 0 and 1, all kinks of the operations there are: no derivative may be infinite or NaN at them.
    const tensors = op.samples.map(
      (_, i): Tensor => ({ name: `x${i}`, shape: [], domain: i === 0 ? interval(0, Infinity) : REAL }),
    );
    for (const exponent of [0.5, 1, 1.5, 2]) {
      const args = tensors.map((t, i) =>
        arity(op) === 2 && i === 1 && op.name === "pow" ? constant(exponent) : leaf(t, []),
      );
      const e = rawApply(op, args);
      if (op.refuses?.(...args.map(domainOf)) || !op.kink?.(...args.map(domainOf))) continue;
      const first = tensors[op.takes.indexOf("real")] as Tensor;
      const slope = gradient(e, [first]).get(first) as Expr;
      const environment = new Map(tensors.map((t) => [t, Float64Array.of(0)]));
      const [value] = evaluator([{ expr: slope, axes: [] }], {})(environment)[0] as Float64Array;
      expect(Number.isFinite(value), `${op.name} ${exponent}: ${value}`).toBe(true);
    }
  });

  test.runIf(op.derivative)("is linear where it says so", () => {
    for (const marked of choices(op.takes.map((type) => (type === "bool" ? [0] : [0, 1])))) {
      if (!marked.includes(1) || !op.linearIn(marked.map(Boolean))) continue;
      fc.assert(
        fc.property(sampled(op), sampled(op), number, (xs, ys, c) => {
          const fixed = xs.map((x, i) => (op.takes[i] === "bool" ? Math.round(x) : x));
          const part = (zs: readonly number[]): number =>
            fold(
              op,
              zs.map((z, i) => (marked[i] ? z : (fixed[i] as number))),
            );
          const both = xs.map((x, i) => x + c * (ys[i] as number));
          const wanted = part(xs) + c * part(ys);
          expect(Math.abs(part(both) - wanted)).toBeLessThan(
            1e-9 * Math.max(1, Math.abs(wanted), Math.abs(c) * 100),
          );
        }),
        { numRuns: 50 },
      );
    }
  });
});

describe.each(reductions)("$name", (op) => {
  const N = dim(["n"]);
  const i = axisOf(N);
  const x: Tensor = { name: "x", shape: [N], domain: REAL };
  const w: Tensor = { name: "w", shape: [], domain: REAL };
  const arrays = fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 1, maxLength: 5 });

  test("merges from its initial value, in any order", () => {
    fc.assert(
      fc.property(arrays, arrays, (a, b) => {
        const all = (xs: readonly number[]): number => xs.reduce((x, y) => op.merge(x, y), op.initial);
        const parts = op.merge(all(a), all(b));
        expect(Math.abs(all([...a, ...b]) - parts)).toBeLessThan(1e-12);
        expect(op.merge(op.initial, a[0] as number) - (a[0] as number)).toBe(0);
      }),
    );
  });

  test("takes values in its domain", () => {
    fc.assert(
      fc.property(domains, fc.nat(), (domain, seed) => {
        const points = pointsOf(domain);
        if (points.length === 0) return;
        const values = [0, 1, 2].map((n) => points[(seed + n * 7) % points.length] as number);
        const value = values.reduce((x, y) => op.merge(x, y), op.initial);
        const { low, high } = op.domain(domain);
        expect(value).toBeGreaterThanOrEqual(low - 1e-9);
        expect(value).toBeLessThanOrEqual(high + 1e-9);
      }),
    );
  });

  test("is known over a constant", () => {
    for (const n of [1, 4]) {
      const value = 0.7;
      const e = reduce(op, i, constant(value));
      const [got] = evaluator([{ expr: e, axes: [] }], { n })(new Map())[0] as Float64Array;
      expect(got).toBeCloseTo(
        Array<number>(n)
          .fill(value)
          .reduce((x, y) => op.merge(x, y), op.initial),
        12,
      );
    }
  });

  test("has the adjoint of finite differences", () => {
    // Σ of squares over the reduction, so that its adjoint is not a constant.
    const element = mul(leaf(x, [i]), leaf(x, [i]), leaf(w, []));
    const e = mul(reduce(op, i, element), reduce(op, i, leaf(x, [i])));
    const gradients = gradient(sumOver(e, []), [x, w]);
    fc.assert(
      fc.property(arrays, fc.double({ min: 0.2, max: 2, noNaN: true }), (xs, by) => {
        const sizes = { n: xs.length };
        const run = evaluator([{ expr: e, axes: [] }], sizes);
        const value = (data: readonly number[], c: number): number =>
          run(
            new Map([
              [x, Float64Array.from(data)],
              [w, Float64Array.of(c)],
            ]),
          )[0]?.[0] as number;
        const environment = new Map([
          [x, Float64Array.from(xs)],
          [w, Float64Array.of(by)],
        ]);
        const [gx, gw] = evaluator(
          [
            { expr: gradients.get(x) as Expr, axes: [i] },
            { expr: gradients.get(w) as Expr, axes: [] },
          ],
          sizes,
        )(environment) as [Float64Array, Float64Array];
        const h = 1e-6;
        const differ = (f: (h: number) => number): number | undefined => {
          const [left, right] = [(f(0) - f(-h)) / h, (f(h) - f(0)) / h];
          return Math.abs(left - right) > 1e-4 ? undefined : (f(h) - f(-h)) / (2 * h);
        };
        const wanted = xs.map((_, n) =>
          differ((d) =>
            value(
              xs.map((v, m) => (n === m ? v + d : v)),
              by,
            ),
          ),
        );
        for (const [n, v] of wanted.entries()) if (v !== undefined) expect(gx[n]).toBeCloseTo(v, 3);
        const inW = differ((d) => value(xs, by + d));
        if (inW !== undefined) expect(gw[0]).toBeCloseTo(inW, 3);
      }),
      { numRuns: RUNS },
    );
  });
});
