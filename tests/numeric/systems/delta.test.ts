/** Systems of the delta rule: DeltaNet and its kin. */
import { describe, expect, it } from "vitest";
import { apply, norm, subtract } from "../reference/algebra.ts";
import { comba } from "../reference/comba.ts";
import { deltanet } from "../reference/deltanet.ts";
import { deltaproduct } from "../reference/deltaproduct.ts";
import { gatedDeltanet } from "../reference/gated_deltanet.ts";
import { randomCase, referenceFor, type Sizes, type Tensor } from "../reference/index.ts";
import { kda } from "../reference/kda.ts";
import { byHand } from "./by-hand.ts";
import { differences, square } from "./differences.ts";
import { at, expectClose, expectSame, get, run } from "./tensors.ts";

describe("worked by hand", () => {
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
});

describe("equivalences", () => {
  const sizes: Sizes = { B: 2, T: 9, H: 3, dk: 4, dv: 3, n: 1 };

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
});
