/** Linear systems in kernels: a memory that is optimal for all tokens so far, by conjugate gradients. */
import { describe, expect, test } from "vitest";
import { targetFor } from "../../compiler/kernel/target.ts";
import { add, call, mul, solve, sumOver } from "../../compiler/math/algebra.ts";
import { type Axis, dim, freshAxis } from "../../compiler/math/axis.ts";
import { constant, delta, type Expr, extent, leaf, position } from "../../compiler/math/expr.ts";
import { compileKernel } from "../../compiler/pipeline.ts";
import { validateWgsl } from "../../runtime/node/adapter.ts";
import { type Drawn, drawn, handmade, type Made, randomRun } from "../support/rules.ts";
import { device } from "./device.ts";
import { compare, targets } from "./handmade.ts";

const [DK, DV] = [dim(["dk"]), dim(["dv"])];
const BOUND = 1e-5;
const at = (d: Drawn, ...index: readonly Axis[]): Expr => leaf(d.tensor, index);

interface Ranges {
  readonly alpha?: readonly [number, number];
  readonly lambda?: readonly [number, number];
}

/** G' = α G + β v kᵀ, K' = α K + β k kᵀ, y = G' (K' + Diag(λ))⁻¹ q. */
function optimal({ alpha: [a, b] = [0.9, 1], lambda: [c, d] = [0.5, 2] }: Ranges = {}): Made {
  const [q, k] = [drawn("q", [DK], -1, 1, true), drawn("k", [DK], -1, 1, true)];
  const v = drawn("v", [DV]);
  const [alpha, beta] = [drawn("alpha", [], a, b), drawn("beta", [], 0, 1)];
  const lambda = drawn("lambda", [DK], c, d);
  const [G, K] = [drawn("G", [DV, DK], 0, 0), drawn("K", [DK, DK], 0, 0)];
  const gain =
    (S: Drawn, left: Drawn) =>
    ([i, j]: readonly Axis[]) =>
      add(mul(at(alpha), at(S, i as Axis, j as Axis)), mul(at(beta), at(left, i as Axis), at(k, j as Axis)));
  return handmade({
    name: "optimal",
    tokens: [q, k, v, alpha, beta],
    parameters: [lambda],
    states: [
      { state: G, update: gain(G, v) },
      { state: K, update: gain(K, k) },
    ],
    output: (after, [i]) => {
      const [r, s, x] = [freshAxis(DK), freshAxis(DK), freshAxis(DK)];
      const matrix = add(after(K, [r, s]), mul(at(lambda, r), delta(r, s)));
      return sumOver(mul(after(G, [i as Axis, x]), solve(r, s, matrix, at(q, s), x)), [x]);
    },
    outputShape: [DV],
  });
}

describe.skipIf(!device).each(targets)("a linear system for every token, %s", (_, target) => {
  test.each([
    [16, 12],
    [60, 20],
    [64, 64],
    [128, 64],
  ])("agrees with the interpreter at dk = %d, dv = %d", { timeout: 300_000 }, async (dk, dv) => {
    for (const T of target.subgroups ? [0, 1, 63, 500] : [0, 1, 20]) {
      const extents = { B: 1, T, H: 2, sizes: { dk, dv } };
      const made = optimal();
      const { errors, compiling, running } = await compare(
        made,
        extents,
        randomRun(made, extents, dk + T),
        target,
      );
      if (process.env.MIRAS_SHOW)
        console.log(
          `dk = ${dk}, dv = ${dv}, T = ${T}: y ${errors.y?.toExponential(1)}, compiled in ${compiling.toFixed(0)} ms, ran ${running.toFixed(0)} ms`,
        );
      for (const [name, e] of Object.entries(errors))
        expect(e, `${name}, T = ${T}`).toBeLessThanOrEqual(BOUND);
    }
  });
});

const hard: readonly (readonly [string, Ranges])[] = [
  ["little regularised", { lambda: [1e-3, 1e-2] }],
  ["never forgetting", { alpha: [1, 1], lambda: [0.5, 2] }],
  ["hardly regularised", { alpha: [0.99, 1], lambda: [1e-5, 1e-4] }],
];

describe.skipIf(!device || !process.env.MIRAS_SHOW)("harder systems", () => {
  test.each(hard)("%s", { timeout: 300_000 }, async (name, ranges) => {
    const target = targets[0]?.[1];
    if (!target) return;
    const made = optimal(ranges);
    const extents = { B: 1, T: 500, H: 2, sizes: { dk: 64, dv: 64 } };
    const { errors, running } = await compare(made, extents, randomRun(made, extents, 3), target);
    console.log(`${name}: y ${errors.y?.toExponential(1)}, ran ${running.toFixed(0)} ms`);
  });
});

/**
 * Two systems, the one inside the other's right-hand side; a Gram matrix of a ring of keys that is never
 * written down; a state that is a solution; and two steps a token.
 */
function nested(): Made {
  const N = dim(["n"]);
  const [k, q] = [drawn("k", [DK]), drawn("q", [DK])];
  const lambda = drawn("lambda", [], 0.5, 2);
  const [R, W, slot] = [drawn("R", [N, DK]), drawn("W", [DK]), drawn("slot", [], 0, 0)];
  const gram = (ring: (s: Axis, i: Axis) => Expr) => (i: Axis, j: Axis) => {
    const s = freshAxis(N);
    return add(sumOver(mul(ring(s, i), ring(s, j)), [s]), mul(at(lambda), delta(i, j)));
  };
  const solution = (matrix: (i: Axis, j: Axis) => Expr, b: (j: Axis) => Expr, result: Axis): Expr => {
    const [i, j] = [freshAxis(DK), freshAxis(DK)];
    return solve(i, j, matrix(i, j), b(j), result);
  };
  return handmade({
    name: "nested",
    tokens: [q, lambda],
    stepwise: [k],
    steps: 2,
    states: [
      {
        state: R,
        update: ([s, j]) => {
          const here = call("equal", position(s as Axis), at(slot));
          return call("where", here, at(k, j as Axis), at(R, s as Axis, j as Axis));
        },
      },
      {
        state: W,
        update: ([i]) => {
          const before = gram((s, a) => at(R, s, a));
          const inner = (j: Axis): Expr =>
            solution(before, (a) => add(at(k, a), mul(constant(0.5), at(W, a))), j);
          return solution((a, b) => add(before(a, b), mul(at(q, a), at(q, b))), inner, i as Axis);
        },
      },
      {
        state: slot,
        update: () => {
          const next = add(at(slot), constant(1));
          return call("where", call("less", next, extent(N)), next, constant(0));
        },
      },
    ],
    output: (after, [i]) =>
      add(
        after(W, [i as Axis]),
        solution(
          gram((s, a) => after(R, [s, a])),
          (j) => at(q, j),
          i as Axis,
        ),
      ),
    outputShape: [DK],
  });
}

describe.skipIf(!device).each(targets)("systems in systems, %s", (_, target) => {
  test.each([
    [5, 7],
    [24, 40],
  ])("agree with the interpreter at dk = %d, n = %d", { timeout: 300_000 }, async (dk, n) => {
    const made = nested();
    const extents = { B: 2, T: 12, H: 2, sizes: { dk, n } };
    const { errors } = await compare(made, extents, randomRun(made, extents, 5), target, 5);
    for (const [name, e] of Object.entries(errors)) expect(e, name).toBeLessThanOrEqual(BOUND);
  });

  test("a right-hand side of zero, or a tiny one", { timeout: 300_000 }, async () => {
    const made = optimal();
    const extents = { B: 1, T: 9, H: 1, sizes: { dk: 20, dv: 6 } };
    for (const scale of [0, 1e-30]) {
      const run = randomRun(made, extents, 1);
      const q = (run.tokens.get("q") as Float64Array).map((v) => Math.fround(v * scale));
      const tokens = new Map(run.tokens).set("q", q);
      const { errors } = await compare(made, extents, { ...run, tokens }, target);
      expect(errors.y).toBeLessThanOrEqual(BOUND);
    }
  });
});

/** W = G (K + λ I)⁻¹ as a matrix, and a system for each of several penalties μ. */
function several(): Made {
  const M = dim(["m"]);
  const [q, k, v] = [drawn("q", [DK]), drawn("k", [DK], -1, 1, true), drawn("v", [DV])];
  const mu = drawn("mu", [M], 0.5, 2);
  const [K, W, s] = [drawn("K", [DK, DK], 0, 0), drawn("W", [DV, DK]), drawn("s", [])];
  const regular = (
    S: (i: Axis, j: Axis) => Expr,
    penalty: Expr,
    b: (j: Axis) => Expr,
    result: Axis,
  ): Expr => {
    const [i, j] = [freshAxis(DK), freshAxis(DK)];
    return solve(i, j, add(S(i, j), mul(penalty, delta(i, j))), b(j), result);
  };
  return handmade({
    name: "several",
    tokens: [q, k, v, mu],
    states: [
      {
        state: K,
        update: ([i, j]) => add(at(K, i as Axis, j as Axis), mul(at(k, i as Axis), at(k, j as Axis))),
      },
      {
        state: W,
        update: ([i, j]) =>
          regular(
            (a, b) => at(K, a, b),
            constant(1),
            (a) => add(at(W, i as Axis, a), mul(at(v, i as Axis), at(k, a))),
            j as Axis,
          ),
      },
      {
        state: s,
        update: () => {
          const [m, i] = [freshAxis(M), freshAxis(DK)];
          const x = regular(
            (a, b) => at(K, a, b),
            at(mu, m),
            (a) => at(q, a),
            i,
          );
          return sumOver(mul(x, at(k, i), at(mu, m)), [i, m]);
        },
      },
    ],
    output: (after, [i]) => {
      const j = freshAxis(DK);
      return add(sumOver(mul(after(W, [i as Axis, j]), at(q, j)), [j]), after(s, []));
    },
    outputShape: [DV],
  });
}

describe.skipIf(!device).each(targets)("several systems at once, %s", (_, target) => {
  test.each([
    [5, 3],
    [40, 21],
  ])("agree with the interpreter at dk = %d, dv = %d", { timeout: 300_000 }, async (dk, dv) => {
    const made = several();
    const extents = { B: 2, T: 12, H: 2, sizes: { dk, dv, m: 6 } };
    const { errors, compiling, running } = await compare(
      made,
      extents,
      randomRun(made, extents, 5),
      target,
      5,
    );
    if (process.env.MIRAS_SHOW) console.log(`several: y ${errors.y}, ${compiling + running} ms`);
    for (const [name, e] of Object.entries(errors)) expect(e, name).toBeLessThanOrEqual(BOUND);
  });
});

describe("kernels with a linear system", () => {
  test.each([undefined, 4, 8, 32])("are valid WGSL with subgroups of %s", async (subgroupSize) => {
    for (const made of [optimal(), nested(), several()]) {
      const target = targetFor({ subgroupSize, storageBuffers: 8, workgroupBytes: 16384 });
      const { wgsl } = compileKernel(made.rule, { dk: 24, dv: 33, n: 50, m: 9 }, target);
      expect(await validateWgsl(wgsl)).toEqual([]);
      expect(wgsl).toContain("until the residual is 1e-7");
    }
  });

  test("never write down a matrix that is a product", () => {
    const target = targetFor({ subgroupSize: 8, storageBuffers: 8, workgroupBytes: 16384 });
    expect(compileKernel(nested().rule, { dk: 24, n: 50 }, target).block.scratchStride).toBe(0);
  });
});
