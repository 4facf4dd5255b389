/** The runner of programs: memory, limits, groups of tensors and bindings by name. */
import { afterAll, describe, expect, test } from "vitest";
import { lowerDense } from "../../compiler/dense/lower.ts";
import { printWgsl } from "../../compiler/emit/wgsl/print.ts";
import type { Binding, Block, Stmt } from "../../compiler/kernel/block.ts";
import { DEFAULT_FACTS, targetFor } from "../../compiler/kernel/target.ts";
import { add, mul, square } from "../../compiler/math/algebra.ts";
import { type Axis, axesFor, dim } from "../../compiler/math/axis.ts";
import { constant, leaf, position, type Tensor } from "../../compiler/math/expr.ts";
import { PlanBuilder } from "../../compiler/plan/plan.ts";
import type { Dispatch } from "../../runtime/program/parts.ts";
import { ProgramRunner } from "../../runtime/program.ts";
import { CapacityError } from "../../runtime/resources.ts";
import { errorRatio } from "../support/compare.ts";
import { computed, define, expected, tensor } from "../support/dense.ts";
import { rows } from "../support/dense-graphs.ts";
import { device } from "./device.ts";

afterAll(() => device?.destroy());

const N = dim(["n"]);
const target = targetFor(DEFAULT_FACTS);
const sizes = { n: 100 };

const dispatchesOf = (kernels: ReturnType<typeof lowerDense>): Dispatch[] =>
  kernels.map(({ block, groups }) => ({ code: { block, wgsl: printWgsl(block) }, groups }));

/** Each is made from the one before, by a kernel of its own. */
function chain(length: number): { tensors: Tensor[]; dispatches: Dispatch[] } {
  const tensors = Array.from({ length }, (_, i) => tensor(`t${i}`, [N]));
  const at = (i: number) => leaf(tensors[i] as Tensor, axesFor([N]));
  const dispatches = tensors.slice(1).flatMap((t, i) => {
    const value = add(mul(constant(0.5), square(at(i))), constant(1 / 8));
    return dispatchesOf(lowerDense(`step ${i}`, [define(t, value)], new Set([t]), sizes, target));
  });
  return { tensors, dispatches };
}

const parts = (length: number) => {
  const { tensors, dispatches } = chain(length);
  return {
    name: "a chain",
    tensors: new Map(tensors.map((t) => [t.name, 100])),
    temporary: new Set(tensors.slice(1, -1).map((t) => t.name)),
    sequences: { all: dispatches },
  };
};

/** The nearest of the numbers that have 11 bits, for those that are not tiny. */
function asHalf(x: number): number {
  const unit = 2 ** (Math.floor(Math.log2(Math.abs(x))) - 10);
  return Math.round(x / unit) * unit;
}

describe.skipIf(!device)("a program", () => {
  const on = (): NonNullable<typeof device> => {
    if (!device) throw new Error("no device");
    return device;
  };

  test("temporaries share memory where their lifetimes allow it", async () => {
    const runner = await ProgramRunner.create(on(), parts(9));
    // The first, the last, and two that take turns.
    expect(runner.bytes).toBe(4 * 400);
    const start = Float32Array.from({ length: 100 }, (_, i) => i / 100);
    runner.write("t0", start);
    await runner.run("all");
    const got = (await runner.read("t8")).get("t8") as Float32Array;
    const want = start.map((x) => Array.from({ length: 8 }).reduce<number>((y) => (y * y) / 2 + 1 / 8, x));
    expect(errorRatio(got, want)).toBeLessThan(1e-6);
    await expect(runner.read("t3").then(() => undefined)).rejects.toThrow("t3 is a temporary");
    runner.destroy();
  });

  test.runIf(device?.features.has("shader-f16"))("what lies in memory as f16 is rounded there", async () => {
    const { tensors } = chain(9);
    const narrow = new Set(["t1", "t4", "t5"]);
    for (const poison of [false, true]) {
      const plan = new PlanBuilder(narrow);
      for (const t of [tensors[0], tensors[8]]) plan.tensor((t as Tensor).name, 100);
      for (const [i, t] of tensors.slice(1).entries()) {
        const before = leaf(tensors[i] as Tensor, axesFor([N]));
        const definition = define(t, add(mul(constant(0.5), square(before)), constant(1 / 8)));
        plan.run(
          "all",
          lowerDense(`step ${i}`, [definition], new Set([t]), sizes, target),
          sizes,
          () => undefined,
        );
      }
      const { tensors: sizesOf, temporary, halves, sequences } = plan;
      const runner = await ProgramRunner.create(on(), {
        name: "a chain",
        ...{ tensors: sizesOf, temporary, halves, poison },
        sequences: Object.fromEntries(sequences),
      });
      const start = Float32Array.from({ length: 100 }, (_, i) => 1 / (i + 1));
      runner.write("t0", start);
      await runner.run("all");
      const got = (await runner.read("t8")).get("t8") as Float32Array;
      const want = start.map((x) =>
        tensors.slice(1).reduce((y, { name }) => {
          const next = (y * y) / 2 + 1 / 8;
          return narrow.has(name) ? asHalf(next) : next;
        }, x),
      );
      expect(errorRatio(got, want)).toBeLessThan(1e-6);
      // Poisoned, no two share memory.
      if (poison) expect(runner.bytes).toBe(6 * 400 + 3 * 208);
      runner.destroy();
    }
  });

  test("dispatches in pieces do what they do at once, however often they run", async () => {
    const n = 50_000;
    const of = (name: string) => tensor(name, [N]);
    const [a, b, c] = [of("a"), of("b"), of("c")];
    const [i] = axesFor([N]) as [Axis];
    const definitions = [
      define(b, add(square(leaf(a, [i])), position(i))),
      define(c, mul(leaf(b, [i]), leaf(b, [i]), leaf(a, [i]))),
    ];
    const dispatches = definitions.flatMap((d) =>
      dispatchesOf(lowerDense(d.tensor.name, [d], new Set([d.tensor]), { n }, target)),
    );
    const tensors = new Map([a, b, c].map((t) => [t.name, n]));
    const program = { name: "pieces", tensors, sequences: { all: dispatches }, poison: true };
    // So short that every dispatch is cut as far as it can be, and so long that none is.
    for (const longest of [1e-4, 1e9]) {
      const runner = await ProgramRunner.create(on(), program, longest);
      for (const scale of [1, 2, 3, 4]) {
        const start = Float32Array.from({ length: n }, (_, k) => (scale * k) / n);
        runner.write("a", start);
        await runner.run("all");
        const got = (await runner.read("c")).get("c") as Float32Array;
        expect(
          errorRatio(
            got,
            Float64Array.from(start, (x, k) => (x * x + k) ** 2 * x),
          ),
        ).toBeLessThan(1e-6);
      }
      runner.destroy();
    }
  });

  test("several tensors are read in one transfer, and nothing too", async () => {
    const runner = await ProgramRunner.create(on(), parts(3));
    runner.write("t0", new Float32Array(100).fill(2));
    await runner.run("all");
    const got = await runner.read("t2", "t0");
    expect(got.get("t0")?.[99]).toBe(2);
    expect(got.get("t2")?.[99]).toBe(2.3828125);
    expect((await runner.read()).size).toBe(0);
    await runner.done();
    runner.destroy();
  });

  test("what is not there is said", async () => {
    const runner = await ProgramRunner.create(on(), parts(3));
    await expect(runner.run("other")).rejects.toThrow("a chain has no sequence other");
    expect(() => runner.write("u", new Float32Array(1))).toThrow("a chain has no tensor u");
    expect(() => runner.write("t0", new Float32Array(1))).toThrow("t0 has 100 elements, and 1 are written");
    runner.destroy();
  });

  test("too large a tensor is refused before anything is compiled", async () => {
    const limit = on().limits.maxStorageBufferBindingSize;
    const { tensors, ...rest } = parts(3);
    const large = new Map([...tensors, ["huge", limit / 4 + 64]]);
    const creating = async () => ProgramRunner.create(on(), { ...rest, tensors: large });
    await expect(creating()).rejects.toThrow(CapacityError);
    await expect(creating()).rejects.toThrow(`the device allows ${limit}`);
  });

  test("tensors of a group lie one after the other, or apart, and stand for bindings by name", async () => {
    const [a, b] = [tensor("a", [N]), tensor("b", [N])];
    const both = (name: string, holds: readonly Tensor[], access: Binding["access"]): Binding => ({
      name,
      access,
      holds,
    });
    const value = { kind: "load", buffer: "both", index: { kind: "name", name: "lane" } } as const;
    const second = {
      kind: "load",
      buffer: "both",
      index: {
        kind: "sum",
        terms: [
          { kind: "name", name: "lane" },
          { kind: "name", name: "run.b_base" },
        ],
      },
    } as const;
    const body: Stmt[] = [value, second].map((v, i) => ({
      kind: "store",
      buffer: "y_out",
      index: { kind: "sum", terms: [{ kind: "name", name: "lane" }, 32 * i] },
      value: v,
    }));
    const block: Block = {
      name: "copies",
      lanes: 32,
      subgroups: false,
      tiles: 1,
      bindings: [both("both", [a, b], "read"), both("y_out", [], "read_write")],
      bases: ["a_base", "b_base"],
      workgroup: [],
      planar: [],
      state: { stride: 0, slots: [] },
      scratchStride: 0,
      steps: 1,
      passes: 1,
      quantum: 1,
      body,
    };
    const code = { block, wgsl: printWgsl(block) };
    for (const apart of [false, true]) {
      const base = apart ? 128 : 100;
      const runner = await ProgramRunner.create(on(), {
        name: "groups",
        tensors: new Map([
          ["a", 100],
          ["b", 100],
          ["y", 64],
        ]),
        groups: new Map([["pair", { tensors: ["a", "b"], apart }]]),
        sequences: {
          copy: [
            {
              code,
              groups: [1, 1, 1],
              bound: { y_out: "y" },
              uniform: Uint32Array.of(0, 0, 0, 1, 0, 0, 0, base),
            },
          ],
        },
      });
      runner.write("a", new Float32Array(100).fill(1));
      runner.write("b", new Float32Array(100).fill(2));
      await runner.run("copy");
      const y = (await runner.read("y")).get("y") as Float32Array;
      expect([y[0], y[31], y[32], y[63]]).toEqual([1, 1, 2, 2]);
      runner.destroy();
    }
  });

  test("a sum of a million numbers keeps its digits", { timeout: 300_000 }, async () => {
    const loss = rows.find((r) => r.name === "loss");
    const graph = loss?.graph({ B: 8, T: 1024, D: 128, F: 1, V: 1, J: 1 }, 5);
    if (!graph) throw new Error("no such graph");
    for (const each of [target, targetFor({ ...DEFAULT_FACTS, subgroupSize: on().subgroupSize })]) {
      const [got] = [...(await computed(on(), graph, each)).values()];
      const [want] = graph.kept.map((t) => expected(graph).get(t));
      expect(errorRatio(got ?? [], want ?? [])).toBeLessThan(1e-6);
    }
  });
});
