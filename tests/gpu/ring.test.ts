/** Memories that keep the last pairs themselves: long states of rank two, written one row at a time. */
import { describe, expect, test } from "vitest";
import { targetFor } from "../../compiler/kernel/target.ts";
import { add, call, div, mul, reduce, sub, sumOver } from "../../compiler/math/algebra.ts";
import { type Axis, dim, freshAxis } from "../../compiler/math/axis.ts";
import { constant, type Expr, extent, leaf, position } from "../../compiler/math/expr.ts";
import { maxOver } from "../../compiler/math/ops/index.ts";
import { compileKernel } from "../../compiler/pipeline.ts";
import { type Drawn, drawn, handmade, type Made, randomRun } from "../support/rules.ts";
import { device } from "./device.ts";
import { compare, targets } from "./handmade.ts";

const [N, DK, DV] = [dim(["n"]), dim(["dk"]), dim(["dv"])];
const at = (d: Drawn, ...index: readonly Axis[]): Expr => leaf(d.tensor, index);

/** y = Σ over the last n pairs of softmax(K q + log w) V, where w is 1 for a pair that is there and 0 before. */
function attention(): Made {
  const [q, k, v] = [drawn("q", [DK]), drawn("k", [DK]), drawn("v", [DV])];
  const gate = drawn("gate", [], 0.5, 1);
  const [K, V] = [drawn("K", [N, DK], 0, 0), drawn("V", [N, DV], 0, 0)];
  const [weight, slot] = [drawn("weight", [N], 0, 0), drawn("slot", [], 0, 0)];
  const here = (s: Axis): Expr => call("equal", position(s), at(slot));
  return handmade({
    name: "attention",
    tokens: [q, k, v, gate],
    states: [
      {
        state: K,
        update: ([s, j]) => call("where", here(s as Axis), at(k, j as Axis), at(K, s as Axis, j as Axis)),
      },
      {
        state: V,
        update: ([s, i]) => call("where", here(s as Axis), at(v, i as Axis), at(V, s as Axis, i as Axis)),
      },
      { state: weight, update: ([s]) => call("where", here(s as Axis), at(gate), at(weight, s as Axis)) },
      {
        state: slot,
        update: () => {
          const next = add(at(slot), constant(1));
          return call("where", call("less", next, extent(N)), next, constant(0));
        },
      },
    ],
    output: (after, [i]) => {
      const score = (s: Axis): Expr => {
        const j = freshAxis(DK);
        const product = sumOver(mul(after(K, [s, j]), at(q, j)), [j]);
        const isThere = call("less", constant(0), after(weight, [s]));
        return call("where", isThere, product, constant(-1e9));
      };
      const [s, r] = [freshAxis(N), freshAxis(N)];
      const largest = reduce(maxOver, r, score(r));
      const part = (x: Axis): Expr => mul(after(weight, [x]), call("exp", sub(score(x), largest)));
      const total = sumOver(part(r), [r]);
      return div(sumOver(mul(part(s), after(V, [s, i as Axis])), [s]), total);
    },
    outputShape: [DV],
  });
}

describe.skipIf(!device).each(targets)("softmax attention over a ring of pairs, %s", (_, target) => {
  test.each([
    [8, 5, 4, 20],
    [500, 64, 64, 30],
    [130, 33, 50, 140],
  ])(
    "agrees with the interpreter: n = %d, dk = %d, dv = %d, T = %d",
    { timeout: 300_000 },
    async (n, dk, dv, T) => {
      const made = attention();
      const extents = { B: 1, T: target.subgroups ? T : Math.min(T, 30), H: 2, sizes: { n, dk, dv } };
      const { errors, compiling, running } = await compare(
        made,
        extents,
        randomRun(made, extents, T),
        target,
      );
      if (process.env.MIRAS_SHOW)
        console.log(
          `n = ${n}, dk = ${dk}, dv = ${dv}, T = ${T}: y ${errors.y?.toExponential(1)}, compiled in ${compiling.toFixed(0)} ms, ran ${running.toFixed(0)} ms`,
        );
      for (const [name, e] of Object.entries(errors)) expect(e, name).toBeLessThanOrEqual(1e-5);
    },
  );
});

test("only the row of the new pair is written", () => {
  const target = targetFor({ subgroupSize: 8, storageBuffers: 8, workgroupBytes: 16384 });
  const { wgsl } = compileKernel(attention().rule, { n: 500, dk: 64, dv: 32 }, target);
  const stored = [...wgsl.matchAll(/^ *state\[(?<index>.*)\] = /gm)].map((m) => m.groups?.index ?? "");
  expect(stored.filter((index) => index.includes("row"))).toHaveLength(2);
  // The others are the vector of weights and the slot, when all is done.
  expect(stored).toHaveLength(4);
});
