/** The gradients of the deep memories, and of the functions inside them, against finite differences. */
import { describe, expect, it } from "vitest";
import { dot, type Matrix, norm, subtract, type Vector } from "../reference/algebra.ts";
import { gelu, geluDerivative, layernorm, layernormGradient } from "../reference/functions.ts";
import { Random } from "../reference/index.ts";
import { type Mlp, mlpGradient, readMlp } from "../reference/mlp.ts";
import { monetaSlope } from "../reference/moneta.ts";
import { tttLinearGradient, tttLinearNormed } from "../reference/ttt_linear.ts";
import { tttMlpGradient, tttMlpNormed } from "../reference/ttt_mlp.ts";
import { yaadSlope } from "../reference/yaad.ts";
import { cube, differences, square } from "./differences.ts";
import { at, distance } from "./tensors.ts";

/** The width of a memory. */
const d = 3;

function randomMlp(random: Random): Mlp {
  const normal = (rows: number, columns: number): Matrix => ({
    rows,
    columns,
    data: new Float64Array(rows * columns).map(() => random.normal()),
  });
  return { W1: normal(d, 4 * d), W2: normal(4 * d, d) };
}

describe("gradients against finite differences", () => {
  const random = new Random(7);
  const normal = (length: number) => new Float64Array(length).map(() => random.normal());

  it("gelu", () => {
    for (const x of [-5, -1, -0.1, 0, 0.3, 2, 6]) {
      const point = Float64Array.of(x);
      const numeric = differences(point, () => gelu(at(point, 0)));
      expect(Math.abs(at(numeric, 0) - geluDerivative(x))).toBeLessThan(1e-10);
    }
    expect(gelu(1)).toBeCloseTo(0.841192, 6);
  });

  it("layernorm", () => {
    const z = normal(5);
    const g = normal(5);
    expect(
      distance(
        layernormGradient(z, g),
        differences(z, () => dot(g, layernorm(z))),
      ),
    ).toBeLessThan(1e-9);
    // Where ε counts.
    const small = normal(5).map((x) => x * 1e-3);
    const numeric = differences(small, () => dot(g, layernorm(small)), 1e-5);
    expect(distance(layernormGradient(small, g), numeric)).toBeLessThan(1e-6);
  });

  it("the layer norm has mean 0 and, up to ε, variance 1", () => {
    const n = layernorm(normal(6));
    expect(Math.abs(n.reduce((sum, x) => sum + x, 0))).toBeLessThan(1e-13);
    expect(dot(n, n) / 6).toBeCloseTo(1, 5);
    expect([...layernorm(Float64Array.of(2, 2))]).toEqual([0, 0]);
    expect(at(layernorm(Float64Array.of(1e-3, -1e-3)), 0)).toBeCloseTo(Math.SQRT1_2, 12);
  });

  it("the two-layer memory, by ℓ2, ℓ3 and both sides of Yaad's switch", () => {
    for (let trial = 0; trial < 5; trial++) {
      const memory = randomMlp(random);
      const x = normal(d);
      const target = normal(d);
      const error = () => subtract(readMlp(memory, x), target);
      const size = norm(error());
      const all = (delta: number) => new Float64Array(d).fill(delta);
      const sum = () => error().reduce((total, e) => total + Math.abs(e), 0);
      const cases: [(y: Vector) => Vector, () => number][] = [
        [(y) => subtract(y, target), () => square(error())],
        [(y) => monetaSlope(y, target), () => cube(error())],
        [(y) => yaadSlope(y, target, all(2 * size)), () => square(error())],
        [(y) => yaadSlope(y, target, all(size / 2)), () => (size / 2) * sum()],
      ];
      for (const [slope, loss] of cases) {
        const G = mlpGradient(memory, x, slope);
        expect([G.W1.rows, G.W1.columns, G.W2.rows, G.W2.columns]).toEqual([d, 4 * d, 4 * d, d]);
        expect(distance(G.W1.data, differences(memory.W1.data, loss))).toBeLessThan(1e-8);
        expect(distance(G.W2.data, differences(memory.W2.data, loss))).toBeLessThan(1e-8);
      }
    }
  });

  it("TTT-Linear", () => {
    const memory = { W: { rows: d, columns: d, data: normal(d * d) }, b: normal(d) };
    const ln = { weight: normal(d), bias: normal(d) };
    const [key, value] = [normal(d), normal(d)];
    const loss = () => square(subtract(tttLinearNormed(memory, key, ln), subtract(value, key)));
    const G = tttLinearGradient(memory, key, value, ln);
    expect(distance(G.W.data, differences(memory.W.data, loss))).toBeLessThan(1e-8);
    expect(distance(G.b, differences(memory.b, loss))).toBeLessThan(1e-8);
  });

  it("TTT-MLP", () => {
    const { W1: outer, W2: inner } = randomMlp(random);
    const memory = { W1: inner, b1: normal(4 * d), W2: outer, b2: normal(d) };
    const ln = { weight: normal(d), bias: normal(d) };
    const [key, value] = [normal(d), normal(d)];
    const loss = () => square(subtract(tttMlpNormed(memory, key, ln), subtract(value, key)));
    const G = tttMlpGradient(memory, key, value, ln);
    expect(distance(G.W1.data, differences(memory.W1.data, loss))).toBeLessThan(1e-8);
    expect(distance(G.b1, differences(memory.b1, loss))).toBeLessThan(1e-8);
    expect(distance(G.W2.data, differences(memory.W2.data, loss))).toBeLessThan(1e-8);
    expect(distance(G.b2, differences(memory.b2, loss))).toBeLessThan(1e-8);
  });
});
