/** The generator that cases are drawn with. */
import { describe, expect, it } from "vitest";
import { norm } from "../reference/algebra.ts";
import { Random, randomCase } from "../reference/index.ts";
import { kda } from "../reference/kda.ts";
import { get } from "./tensors.ts";

describe("the generator", () => {
  it("looks uniform and normal", () => {
    const random = new Random(3);
    const n = 20000;
    const uniform = Array.from({ length: n }, () => random.uniform());
    const normal = Array.from({ length: n }, () => random.normal());
    const mean = (x: number[]) => x.reduce((sum, value) => sum + value, 0) / x.length;
    expect(mean(uniform)).toBeCloseTo(0.5, 1);
    expect(mean(uniform.map((x) => x * x))).toBeCloseTo(1 / 3, 1);
    expect(Math.abs(mean(normal))).toBeLessThan(0.03);
    expect(Math.abs(mean(normal.map((x) => x * x)) - 1)).toBeLessThan(0.05);
    expect(Math.abs(mean(normal.map((x) => x ** 4)) - 3)).toBeLessThan(0.3);
    expect(Math.min(...uniform)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...uniform)).toBeLessThan(1);
  });

  it("gives the edges often", () => {
    const { inputs } = randomCase(kda, { B: 2, T: 50, H: 2, dk: 8, dv: 8 }, 4, { edge: true });
    const alpha = [...get(inputs, "alpha").data];
    expect(alpha.filter((x) => x === 0).length).toBeGreaterThan(alpha.length / 8);
    expect(alpha.filter((x) => x === 1).length).toBeGreaterThan(alpha.length / 8);
    const key = get(inputs, "k").data;
    const lengths = Array.from({ length: 200 }, (_, i) => norm(key.slice(i * 8, i * 8 + 8)));
    expect(lengths.filter((x) => x === 0).length).toBeGreaterThan(10);
    expect(lengths.every((x) => x === 0 || Math.abs(x - 1) < 1e-12)).toBe(true);
  });
});
