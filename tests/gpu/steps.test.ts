/** Several gradient steps of one token, each with its own key, value and rate. */
import { describe, expect, test } from "vitest";
import { interpret } from "../../compiler/derive/interpret.ts";
import { add, call, mul, sub, sumOver } from "../../compiler/math/algebra.ts";
import { type axisOf, dim, freshAxis } from "../../compiler/math/axis.ts";
import { constant, type Expr, leaf, type Tensor } from "../../compiler/math/expr.ts";
import { type Drawn, drawn, handmade, type Made, randomRun, STEP } from "../support/rules.ts";
import { device } from "./device.ts";
import { compare, targets } from "./handmade.ts";

const [DK, DV] = [dim(["dk"]), dim(["dv"])];

/** W' = W + β (v − W k) kᵀ in every step, with a decay in the first one; y = q' W' and a trace of the steps. */
function deltaSteps(steps: number, read: "next" | "both" | "chunk"): Made {
  const q = drawn("q", [DK]);
  const alpha = drawn("alpha", [], 0.8, 1);
  const [k, v] = [drawn("k", [DK], -1, 1, true), drawn("v", [DV])];
  const beta = drawn("beta", [], 0, 1);
  const W = drawn("W", [DV, DK]);
  const W0: Tensor = { ...W.tensor, name: "W@chunk" };
  const count = drawn("count", [], 0, 1);
  const at = (d: Drawn, ...index: Parameters<typeof leaf>[1]): Expr => leaf(d.tensor, index);
  const product = (m: (i: typeof x) => Expr, d: Drawn, x = freshAxis(DK)): Expr =>
    sumOver(mul(m(x), at(d, x)), [x]);
  return handmade({
    name: "delta steps",
    tokens: [q, alpha],
    stepwise: [k, v, beta],
    steps,
    ...(read === "chunk" ? { chunk: 2 } : {}),
    states: [
      {
        state: W,
        ...(read === "chunk" ? { start: W0 } : {}),
        update: ([i, j]) => {
          const [row, column] = [i as ReturnType<typeof axisOf>, j as ReturnType<typeof axisOf>];
          const decay = call("where", call("equal", leaf(STEP, []), constant(0)), at(alpha), constant(1));
          const kept = (x: typeof row): Expr => mul(decay, at(W, row, x));
          const error = sub(at(v, row), product(read === "chunk" ? (x) => leaf(W0, [row, x]) : kept, k));
          return add(kept(column), mul(at(beta), error, at(k, column)));
        },
      },
      { state: count, update: () => add(at(count), mul(leaf(STEP, []), at(beta))) },
    ],
    output: (after, [i]) => {
      const row = i as ReturnType<typeof axisOf>;
      const now = product((x) => after(W, [row, x]), q);
      const counted = mul(now, call("tanh", after(count, [])));
      return read === "next"
        ? counted
        : add(
            counted,
            product((x) => at(W, row, x), q),
          );
    },
    outputShape: [DV],
  });
}

const sizes = { dk: 13, dv: 10 };

describe("several steps a token", () => {
  test("are turns of which the last gives the output", () => {
    const [B, T, H, n] = [2, 5, 2, 3];
    const many = deltaSteps(n, "both");
    const run = randomRun(many, { B, T, H, sizes }, 1);
    const { y, states } = interpret(many.rule, { B, T, H, sizes }, run);
    // The same with a token for every turn: what comes with a token is repeated, and outputs in between are left out.
    const one = { ...many.rule, spec: { ...many.rule.spec, steps: 1, numbers: [] } };
    const repeated = new Map(
      [...run.tokens].map(([name, x]) => {
        if (!["q", "alpha"].includes(name)) return [name, x] as const;
        const width = x.length / (B * T * H);
        return [
          name,
          Float64Array.from({ length: x.length * n }, (_, i) => {
            const [within, rest] = [i % (H * width), Math.floor(i / (H * width))];
            return x[Math.floor(rest / n) * H * width + within] as number;
          }),
        ] as const;
      }),
    );
    const numbered = {
      ...one,
      spec: {
        ...one.spec,
        inputs: [
          ...one.spec.inputs.map((i) => ({ ...i, each: "token" as const })),
          { tensor: STEP, each: "token" as const },
        ],
      },
    } as unknown as Made["rule"];
    const index = Float64Array.from({ length: B * T * n * H }, (_, i) => Math.floor(i / H) % n);
    const flat = interpret(
      numbered,
      { B, T: T * n, H, sizes },
      { ...run, tokens: new Map([...repeated, ["step", index]]) },
    );
    const width = sizes.dv;
    for (let b = 0; b < B; b++)
      for (let t = 0; t < T; t++) {
        const from = (b * T * n + t * n + n - 1) * H * width;
        expect([...y.subarray((b * T + t) * H * width, (b * T + t + 1) * H * width)]).toEqual([
          ...flat.y.subarray(from, from + H * width),
        ]);
      }
    expect(states).toEqual(flat.states);
  });

  describe.skipIf(!device).each(targets)("in a kernel with %s", (_, target) => {
    test.each([
      [2, "next", 13],
      [3, "both", 13],
      [4, "next", 40],
      [3, "chunk", 13],
    ] as const)("%d steps, reading %s, dk = %d", { timeout: 120_000 }, async (n, read, dk) => {
      const made = deltaSteps(n, read);
      for (const T of [0, 1, 7]) {
        const extents = { B: 2, T, H: 2, sizes: { dk, dv: dk === 13 ? 10 : 36 } };
        const { errors } = await compare(made, extents, randomRun(made, extents, T + n), target, 4);
        for (const [name, e] of Object.entries(errors)) expect(e, name).toBeLessThanOrEqual(1e-5);
      }
    });
  });
});
