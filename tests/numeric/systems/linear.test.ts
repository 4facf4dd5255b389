/** Systems that add to a decaying matrix: linear attention and its kin. */
import { describe, it } from "vitest";
import { gla } from "../reference/gla.ts";
import {
  lightningAttentionIn,
  randomCase,
  referenceFor,
  type Sizes,
  type Tensor,
} from "../reference/index.ts";
import { byHand } from "./by-hand.ts";
import { expectClose, expectSame, get, run, tensor } from "./tensors.ts";

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
});

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
});
