import { describe, expect, it } from "vitest";
import { add, apply, dot, type Matrix, norm, subtract, type Vector } from "./reference/algebra.ts";
import { comba } from "./reference/comba.ts";
import { deltanet } from "./reference/deltanet.ts";
import { deltaproduct } from "./reference/deltaproduct.ts";
import { gelu, geluDerivative, layernorm, layernormGradient } from "./reference/functions.ts";
import { gatedDeltanet } from "./reference/gated_deltanet.ts";
import { gla } from "./reference/gla.ts";
import {
  type Case,
  lightningAttentionIn,
  memoraWith,
  monetaWith,
  Random,
  type Reference,
  type Result,
  randomCase,
  referenceFor,
  references,
  type Sizes,
  slidingWindowAttentionOver,
  type Tensor,
  type Tensors,
  titansWith,
  titleOf,
  tttLinearWith,
  tttMlpWith,
  yaadWith,
} from "./reference/index.ts";
import { kda } from "./reference/kda.ts";
import { memoraLink } from "./reference/memora.ts";
import { type Mlp, mlpGradient, readMlp } from "./reference/mlp.ts";
import { monetaLink, monetaSlope } from "./reference/moneta.ts";
import { tttLinearGradient, tttLinearNormed } from "./reference/ttt_linear.ts";
import { tttMlpGradient, tttMlpNormed } from "./reference/ttt_mlp.ts";
import { yaadSlope } from "./reference/yaad.ts";

// ---- helpers ----------------------------------------------------------------------------------------------

function tensor(shape: readonly number[], values: readonly number[]): Tensor {
  expect(values.length).toBe(shape.reduce((count, extent) => count * extent, 1));
  return { shape, data: Float64Array.from(values) };
}

function at(x: Float64Array, i: number): number {
  const value = x[i];
  if (value === undefined) throw new RangeError(`entry ${i} of ${x.length}`);
  return value;
}

function get(tensors: Tensors, name: string): Tensor {
  const found = tensors[name];
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}

/** The largest difference, relative to the largest entry (or to 1, if that is larger). */
function distance(actual: Float64Array, expected: Float64Array): number {
  expect(actual.length).toBe(expected.length);
  let size = 1;
  let worst = 0;
  expected.forEach((x, i) => {
    size = Math.max(size, Math.abs(x));
    const difference = Math.abs(x - at(actual, i));
    worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(worst, difference);
  });
  return worst / size;
}

function expectClose(actual: Tensor, expected: Tensor, tolerance = 1e-13): void {
  expect(actual.shape).toEqual(expected.shape);
  expect(distance(actual.data, expected.data)).toBeLessThanOrEqual(tolerance);
}

function expectSame(actual: Result, expected: Result, tolerance = 1e-13): void {
  expectClose(actual.y, expected.y, tolerance);
  expect(Object.keys(actual.states).sort()).toEqual(Object.keys(expected.states).sort());
  for (const name of Object.keys(expected.states)) {
    expectClose(get(actual.states, name), get(expected.states, name), tolerance);
  }
}

function run(reference: Reference, { sizes, inputs, params, states }: Case): Result {
  return reference.run(sizes, inputs, params, states);
}

/** Tokens from … to − 1 of each input. */
function slice(inputs: Tensors, from: number, to: number): Tensors {
  const result: Record<string, Tensor> = {};
  for (const [name, { shape, data }] of Object.entries(inputs)) {
    const [B = 0, T = 0, ...rest] = shape;
    const step = rest.reduce((count, extent) => count * extent, 1);
    const values: number[] = [];
    for (let b = 0; b < B; b++) values.push(...data.subarray((b * T + from) * step, (b * T + to) * step));
    result[name] = tensor([B, to - from, ...rest], values);
  }
  return result;
}

function sizesFor(reference: Reference, T: number): Sizes {
  return { B: 2, T, H: 3, dk: 4, dv: reference.requires?.square ? 4 : 3, n: 3 };
}

// ---- by hand ----------------------------------------------------------------------------------------------

/*
 * One sequence, one head, dk = 4 (so that 1/√dk = ½), dv = 2:
 *
 *     W₀ = 1 0 0 2     q₀ = (2, 0, 2, 0)   k₀ = (1, 2, 0, 0)   v₀ = (3, −1)     v₀ k₀ᵀ =  3  6  0  0
 *          0 1 1 0                                                                       −1 −2  0  0
 *                      q₁ = (2, 4, 0, 2)   k₁ = (0, 1, 1, 0)   v₁ = (1, 2)      v₁ k₁ᵀ =  0  1  1  0
 *                                                                                         0  2  2  0
 *     W₀ k₀ = (1, 2)
 */
const q = [2, 0, 2, 0, 2, 4, 0, 2];
const k = [1, 2, 0, 0, 0, 1, 1, 0];
const v = [3, -1, 1, 2];
const W0 = [1, 0, 0, 2, 0, 1, 1, 0];

interface ByHand {
  readonly T: number;
  /** Without the token and head dimensions: [value of token 0, value of token 1] or [channels of token 0, …]. */
  readonly inputs?: Record<string, readonly number[]>;
  readonly params?: Record<string, readonly number[]>;
  readonly y: readonly number[];
  readonly W: readonly number[];
}

function byHand(name: string, { T, inputs = {}, params = {}, y, W }: ByHand): void {
  const reference = referenceFor(name);
  const sizes = { B: 1, T, H: 1, dk: 4, dv: 2 };
  const given: Record<string, Tensor> = {};
  for (const [input, shape] of Object.entries(reference.inputs(sizes))) {
    const values = inputs[input] ?? { q, k, v }[input];
    const count = shape.reduce((product, extent) => product * extent, 1);
    given[input] = tensor(shape, (values ?? []).slice(0, count));
  }
  const constants: Record<string, Tensor> = {};
  for (const [param, shape] of Object.entries(reference.params?.(sizes) ?? {})) {
    constants[param] = tensor(shape, params[param] ?? []);
  }
  const result = reference.run(sizes, given, constants, { W: tensor([1, 1, 2, 4], W0) });
  expectSame(result, {
    y: tensor([1, T, 1, 2], y),
    states: { W: tensor([1, 1, 2, 4], W) },
  });
}

describe("worked by hand", () => {
  it("linear attention", () => {
    // W₁ = 4 6 0 2 / −1 −1 1 0; y₀ = ½ (8, 0). W₂ = 4 7 1 2 / −1 1 3 0; y₁ = ½ (8 + 28 + 4, −2 + 4).
    byHand("linear_attention", { T: 2, y: [4, 0, 20, 1], W: [4, 7, 1, 2, -1, 1, 3, 0] });
  });

  it("RetNet: head 0 keeps 31/32", () => {
    const a = 31 / 32;
    // y₀ = ½ (2 (a + 3), −2 + 2a)
    byHand("retnet", { T: 1, y: [a + 3, a - 1], W: [a + 3, 6, 0, 2 * a, -1, a - 2, a, 0] });
  });

  it("RetNet: head 2 keeps 127/128, from the token before", () => {
    const sizes = { B: 1, T: 2, H: 3, dk: 1, dv: 1 };
    const ones = tensor([1, 2, 3, 1], [1, 1, 1, 1, 1, 1]);
    const { y } = referenceFor("retnet").run(sizes, { q: ones, k: ones, v: ones }, {}, {});
    expectClose(y, tensor([1, 2, 3, 1], [1, 1, 1, 1 + 31 / 32, 1 + 63 / 64, 1 + 127 / 128]));
  });

  it("lightning attention: exp(−(8 / heads)(1 − layer / layers) head)", () => {
    const sizes = { B: 1, T: 2, H: 2, dk: 1, dv: 1 };
    const ones = tensor([1, 2, 2, 1], [1, 1, 1, 1]);
    const inputs = { q: ones, k: ones, v: ones };
    const first = referenceFor("lightning_attention").run(sizes, inputs, {}, {});
    expectClose(first.y, tensor([1, 2, 2, 1], [1, 1, 2, 1 + Math.exp(-4)]));
    const second = lightningAttentionIn(1, 4).run(sizes, inputs, {}, {});
    expectClose(second.y, tensor([1, 2, 2, 1], [1, 1, 2, 1 + Math.exp(-3)]));
  });

  it("Mamba-2: dt = 2, a = ½ ln 2, so α = ½", () => {
    // W₁ = ½ W₀ + 2 v kᵀ; W₁ q₀ = (13, −3); D v = (9, −3)
    byHand("mamba2", {
      T: 1,
      inputs: { dt: [2] },
      params: { a: [Math.log(2) / 2], D: [3] },
      y: [22, -6],
      W: [6.5, 12, 0, 1, -2, -3.5, 0.5, 0],
    });
  });

  it("GLA", () => {
    // W₀ Diag(α) = ½ 0 0 2 / 0 1 0 0
    byHand("gla", {
      T: 1,
      inputs: { alpha: [0.5, 1, 0, 1] },
      y: [3.5, -1],
      W: [3.5, 6, 0, 2, -1, -1, 0, 0],
    });
  });

  it("HGRN2: k = (½, 0, 1, 0)", () => {
    // v kᵀ = 1.5 0 3 0 / −½ 0 −1 0; y₀ = ½ (2·2 + 2·3, −1 − 2)
    byHand("hgrn2", {
      T: 1,
      inputs: { alpha: [0.5, 1, 0, 1] },
      y: [5, -1.5],
      W: [2, 0, 3, 2, -0.5, 1, -1, 0],
    });
  });

  it("DFW: β by row, α by column, no scale", () => {
    byHand("dfw", {
      T: 1,
      inputs: { alpha: [0.5, 1, 0, 1], beta: [1, 0.5] },
      y: [7, -2],
      W: [3.5, 6, 0, 2, -1, -1.5, 0, 0],
    });
  });

  it("RWKV-6: reads before the write, with the bonus", () => {
    // Token 0: W₀ q = (2, 2), q·(u ⊙ k) = 2; y = ½ ((2, 2) + 2 (3, −1)). W₁ is GLA's.
    // Token 1: W₁ q = (35, −6), q·(u ⊙ k) = −4; y = ½ ((35, −6) − 4 (1, 2)).
    // W₂ = W₁ Diag(1, ½, ½, 0) + v₁ k₁ᵀ
    byHand("rwkv6", {
      T: 2,
      inputs: { alpha: [0.5, 1, 0, 1, 1, 0.5, 0.5, 0] },
      params: { u: [1, -1, 2, 0] },
      y: [4, 0, 15.5, -7],
      W: [3.5, 4, 1, 0, -1, 1.5, 2, 0],
    });
  });

  it("DeltaNet", () => {
    // v − W₀ k = (2, −3); W₁ = W₀ + (1, −1.5) kᵀ
    // Token 1: W₁ k₁ = (2, −1); v − W₁ k₁ = (−1, 3); β = 1. W₂ q₁ = (4 + 4 + 4, −3 + 4).
    byHand("deltanet", {
      T: 2,
      inputs: { beta: [0.5, 1] },
      y: [2, -0.5, 6, 0.5],
      W: [2, 1, -1, 2, -1.5, 1, 4, 0],
    });
  });

  it("Gated DeltaNet: the error of the decayed matrix", () => {
    // kept = ½ W₀; v − kept k = (2.5, −2)
    byHand("gated_deltanet", {
      T: 1,
      inputs: { alpha: [0.5], beta: [0.5] },
      y: [1.75, -0.5],
      W: [1.75, 2.5, 0, 1, -1, -1.5, 0.5, 0],
    });
  });

  it("KDA", () => {
    // kept = ½ 0 0 2 / 0 1 0 0; v − kept k = (2.5, −3)
    byHand("kda", {
      T: 1,
      inputs: { alpha: [0.5, 1, 0, 1], beta: [0.5] },
      y: [1.75, -1.5],
      W: [1.75, 2.5, 0, 2, -1.5, -2, 0, 0],
    });
  });

  it("RWKV-7", () => {
    // W₀ κ̂ = (3, 0), a ⊙ κ̂ = (½, 0, 0, 1); no scale. (κ̂ need not have length 1 for the recurrence.)
    byHand("rwkv7", {
      T: 1,
      inputs: { w: [0.5, 1, 0, 1], kappa: [1, 0, 0, 1], a: [0.5, 1, 1, 1] },
      y: [4, -2],
      W: [2, 6, 0, -1, -1, -1, 0, 0],
    });
  });

  it("Comba: the error of the matrix before the decay, at p", () => {
    // W₀ p = (1, 1); v − W₀ p = (2, −2); W₁ = ½ W₀ + (1, −1) kᵀ
    byHand("comba", {
      T: 1,
      inputs: { p: [1, 0, 1, 0], alpha: [0.5], beta: [0.5] },
      y: [1.5, -0.5],
      W: [1.5, 2, 0, 1, -1, -1.5, 0.5, 0],
    });
  });

  it("DeltaProduct: one decay, two steps, one reading", () => {
    // After step 0 it is Gated DeltaNet's; then v₁ − W k₁ = (−1.5, 3) with β = 1.
    byHand("deltaproduct", {
      T: 1,
      inputs: { alpha: [0.5], beta: [0.5, 1] },
      y: [0.25, 2.5],
      W: [1.75, 1, -1.5, 1, -1, 1.5, 3.5, 0],
    });
  });

  it("Longhorn: β = 1/5 and k·k = 5 make the rate 1/10", () => {
    byHand("longhorn", {
      T: 1,
      inputs: { beta: [0.2] },
      y: [2.4, 1.4],
      W: [1.2, 0.4, 0, 2, -0.3, 0.4, 1, 0],
    });
  });

  it("MesaNet", () => {
    // K₁ = diag(1, 0), G₁ = (2, 0); K₂ = ½ K₁ + 2 (1 1 / 1 1) = 2.5 2 / 2 2, G₂ = ½ (2, 0) + 2 (1, 1) = (3, 2).
    // With λ = 1: (2 0 / 0 1)⁻¹ (2, 1) = (1, 1), y₀ = 2; (3.5 2 / 2 3)⁻¹ (6.5, 0) = (3, −2), y₁ = 9 − 4.
    const result = referenceFor("mesanet").run(
      { B: 1, T: 2, H: 1, dk: 2, dv: 1 },
      {
        q: tensor([1, 2, 1, 2], [2, 1, 6.5, 0]),
        k: tensor([1, 2, 1, 2], [1, 0, 1, 1]),
        v: tensor([1, 2, 1, 1], [2, 1]),
        alpha: tensor([1, 2, 1], [0.75, 0.5]),
        beta: tensor([1, 2, 1], [1, 2]),
      },
      { lambda: tensor([1, 2], [1, 1]) },
      {},
    );
    expectSame(result, {
      y: tensor([1, 2, 1, 1], [2, 5]),
      states: { "W.right": tensor([1, 1, 1, 2], [3, 2]), "W.gram": tensor([1, 1, 2, 2], [2.5, 2, 2, 2]) },
    });
  });

  it("attention", () => {
    // ½ q₁·k₀ = 5, ½ q₁·k₁ = 2
    const [old, own] = [Math.exp(5), Math.exp(2)];
    const { y } = referenceFor("attention").run(
      { B: 1, T: 2, H: 1, dk: 4, dv: 2 },
      { q: tensor([1, 2, 1, 4], q), k: tensor([1, 2, 1, 4], k), v: tensor([1, 2, 1, 2], v) },
      {},
      {},
    );
    const total = old + own;
    expectClose(y, tensor([1, 2, 1, 2], [3, -1, (3 * old + own) / total, (2 * own - old) / total]));
  });

  it("the links", () => {
    // ‖A‖₄⁴ = 1 + 16 + 16 + 256 − 0 = 289, so ‖A‖₄² = 17
    const A = { rows: 2, columns: 2, data: Float64Array.from([1, -2, 2, 4]) };
    expect(
      distance(
        monetaLink(A).data,
        A.data.map((x) => x / (17 + 1e-6)),
      ),
    ).toBeLessThan(1e-15);
    expect([...monetaLink({ ...A, data: new Float64Array(4) }).data]).toEqual([0, 0, 0, 0]);
    const logs = { rows: 2, columns: 2, data: Float64Array.from([0, Math.log(3), 1000 + Math.log(4), 1000]) };
    expect(distance(memoraLink(logs).data, Float64Array.from([0.25, 0.75, 0.8, 0.2]))).toBeLessThan(1e-12);
  });

  it("the slopes", () => {
    const y = Float64Array.from([1, -2, 5]);
    const target = Float64Array.from([1, 0, 2]);
    expect([...monetaSlope(y, target)]).toEqual([0, -12, 27]);
    // e = (0, −2, 3), ‖e‖ = √13: below, at and above the switch.
    const all = (delta: number) => Float64Array.of(delta, delta, delta);
    expect([...yaadSlope(y, target, all(4))]).toEqual([0, -2, 3]);
    expect([...yaadSlope(y, target, all(Math.sqrt(13)))]).toEqual([0, -2, 3]);
    expect([...yaadSlope(y, target, all(3))]).toEqual([0, -3, 3]);
    // Each channel has its own.
    expect([...yaadSlope(y, target, Float64Array.of(1, 4, 2))]).toEqual([0, -2, 2]);
  });
});

// ---- gradients --------------------------------------------------------------------------------------------

/** ∂f/∂x by central differences of fourth order; f reads x, which is put back. */
function differences(x: Float64Array, f: () => number, step = 1e-3): Float64Array {
  return x.map((old, i) => {
    const value = (shift: number) => {
      x[i] = old + shift * step;
      const result = f();
      x[i] = old;
      return result;
    };
    return (8 * (value(1) - value(-1)) - (value(2) - value(-2))) / (12 * step);
  });
}

const square = (e: Vector) => dot(e, e) / 2;
const cube = (e: Vector) => e.reduce((sum, x) => sum + Math.abs(x) ** 3, 0);

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

/*
 * What three tokens of one chunk have to leave behind, without the loop: with no link, decay or momentum
 * between the tokens in the gradients, A₃ = α₃α₂α₁ A₀ − α₃α₂ c₁ G₁ − α₃ c₂ G₂ − c₃ G₃, each G a finite
 * difference of the loss at the start.
 */
describe("the accumulators after three tokens, from the loss alone", () => {
  const sizes = { B: 1, T: 3, H: 1, dk: d, dv: d };
  const one = (input: Tensor, t: number) => input.data.slice(t * d, (t + 1) * d);

  const links: Record<string, (A: Matrix) => Matrix> = { moneta: monetaLink, memora: memoraLink };

  const deep = references.filter(({ name }) => ["titans", "moneta", "yaad", "memora"].includes(name));
  for (const reference of deep) {
    it(titleOf(reference), () => {
      const { name } = reference;
      const ranges = { delta: [100, 100] as const };
      const made = randomCase(reference, sizes, 11, { edge: false, states: true, ranges });
      const { inputs, states } = made;
      /** One number of a token, or that of an entry's channel: a row of W1 and a column of W2. */
      const number = (input: string, t: number, weight: "W1" | "W2", i: number) => {
        const { data } = get(inputs, input);
        if (data.length === 3) return at(data, t);
        return at(data, t * d + (weight === "W1" ? Math.floor(i / (4 * d)) : i % d));
      };

      const result = run(reference, made);
      for (const weight of ["W1", "W2"] as const) {
        const A0 = get(states, weight).data;
        const gradients = [0, 1, 2].map((t) => {
          const link = links[name] ?? ((A: Matrix) => A);
          const memory: Mlp = {
            W1: link({ rows: d, columns: 4 * d, data: get(states, "W1").data.slice() }),
            W2: link({ rows: 4 * d, columns: d, data: get(states, "W2").data.slice() }),
          };
          const [key, value] = [one(get(inputs, "k"), t), one(get(inputs, "v"), t)];
          const error = () => subtract(readMlp(memory, key), value);
          const loss = name === "moneta" ? () => cube(error()) : () => square(error());
          return differences(memory[weight].data, loss, 1e-4);
        });
        const expected = A0.map((a, i) => {
          const scalar = (input: string, t: number) => number(input, t, weight, i);
          const [g0 = 0, g1 = 0, g2 = 0] = gradients.map((g) => at(g, i));
          const [a0, a1, a2] = [scalar("alpha", 0), scalar("alpha", 1), scalar("alpha", 2)];
          const [e0, e1, e2] = [scalar("eta", 0), scalar("eta", 1), scalar("eta", 2)];
          if (name !== "titans") return a0 * a1 * a2 * a - a1 * a2 * e0 * g0 - a2 * e1 * g1 - e2 * g2;
          const [t0, t1, t2] = [scalar("theta", 0), scalar("theta", 1), scalar("theta", 2)];
          const s = at(get(states, `S.${weight}`).data, i);
          const S1 = e0 * s + t0 * g0;
          const S2 = e1 * e0 * s + e1 * t0 * g0 + t1 * g1;
          const S3 = e2 * e1 * e0 * s + e2 * e1 * t0 * g0 + e2 * t1 * g1 + t2 * g2;
          return a0 * a1 * a2 * a - a1 * a2 * S1 - a2 * S2 - S3;
        });
        expect(distance(get(result.states, weight).data, expected)).toBeLessThan(1e-8);
      }
      // The last output reads what the last token left behind.
      const link = links[name] ?? ((A: Matrix) => A);
      const left = {
        W1: link({ rows: d, columns: 4 * d, data: get(result.states, "W1").data }),
        W2: link({ rows: 4 * d, columns: d, data: get(result.states, "W2").data }),
      };
      expect(distance(one(result.y, 2), readMlp(left, one(get(inputs, "q"), 2)))).toBe(0);
    });
  }

  it("ttt_linear, and what it reads", () => {
    const reference = referenceFor("ttt_linear");
    const made = randomCase(reference, sizes, 12, { edge: false });
    const { inputs, params, states } = made;
    const W = get(states, "W").data.slice();
    const b = get(states, "b").data.slice();
    const read = (weights: Float64Array, bias: Float64Array, x: Vector): Vector => {
      const z = add(apply({ rows: d, columns: d, data: weights }, x), bias);
      const mean = z.reduce((sum, entry) => sum + entry, 0) / d;
      const variance = z.reduce((sum, entry) => sum + (entry - mean) ** 2, 0) / d;
      const weight = get(params, "ln_weight").data;
      const shift = get(params, "ln_bias").data;
      return z.map(
        (entry, i) => (at(weight, i) * (entry - mean)) / Math.sqrt(variance + 1e-6) + at(shift, i),
      );
    };
    const rates = [0, 1, 2].map((t) => at(get(inputs, "eta").data, t));
    // Σ η ℓ: one gradient at the start is the whole change.
    const loss = () => {
      let total = 0;
      rates.forEach((eta, t) => {
        const [key, value] = [one(get(inputs, "k"), t), one(get(inputs, "v"), t)];
        total += eta * square(subtract(add(key, read(W, b, key)), value));
      });
      return total;
    };
    const newW = subtract(W, differences(W, loss));
    const newB = subtract(b, differences(b, loss));
    const query = one(get(inputs, "q"), 2);
    const result = run(reference, made);
    expect(distance(get(result.states, "W").data, newW)).toBeLessThan(1e-8);
    expect(distance(get(result.states, "b").data, newB)).toBeLessThan(1e-8);
    expect(distance(one(result.y, 2), add(query, read(newW, newB, query)))).toBeLessThan(1e-7);
  });

  it("ttt_mlp", () => {
    const reference = referenceFor("ttt_mlp");
    const made = randomCase(reference, sizes, 13, { edge: false });
    const { inputs, params, states } = made;
    const memory = {
      W1: { rows: 4 * d, columns: d, data: get(states, "W1").data.slice() },
      b1: get(states, "b1").data.slice(),
      W2: { rows: d, columns: 4 * d, data: get(states, "W2").data.slice() },
      b2: get(states, "b2").data.slice(),
    };
    const ln = { weight: get(params, "ln_weight").data, bias: get(params, "ln_bias").data };
    const loss = () => {
      let total = 0;
      for (let t = 0; t < 3; t++) {
        const [key, value] = [one(get(inputs, "k"), t), one(get(inputs, "v"), t)];
        total +=
          at(get(inputs, "eta").data, t) * square(subtract(add(key, tttMlpNormed(memory, key, ln)), value));
      }
      return total;
    };
    const result = run(reference, made);
    const flat = { W1: memory.W1.data, b1: memory.b1, W2: memory.W2.data, b2: memory.b2 };
    for (const [name, start] of Object.entries(flat)) {
      const expected = subtract(start, differences(start, loss));
      expect(distance(get(result.states, name).data, expected)).toBeLessThan(1e-8);
    }
    const left = {
      W1: { ...memory.W1, data: get(result.states, "W1").data },
      b1: get(result.states, "b1").data,
      W2: { ...memory.W2, data: get(result.states, "W2").data },
      b2: get(result.states, "b2").data,
    };
    const query = one(get(inputs, "q"), 2);
    expect(distance(one(result.y, 2), add(query, tttMlpNormed(left, query, ln)))).toBe(0);
  });
});

// ---- one system as another --------------------------------------------------------------------------------

describe("equivalences", () => {
  const sizes: Sizes = { B: 2, T: 9, H: 3, dk: 4, dv: 3, n: 1 };

  it("RetNet is GLA with its α in every channel", () => {
    const made = randomCase(referenceFor("retnet"), sizes, 1, { edge: false, states: true });
    const alpha: Tensor = { shape: [2, 9, 3, 4], data: new Float64Array(2 * 9 * 3 * 4) };
    alpha.data.forEach((_, i) => {
      const head = Math.floor(i / 4) % 3;
      alpha.data[i] = [31 / 32, 63 / 64, 127 / 128][head] ?? Number.NaN;
    });
    expectSame(run(referenceFor("retnet"), made), run(gla, { ...made, inputs: { ...made.inputs, alpha } }));
  });

  it("KDA with one α for all channels is Gated DeltaNet", () => {
    const made = randomCase(gatedDeltanet, sizes, 2, { edge: true, states: true });
    const scalars = get(made.inputs, "alpha");
    const alpha: Tensor = {
      shape: [...scalars.shape, 4],
      data: new Float64Array(scalars.data.length * 4).map((_, i) => at(scalars.data, Math.floor(i / 4))),
    };
    expectSame(run(kda, { ...made, inputs: { ...made.inputs, alpha } }), run(gatedDeltanet, made));
  });

  it("DeltaProduct with one step is Gated DeltaNet", () => {
    const made = randomCase(deltaproduct, sizes, 3, { edge: true, states: true });
    const { q, k, v, alpha, beta } = made.inputs;
    if (!(q && k && v && alpha && beta)) throw new Error("inputs");
    const inputs = {
      q,
      alpha,
      k: { ...k, shape: [2, 9, 3, 4] },
      v: { ...v, shape: [2, 9, 3, 3] },
      beta: { ...beta, shape: [2, 9, 3] },
    };
    expectSame(run(deltaproduct, made), run(gatedDeltanet, { ...made, inputs }));
  });

  it("DeltaProduct's last step of a token is what DeltaNet has after n tokens", () => {
    const long = randomCase(deltanet, { ...sizes, T: 12 }, 4, { edge: true, states: true });
    const { k, v, beta } = long.inputs;
    if (!(k && v && beta)) throw new Error("inputs");
    const result = run(deltaproduct, {
      ...long,
      sizes: { ...sizes, T: 4, n: 3 },
      inputs: {
        q: { shape: [2, 4, 3, 4], data: new Float64Array(2 * 4 * 3 * 4) },
        alpha: { shape: [2, 4, 3], data: new Float64Array(2 * 4 * 3).fill(1) },
        k: { ...k, shape: [2, 4, 3, 3, 4] },
        v: { ...v, shape: [2, 4, 3, 3, 3] },
        beta: { ...beta, shape: [2, 4, 3, 3] },
      },
    });
    expectClose(get(result.states, "W"), get(run(deltanet, long).states, "W"));
  });

  it("Comba with α = 1 and p = k, and Gated DeltaNet with α = 1, are DeltaNet", () => {
    const made = randomCase(deltanet, sizes, 5, { edge: true, states: true });
    const alpha: Tensor = { shape: [2, 9, 3], data: new Float64Array(2 * 9 * 3).fill(1) };
    const expected = run(deltanet, made);
    const p = get(made.inputs, "k");
    expectSame(run(gatedDeltanet, { ...made, inputs: { ...made.inputs, alpha } }), expected);
    expectSame(run(comba, { ...made, inputs: { ...made.inputs, alpha, p } }), expected);
  });

  it("Comba with p = αk is Gated DeltaNet", () => {
    const made = randomCase(gatedDeltanet, sizes, 6, { edge: true, states: true });
    const [k, alpha] = [get(made.inputs, "k"), get(made.inputs, "alpha")];
    const p = { ...k, data: k.data.map((x, i) => x * at(alpha.data, Math.floor(i / 4))) };
    expectSame(run(comba, { ...made, inputs: { ...made.inputs, p } }), run(gatedDeltanet, made));
  });

  it("RWKV-7 with κ̂ = k, w = 1, a = β and β v is DeltaNet without its scale", () => {
    const made = randomCase(deltanet, sizes, 7, { edge: true, states: true });
    const { q, k, v, beta } = made.inputs;
    if (!(q && k && v && beta)) throw new Error("inputs");
    const inputs = {
      q: { ...q, data: q.data.map((x) => x / 2) },
      k,
      v: { ...v, data: v.data.map((x, i) => x * at(beta.data, Math.floor(i / 3))) },
      kappa: k,
      w: { ...k, data: k.data.map(() => 1) },
      a: { ...k, data: k.data.map((_, i) => at(beta.data, Math.floor(i / 4))) },
    };
    expectSame(run(referenceFor("rwkv7"), { ...made, inputs }), run(deltanet, made));
  });

  it("HGRN2 is GLA with k = 1 − α; DFW with β = 1 is GLA without its scale", () => {
    const made = randomCase(referenceFor("hgrn2"), sizes, 8, { edge: true, states: true });
    const { q, v, alpha } = made.inputs;
    if (!(q && v && alpha)) throw new Error("inputs");
    const k = { ...alpha, data: alpha.data.map((x) => 1 - x) };
    const expected = run(gla, { ...made, inputs: { ...made.inputs, k } });
    expectSame(run(referenceFor("hgrn2"), made), expected);
    const half = { ...q, data: q.data.map((x) => x / 2) };
    const beta = { ...v, data: v.data.map(() => 1) };
    expectSame(run(referenceFor("dfw"), { ...made, inputs: { q: half, k, v, alpha, beta } }), expected);
  });

  it("RWKV-6 with u = 1 and α = 1 is linear attention", () => {
    const made = randomCase(referenceFor("linear_attention"), sizes, 9, { edge: false, states: true });
    const k = get(made.inputs, "k");
    const alpha = { ...k, data: k.data.map(() => 1) };
    const u = { shape: [3, 4], data: new Float64Array(12).fill(1) };
    expectSame(
      run(referenceFor("rwkv6"), { ...made, inputs: { ...made.inputs, alpha }, params: { u } }),
      run(referenceFor("linear_attention"), made),
    );
  });

  it("Longhorn's step minimises ½‖W − W'‖² + β/2 ‖W k − v‖²", () => {
    const made = randomCase(referenceFor("longhorn"), { ...sizes, T: 1 }, 10, { edge: false, states: true });
    const W = get(run(referenceFor("longhorn"), made).states, "W").data;
    const prev = get(made.states, "W").data;
    for (let sequence = 0; sequence < 6; sequence++) {
      const M = W.slice(sequence * 12, (sequence + 1) * 12);
      const key = get(made.inputs, "k").data.slice(sequence * 4, (sequence + 1) * 4);
      const value = get(made.inputs, "v").data.slice(sequence * 3, (sequence + 1) * 3);
      const beta = at(get(made.inputs, "beta").data, sequence);
      const objective = () => {
        const move = subtract(M, prev.slice(sequence * 12, (sequence + 1) * 12));
        const error = subtract(apply({ rows: 3, columns: 4, data: M }, key), value);
        return square(move) + beta * square(error);
      };
      expect(norm(differences(M, objective))).toBeLessThan(1e-9);
    }
  });

  it("MesaNet is the dense solution of the weighted normal equations", () => {
    const reference = referenceFor("mesanet");
    const T = 11;
    for (const edge of [false, true]) {
      const { inputs, params, ...rest } = randomCase(reference, { ...sizes, T }, 14, { edge });
      const result = run(reference, { ...rest, inputs, params });
      for (let b = 0; b < 2; b++) {
        for (let h = 0; h < 3; h++) {
          const lambda = get(params, "lambda").data.slice(h * 4, h * 4 + 4);
          const of = (name: string, t: number, length: number) => {
            const start = ((b * T + t) * 3 + h) * length;
            return get(inputs, name).data.slice(start, start + length);
          };
          for (let t = 0; t < T; t++) {
            // M (Σ w k kᵀ + Diag λ) = Σ w v kᵀ with w the rate times all later decays, by elimination.
            const left = Array.from({ length: 4 }, (_, i) =>
              Array.from({ length: 4 }, (_, j) => (i === j ? at(lambda, i) : 0)),
            );
            const right = Array.from({ length: 3 }, () => [0, 0, 0, 0]);
            for (let s = 0; s <= t; s++) {
              let weight = at(of("beta", s, 1), 0);
              for (let r = s + 1; r <= t; r++) weight *= at(of("alpha", r, 1), 0);
              const [key, value] = [of("k", s, 4), of("v", s, 3)];
              for (let j = 0; j < 4; j++) {
                for (const [i, row] of left.entries())
                  row[j] = (row[j] ?? 0) + weight * at(key, i) * at(key, j);
                for (const [i, row] of right.entries())
                  row[j] = (row[j] ?? 0) + weight * at(value, i) * at(key, j);
              }
            }
            const y = right.map((target) => {
              const row = eliminate(left, target);
              return row.reduce((sum, x, j) => sum + x * at(of("q", t, 4), j), 0);
            });
            const start = ((b * T + t) * 3 + h) * 3;
            expect(distance(result.y.data.slice(start, start + 3), Float64Array.from(y))).toBeLessThan(1e-12);
          }
        }
      }
    }
  });

  it("a window that holds every token is attention; a window of one is the value", () => {
    const made = randomCase(referenceFor("attention"), sizes, 15, { edge: true });
    const whole = run(referenceFor("attention"), made);
    expectSame(run(slidingWindowAttentionOver(9), made), whole, 0);
    expectSame(run(referenceFor("sliding_window_attention"), made), whole, 0);
    expectClose(run(slidingWindowAttentionOver(1), made).y, get(made.inputs, "v"));
  });

  it("a window of w forgets exactly what is w tokens back", () => {
    const reference = referenceFor("sliding_window_attention");
    const one = { B: 1, T: 66, H: 1, dk: 2, dv: 1 };
    const { inputs } = randomCase(reference, one, 16, { edge: false });
    const before = reference.run(one, inputs, {}, {}).y.data;
    const v = get(inputs, "v");
    const changed = { ...v, data: v.data.map((x, i) => (i === 0 ? x + 100 : x)) };
    const after = reference.run(one, { ...inputs, v: changed }, {}, {}).y.data;
    expect(at(after, 63)).not.toBe(at(before, 63));
    expect(at(after, 64)).toBe(at(before, 64));
  });

  it("Titans without momentum is Yaad far below its switch", () => {
    const made = randomCase(referenceFor("yaad"), { ...sizes, dv: 4, T: 35 }, 17, { edge: false });
    const eta = get(made.inputs, "eta");
    const delta = { ...eta, data: eta.data.map(() => 1e6) };
    const yaad = run(referenceFor("yaad"), { ...made, inputs: { ...made.inputs, delta } });
    const zero = { ...eta, data: eta.data.map(() => 0) };
    const titans = run(referenceFor("titans"), {
      ...made,
      inputs: { ...made.inputs, eta: zero, theta: eta },
    });
    expectClose(titans.y, yaad.y);
    expectClose(get(titans.states, "W1"), get(yaad.states, "W1"));
    expectClose(get(titans.states, "W2"), get(yaad.states, "W2"));
  });

  it.each(["moneta", "yaad", "memora"])(
    "%s with one number for all channels is that of one number",
    (name) => {
      const made = randomCase(referenceFor(name), { ...sizes, dv: 4, T: 35 }, 19, {
        edge: true,
        states: true,
      });
      const inputs = Object.fromEntries(
        Object.entries(made.inputs).map(([input, given]): [string, Tensor] => [
          input,
          given.shape.length > 3
            ? given
            : {
                shape: [...given.shape, 4],
                data: new Float64Array(given.data.length * 4).map((_, i) =>
                  at(given.data, Math.floor(i / 4)),
                ),
              },
        ]),
      );
      const byChannel = references.find((r) => r.name === name && r.model !== undefined) as Reference;
      expectSame(run(byChannel, { ...made, inputs }), run(referenceFor(name), made), 0);
    },
  );

  it("Memora reads weights that sum to one, and a constant added to a row of its accumulator changes nothing", () => {
    const reference = referenceFor("memora");
    const made = randomCase(reference, { ...sizes, dv: 4, T: 35 }, 18, { edge: true });
    const W1 = get(made.states, "W1");
    const shifted = { ...W1, data: W1.data.map((x, i) => x + Math.floor(i / 16)) };
    const moved = run(reference, { ...made, states: { ...made.states, W1: shifted } });
    expectClose(moved.y, run(reference, made).y, 1e-11);
  });
});

/** x with A x = b, by Gaussian elimination with row exchanges. */
function eliminate(A: readonly (readonly number[])[], b: readonly number[]): number[] {
  const n = b.length;
  const rows = A.map((row, i) => [...row, b[i] ?? Number.NaN]);
  const entry = (i: number, j: number) => rows[i]?.[j] ?? Number.NaN;
  for (let column = 0; column < n; column++) {
    let best = column;
    for (let i = column; i < n; i++) if (Math.abs(entry(i, column)) > Math.abs(entry(best, column))) best = i;
    const [upper, lower] = [rows[column] ?? [], rows[best] ?? []];
    rows[column] = lower;
    rows[best] = upper;
    for (let i = column + 1; i < n; i++) {
      const factor = entry(i, column) / entry(column, column);
      rows[i] = (rows[i] ?? []).map((x, j) => x - factor * entry(column, j));
    }
  }
  const x = new Array<number>(n).fill(0);
  for (let i = n - 1; i >= 0; i--) {
    let sum = entry(i, n);
    for (let j = i + 1; j < n; j++) sum -= entry(i, j) * (x[j] ?? 0);
    x[i] = sum / entry(i, i);
  }
  return x;
}

// ---- every system -----------------------------------------------------------------------------------------

/** The states, as the shapes say they are. */
function expectShapes(reference: Reference, sizes: Sizes, result: Result): void {
  expect(result.y.shape).toEqual([sizes.B, sizes.T, sizes.H, sizes.dv]);
  const shapes = reference.states(sizes);
  expect(Object.keys(result.states).sort()).toEqual(Object.keys(shapes).sort());
  for (const [name, shape] of Object.entries(shapes)) expect(get(result.states, name).shape).toEqual(shape);
}

it("there are 27 systems in 24 files, each title once", () => {
  expect(new Set(references.map(({ name }) => name)).size).toBe(24);
  expect(new Set(references.map(titleOf)).size).toBe(27);
  expect(references.length).toBe(27);
});

describe.each(references.map((reference) => [titleOf(reference), reference] as const))(
  "%s",
  (name, reference) => {
    it("gives finite numbers of the right shapes, also at the edges and for large values", () => {
      for (const edge of [false, true]) {
        for (const values of [1, 1e4]) {
          const sizes = sizesFor(reference, 40);
          const made = randomCase(reference, sizes, 20, { edge, states: true, values });
          const result = run(reference, made);
          expectShapes(reference, sizes, result);
          for (const { data } of [result.y, ...Object.values(result.states)]) {
            expect(data.every(Number.isFinite)).toBe(true);
          }
        }
      }
    });

    it("with no tokens gives no output and the states that came in", () => {
      const sizes = sizesFor(reference, 0);
      const made = randomCase(reference, sizes, 21, { edge: false, states: true });
      const result = run(reference, made);
      expectShapes(reference, sizes, result);
      for (const [state, { data }] of Object.entries(result.states))
        expect(data).toEqual(get(made.states, state).data);
    });

    it("starts at zero what is not given, and refuses to start without what is learned", () => {
      const sizes = sizesFor(reference, 5);
      const made = randomCase(reference, sizes, 22, { edge: false });
      const states: Record<string, Tensor> = {};
      for (const [state, shape] of Object.entries(reference.states(sizes))) {
        const count = shape.reduce((product, extent) => product * extent, 1);
        states[state] = made.states[state] ?? { shape, data: new Float64Array(count) };
      }
      expectSame(run(reference, { ...made, states }), run(reference, made), 0);
      for (const state of reference.learned) {
        const rest = Object.fromEntries(Object.entries(made.states).filter(([other]) => other !== state));
        expect(() => run(reference, { ...made, states: rest })).toThrow();
      }
    });

    it("changes nothing that it is given", () => {
      const made = randomCase(reference, sizesFor(reference, 5), 23, { edge: false, states: true });
      const copy = structuredClone(made);
      run(reference, made);
      expect(made).toEqual(copy);
    });

    it("treats each batch entry alone, and takes states without the batch dimension", () => {
      const sizes = sizesFor(reference, 5);
      const one = { ...sizes, B: 1 };
      const made = randomCase(reference, one, 24, { edge: false, states: true });
      const twice = (tensors: Tensors): Tensors =>
        Object.fromEntries(
          Object.entries(tensors).map(([key, { shape, data }]) => [
            key,
            tensor([2, ...shape.slice(1)], [...data, ...data]),
          ]),
        );
      const unbatched = Object.fromEntries(
        Object.entries(made.states).map(([key, { shape, data }]) => [key, tensor(shape.slice(1), [...data])]),
      );
      const single = run(reference, made);
      const double = run(reference, { ...made, sizes, inputs: twice(made.inputs), states: unbatched });
      expectSame(
        double,
        {
          y: get(twice({ y: single.y }), "y"),
          states: twice(single.states),
        },
        0,
      );
    });

    it("does not look ahead", () => {
      const sizes = sizesFor(reference, 21);
      const made = randomCase(reference, sizes, 25, { edge: false, states: true });
      const other = randomCase(reference, sizes, 26, { edge: false, states: true });
      const whole = run(reference, made).y;
      for (const t of [1, 7, 16, 18]) {
        const inputs: Record<string, Tensor> = {};
        for (const [input, { shape, data }] of Object.entries(made.inputs)) {
          const step = data.length / 2 / 21;
          const strange = get(other.inputs, input).data;
          inputs[input] = {
            shape,
            data: data.map((x, i) => (Math.floor(i / step) % 21 < t ? x : at(strange, i))),
          };
        }
        const changed = run(reference, { ...made, inputs }).y;
        expectClose(get(slice({ y: changed }, 0, t), "y"), get(slice({ y: whole }, 0, t), "y"), 0);
        expect(distance(changed.data, whole.data)).toBeGreaterThan(1e-3);
      }
    });

    // Attention has no state to carry.
    it.skipIf(
      name.endsWith("attention") && Object.keys(reference.states(sizesFor(reference, 1))).length === 0,
    )("read in two parts, with the state carried over, is the same", () => {
      const sizes = sizesFor(reference, 37);
      for (const edge of [false, true]) {
        const made = randomCase(reference, sizes, 27, { edge, states: true });
        const whole = run(reference, made);
        const cuts = reference.chunk === undefined ? [0, 1, 20, 37] : [0, 16, 32];
        for (const cut of cuts) {
          const first = run(reference, {
            ...made,
            sizes: { ...sizes, T: cut },
            inputs: slice(made.inputs, 0, cut),
          });
          const second = run(reference, {
            ...made,
            sizes: { ...sizes, T: 37 - cut },
            inputs: slice(made.inputs, cut, 37),
            states: first.states,
          });
          expectClose(first.y, get(slice({ y: whole.y }, 0, cut), "y"), 0);
          expectClose(second.y, get(slice({ y: whole.y }, cut, 37), "y"), 0);
          for (const state of Object.keys(whole.states)) {
            expectClose(get(second.states, state), get(whole.states, state), 0);
          }
        }
      }
    });

    it("answers a small change of its inputs with a small change, in its steady ranges", () => {
      const sizes = { B: 1, T: 200, H: 1, dk: 8, dv: 8, n: 2 };
      const made = randomCase(reference, sizes, 28, { edge: false, states: true, steady: true });
      const nudge = new Random(29);
      const nudged = (tensors: Tensors): Tensors =>
        Object.fromEntries(
          Object.entries(tensors).map(([key, { shape, data }]) => [
            key,
            { shape, data: data.map((x) => x * (1 + 1e-9 * nudge.between(-1, 1))) },
          ]),
        );
      const moved = run(reference, { ...made, inputs: nudged(made.inputs) });
      const whole = run(reference, made);
      expect(norm(subtract(moved.y.data, whole.y.data)) / norm(whole.y.data)).toBeLessThan(1e-7);
      for (const [gate, [low, high]] of Object.entries(reference.steady ?? {})) {
        const [lowest, highest] = reference.ranges[gate] ?? [0, 0];
        expect(low).toBeGreaterThanOrEqual(lowest);
        expect(high).toBeLessThanOrEqual(highest);
      }
    });

    it("makes its random cases from the seed alone, inside the ranges", () => {
      const sizes = sizesFor(reference, 6);
      const options = { edge: true, states: true };
      expect(randomCase(reference, sizes, 1, options)).toEqual(randomCase(reference, sizes, 1, options));
      expect(randomCase(reference, sizes, 1, options)).not.toEqual(randomCase(reference, sizes, 2, options));
      const { inputs, params } = randomCase(reference, sizes, 1, options);
      for (const [gate, [low, high]] of Object.entries(reference.ranges)) {
        const { data } = get({ ...inputs, ...params }, gate);
        expect(data.every((x) => x >= low && x <= high)).toBe(true);
      }
    });
  },
);

describe("the chunk", () => {
  const families: ((chunk: number) => Reference)[] = [
    tttLinearWith,
    tttMlpWith,
    titansWith,
    monetaWith,
    (chunk) => monetaWith(chunk, "by channel"),
    yaadWith,
    (chunk) => yaadWith(chunk, "by channel"),
    memoraWith,
    (chunk) => memoraWith(chunk, "by channel"),
  ];
  const titled = families.map((family) => [titleOf(family(16)), family] as const);

  it.each(titled)("%s is 16 unless it is set, and matters", (_, family) => {
    const { name, model } = family(16);
    const reference = referenceFor(name, model);
    const made = randomCase(reference, { B: 1, T: 20, H: 1, dk: 4, dv: 4 }, 30, { edge: false });
    const standard = run(reference, made);
    expectSame(run(family(16), made), standard, 0);
    for (const other of [1, 4, 20]) {
      expect(distance(run(family(other), made).y.data, standard.y.data)).toBeGreaterThan(1e-6);
    }
  });
});

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
