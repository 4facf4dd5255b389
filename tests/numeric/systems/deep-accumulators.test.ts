/** What the deep memories have after three tokens of one chunk, without their loops. */
import { describe, expect, it } from "vitest";
import { add, apply, type Matrix, subtract, type Vector } from "../reference/algebra.ts";
import { randomCase, referenceFor, references, type Tensor, titleOf } from "../reference/index.ts";
import { memoraLink } from "../reference/memora.ts";
import { type Mlp, readMlp } from "../reference/mlp.ts";
import { monetaLink } from "../reference/moneta.ts";
import { tttMlpNormed } from "../reference/ttt_mlp.ts";
import { cube, differences, square } from "./differences.ts";
import { at, distance, get, run } from "./tensors.ts";

/** The width of a memory. */
const d = 3;

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
