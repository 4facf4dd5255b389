/** Drawing tokens from logits. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Random } from "../../runtime/data/random.ts";
import { type Generation, generate, sample } from "../../runtime/training/sample.ts";
import { Bigram } from "./bigram.ts";

const random = () => Random.of(1, 0);
const never = new AbortController().signal;

describe("one token", () => {
  it("is the likeliest at temperature 0, and the first of equal ones", () => {
    const at = (...logits: number[]) => sample(Float32Array.from(logits), { temperature: 0 }, random());
    expect(at(0, 3, 1)).toBe(1);
    expect(at(0, 3, 3, -1)).toBe(1);
    expect(at(-Infinity, -5)).toBe(1);
    expect(at(Number.NaN, -5, Number.NaN)).toBe(1);
    expect(() => at(Number.NaN)).toThrow(RangeError);
  });

  it("comes as often as it is likely", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 1, maxLength: 5 }),
        fc.constantFrom(0.5, 1, 2),
        fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
        (given, temperature, topK) => {
          const logits = Float32Array.from(given);
          const source = random();
          const draws = 4000;
          const counts = logits.map(() => 0);
          for (let i = 0; i < draws; i++) {
            const token = sample(logits, { temperature, topK }, source);
            counts[token] = (counts[token] ?? 0) + 1;
          }
          const powers = [...logits].map((x) => Math.exp(x / temperature));
          const allowed = [...powers.keys()]
            .sort((a, b) => (logits[b] as number) - (logits[a] as number) || a - b)
            .slice(0, topK);
          const sum = allowed.reduce((total, i) => total + (powers[i] as number), 0);
          for (const [i, power] of powers.entries()) {
            const expected = allowed.includes(i) ? power / sum : 0;
            // Five standard deviations of a share of so many draws.
            const slack = 5 * Math.sqrt((expected * (1 - expected)) / draws) + 1e-9;
            expect(Math.abs((counts[i] as number) / draws - expected)).toBeLessThanOrEqual(slack);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("may be infinitely likely", () => {
    const logits = Float32Array.of(0, Infinity, Infinity, -Infinity);
    const source = random();
    const drawn = new Set(Array.from({ length: 50 }, () => sample(logits, { temperature: 1 }, source)));
    expect(drawn).toEqual(new Set([1, 2]));
  });
});

describe("many tokens", () => {
  const settings: Generation = { tokens: 6, temperature: 0, vocabulary: 7, signal: never };
  async function said(changes: Partial<Generation> = {}, prompt: readonly number[] = [3]): Promise<number[]> {
    const network = new Bigram(7);
    const weights = await network.weights();
    // After a token comes the next one.
    weights.get("table")?.data.forEach((_, i, all) => {
      all[i] = i % 7 === (Math.floor(i / 7) + 1) % 7 ? 1 : 0;
    });
    await network.restore(weights);
    const all: number[] = [];
    for await (const token of generate(await network.reader(), prompt, { ...settings, ...changes }, random()))
      all.push(token);
    return all;
  }

  it("follow the prompt and each other", async () => {
    expect(await said()).toEqual([4, 5, 6, 0, 1, 2]);
    expect(await said({}, [3, 1])).toEqual([2, 3, 4, 5, 6, 0]);
    expect(await said({ tokens: 0 })).toEqual([]);
    expect(await said({ tokens: 1 })).toEqual([4]);
  });

  it("stay within the vocabulary of the task", async () => {
    const all = await said({ vocabulary: 5, tokens: 50, temperature: 1 });
    expect(Math.max(...all)).toBe(4);
  });

  it("are the same for the same seed", async () => {
    const draw = () => said({ temperature: 1, tokens: 30 });
    expect(await draw()).toEqual(await draw());
  });

  it("end when the signal comes", async () => {
    const stop = new AbortController();
    const all: number[] = [];
    const reader = await new Bigram(7).reader();
    for await (const token of generate(reader, [1], { ...settings, signal: stop.signal }, random())) {
      all.push(token);
      if (all.length === 2) stop.abort();
    }
    expect(all).toHaveLength(2);
  });
});
