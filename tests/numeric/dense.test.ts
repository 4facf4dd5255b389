/** Dense kernels without a GPU: a device that checks everything takes them, and they are what they should be. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lookupOf, withLookups } from "../../compiler/dense/lookup.ts";
import type { Block, Stmt } from "../../compiler/kernel/block.ts";
import { DEFAULT_FACTS, type Target, targetFor } from "../../compiler/kernel/target.ts";
import { add, call, mul, rebuild, renameAxes, square, sub } from "../../compiler/math/algebra.ts";
import { axesFor, axisOf, dim } from "../../compiler/math/axis.ts";
import { constant, leaf, position } from "../../compiler/math/expr.ts";
import { InternalError } from "../../compiler/source/diagnostic.ts";
import { define, expected, type Graph, lowered, problems, tensor } from "../support/dense.ts";
import {
  graphs,
  inPlace,
  lookups,
  many,
  products,
  rows,
  systems,
  total,
  where,
} from "../support/dense-graphs.ts";
import { network } from "../support/dense-network.ts";
import { build, programs } from "../support/expressions.ts";

const facts = { ...DEFAULT_FACTS, workgroupBytes: 16384 };
const targets: readonly (readonly [string, Target])[] = [
  ["narrow subgroups", targetFor({ ...facts, subgroupSize: 8 })],
  ["wide subgroups", targetFor({ ...facts, subgroupSize: 32 })],
  ["no subgroups", targetFor(facts)],
];
const narrow = targetFor({ ...facts, subgroupSize: 8 });
const SIZES = { B: 2, T: 33, D: 40, F: 24, V: 131, J: 4 };

const size = fc.constantFrom(1, 2, 7, 16, 33, 64, 100);
const sizes = fc.record({
  B: fc.constantFrom(1, 3),
  T: size,
  D: size,
  F: size,
  V: size,
  J: fc.constantFrom(1, 4, 9),
});

describe.each(targets)("%s", (_, target) => {
  test.each(graphs)("$name is valid", async ({ graph }) => {
    const property = fc.asyncProperty(sizes, async (s) => {
      expect(await problems(graph(s, 1), target)).toEqual([]);
    });
    await fc.assert(property, { numRuns: 4 });
  });

  test("a network is valid", async () => {
    const small = { B: 2, T: 9, width: 12, hidden: 20, vocabulary: 37 };
    expect(await problems(network(2, small, 1).graph, target)).toEqual([]);
  });

  test("whatever can be written is valid", { timeout: 300_000 }, async () => {
    const property = fc.asyncProperty(programs(), fc.constantFrom(1, 4, 9), async (program, m) => {
      const made = build(program);
      if (!made) return;
      const { expr } = made;
      const out = tensor(
        "out",
        expr.axes.map((a) => a.dim),
      );
      const value = renameAxes(
        expr,
        new Map(expr.axes.map((a, n) => [a, axesFor(out.shape)[n] as typeof a])),
      );
      const graph = {
        definitions: [define(out, value)],
        kept: [out],
        sizes: { m, n: 12 },
        inputs: new Map(),
      };
      expect(await problems(graph, target)).toEqual([]);
    });
    await fc.assert(property, { numRuns: 60, interruptAfterTimeLimit: 100_000 });
  });

  test("no kernel needs more than there is", () => {
    for (const { graph } of graphs)
      for (const { block, groups } of lowered(graph(SIZES, 1), target)) {
        expect(block.bindings.length).toBeLessThanOrEqual(target.storageBuffers);
        expect(block.workgroup.reduce((n, w) => n + 4 * w.length, 0)).toBeLessThanOrEqual(
          target.workgroupBytes,
        );
        expect(block.lanes).toBeLessThanOrEqual(256);
        expect(Math.max(...groups)).toBeLessThanOrEqual(65535);
      }
  });
});

const loopsOf = (body: readonly Stmt[]): Stmt[] =>
  body.flatMap((s) => ("body" in s ? [...(s.kind === "loop" ? [s] : []), ...loopsOf(s.body)] : []));

const blocksOf = (graph: Graph): Block[] => lowered(graph, narrow).map((k) => k.block);

describe("what they are", () => {
  test.each(products.filter((p) => !/vector|prologue|two/.test(p.name)))(
    "$name is one product",
    ({ name, graph }) => {
      const blocks = blocksOf(graph(SIZES, 1));
      // The scale of a row is a result of its own.
      expect(blocks.length).toBe(name === "scaled rows" ? 2 : 1);
      expect(blocks.at(-1)?.subgroups).toBe(true);
      expect(blocks.at(-1)?.body.some((s) => s.kind === "variable" && s.wide)).toBe(true);
    },
  );

  test.each(lookups.filter((l) => !/gradient|convolution/.test(l.name)))(
    "$name takes no loop",
    ({ graph }) => {
      const blocks = blocksOf(graph(SIZES, 1));
      expect(blocks.length).toBe(1);
      // One loop over the elements that a lane computes.
      expect(loopsOf(blocks[0]?.body ?? []).length).toBe(1);
    },
  );

  test.each(rows.filter((r) => /rmsnorm|softmax|log-sum-exp|centred/.test(r.name)))(
    "$name is one kernel",
    ({ graph }) => {
      expect(blocksOf(graph(SIZES, 1)).length).toBe(1);
    },
  );

  test("a long sum to a scalar is done in parts", () => {
    const loss = rows.find((r) => r.name === "loss");
    const blocks = blocksOf(loss?.graph({ ...SIZES, T: 1000, D: 128 }, 1) as Graph);
    expect(blocks.length).toBe(2);
  });

  test("three tensors in place are one kernel of five bindings", () => {
    const [block, ...others] = blocksOf(inPlace.graph(SIZES, 1));
    expect(others).toEqual([]);
    expect(block?.bindings.map((b) => b.access).sort()).toEqual([
      "read",
      "read",
      "read_write",
      "read_write",
      "read_write",
    ]);
  });

  test.each([
    ["one matrix for the systems of all tokens", 1],
    ["two definitions of one system", 1],
    ["a system of systems", 3],
  ])("%s: each system has one kernel", (name, count) => {
    const blocks = blocksOf(systems.find((s) => s.name === name)?.graph(SIZES, 1) as Graph);
    const stops = (body: readonly Stmt[]): boolean =>
      body.some((s) => s.kind === "stop" || ("body" in s && stops(s.body)));
    expect(blocks.filter((b) => stops(b.body)).length).toBe(count);
  });

  test("tensors that do not fit into one kernel are brought together", () => {
    expect(blocksOf(many.graph(SIZES, 1)).length).toBeGreaterThan(1);
  });

  test("kernels of all layers have one text", () => {
    const big = { B: 12, T: 64, width: 128, hidden: 256, vocabulary: 65 };
    const few = blocksOf(network(2, big, 1).graph).length;
    const more = blocksOf(network(3, big, 1).graph).length;
    expect(more).toBeGreaterThan(few);
  });
});

const N = dim(["n"]);
const M = dim(["m"]);
const [i, j, k] = [axisOf(N, 0), axisOf(N, 1), axisOf(M, 0)];
const x = tensor("x", [N]);
const y = tensor("y", [N]);

describe("lookups", () => {
  const at = (c: Parameters<typeof where>[0]) => lookupOf(total(where(c, leaf(x, [j])), j));
  test("are solved for the position, as it is or negated", () => {
    expect(at(call("equal", position(j), sub(position(i), position(k))))?.at).toBe(
      sub(position(i), position(k)),
    );
    expect(at(call("equal", position(i), sub(position(k), position(j))))?.at).toBe(
      sub(position(k), position(i)),
    );
    expect(at(call("equal", leaf(y, [i]), position(j)))?.at).toBe(leaf(y, [i]));
  });

  test("are none where the position is doubled, hidden, or in no equation", () => {
    expect(at(call("equal", mul(constant(2), position(j)), position(i)))).toBeUndefined();
    expect(at(call("equal", square(position(j)), position(i)))).toBeUndefined();
    expect(at(call("equal", leaf(y, [j]), position(i)))).toBeUndefined();
    expect(at(call("less", position(j), position(i)))).toBeUndefined();
  });

  test("come out of sums of cases, and of sums in the other order", () => {
    const first = where(call("equal", position(j), position(i)), leaf(x, [j]));
    const second = where(call("equal", position(j), add(position(i), constant(1))), leaf(y, [j]));
    const apart = withLookups(total(mul(leaf(y, [j]), add(first, second)), j), rebuild);
    expect(apart.kind === "apply" && apart.args.every((e) => lookupOf(e))).toBe(true);
    // Only the outer sum can be looked up.
    const inner = total(mul(leaf(x, [i]), where(call("equal", leaf(y, [i]), position(k)), constant(1))), i);
    const turned = withLookups(total(mul(square(position(k)), inner), k), rebuild);
    expect(turned.kind === "reduce" && lookupOf(turned)).toBe(undefined);
    expect(turned.kind === "reduce" && turned.axis.dim).toBe(N);
  });
});

describe("what cannot be", () => {
  test("a system has no more rows than workgroup memory has room for", () => {
    const graph = systems[0]?.graph({ ...SIZES, D: 5000 }, 1) as Graph;
    expect(() => lowered(graph, targetFor(facts))).toThrow(
      "systems of 5000 rows take 20260 bytes of workgroup memory; the adapter has 16384",
    );
  });

  const p = tensor("p", [N]);
  const next = tensor("p'", [N]);
  const replaces = new Map([[next, p]]);
  const graph = (definitions: Graph["definitions"]): Graph => ({
    definitions,
    kept: definitions.map((d) => d.tensor),
    sizes: { n: 5, m: 3 },
    inputs: new Map(),
    replaces,
  });

  test("a tensor is not replaced by what reads other elements of it", () => {
    const shifted = total(where(call("equal", position(j), add(position(i), constant(1))), leaf(p, [j])), j);
    expect(() => lowered(graph([define(next, shifted)]), narrow)).toThrow(InternalError);
  });

  test("a tensor is not read after it was replaced", () => {
    const late = tensor("late", [N]);
    const both = graph([define(next, square(leaf(p, [i]))), define(late, square(leaf(p, [i])))]);
    expect(() => lowered(both, narrow)).toThrow("p is read after p' has taken its place");
  });
});

test("the interpreter takes a graph definition by definition", () => {
  const out = tensor("out", [N]);
  const got = expected({
    definitions: [define(y, square(leaf(x, [i]))), define(out, add(leaf(y, [i]), constant(1)))],
    kept: [out],
    sizes: { n: 2 },
    inputs: new Map([[x, Float64Array.of(2, 3)]]),
  });
  expect([...(got.get(out) ?? [])]).toEqual([5, 10]);
});
