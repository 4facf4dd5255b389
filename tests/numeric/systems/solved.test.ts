/** Systems whose output is a solution over all tokens: MesaNet and attention. */
import { describe, expect, it } from "vitest";
import { randomCase, referenceFor, type Sizes, slidingWindowAttentionOver } from "../reference/index.ts";
import { k, q, v } from "./by-hand.ts";
import { at, distance, expectClose, expectSame, get, run, tensor } from "./tensors.ts";

describe("worked by hand", () => {
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
});

describe("equivalences", () => {
  const sizes: Sizes = { B: 2, T: 9, H: 3, dk: 4, dv: 3, n: 1 };

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
