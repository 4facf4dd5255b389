/** The tasks of MAD: what a sequence is made of, and that its answers can be known. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compression, madSelectiveCopying } from "../../runtime/data/copying.ts";
import { fuzzyInContextRecall } from "../../runtime/data/fuzzy-recall.ts";
import { inContextRecall, noisyInContextRecall } from "../../runtime/data/in-context-recall.ts";
import { memorization } from "../../runtime/data/memorization.ts";
import { asked, forSequences, isNear, type Sequence, sequencesOf, take } from "./sources.ts";

const pairSizes = fc.record({
  V: fc.integer({ min: 10, max: 40 }),
  T: fc.integer({ min: 2, max: 30 }).map((n) => 2 * n),
});

/** In training each token's target is the next one. */
const nextOnes = ({ tokens, targets }: Sequence): void =>
  expect(targets.slice(0, -1)).toEqual(tokens.slice(1));

/** A table read from the sequence itself says where there should be a target, and which. */
function answersOf(tokens: readonly number[], keys: number): number[] {
  const table = new Map<number, number>();
  return tokens.map((token, t) => {
    if (t % 2 === 1 || token >= keys) return -1;
    const answer = table.get(token) ?? -1;
    table.set(token, tokens[t + 1] as number);
    return answer;
  });
}

describe("in-context recall", () => {
  it("validates by the values of keys that have come before, the last one among them", () => {
    forSequences(inContextRecall, pairSizes, "validation", (sequence, { V = 0, T = 0 }) => {
      const { tokens, targets } = sequence;
      const keys = Math.floor(V / 2);
      for (const [t, token] of tokens.entries())
        expect(t % 2 === 0 ? token < keys : token >= keys).toBe(true);
      expect(targets).toEqual(answersOf(tokens, keys));
      expect(asked(sequence)).toContain(T - 2);
    });
  });

  it("trains on every next token", () => {
    forSequences(inContextRecall, pairSizes, "training", nextOnes);
  });

  it("in the noisy task has noise in place of pairs, as often as is said, and one pair at least", () => {
    const sizes = fc.record({
      V: fc.integer({ min: 10, max: 40 }),
      T: fc.integer({ min: 2, max: 30 }).map((n) => 2 * n),
      noise: fc.integer({ min: 1, max: 8 }),
      share: fc.double({ min: 0, max: 0.99, noNaN: true }),
    });
    forSequences(noisyInContextRecall, sizes, "validation", (sequence, { V = 0, T = 0, noise = 0 }) => {
      const { tokens, targets } = sequence;
      const [symbols, keys] = [V - noise, Math.floor((V - noise) / 2)];
      for (let t = 0; t < T; t += 2) {
        const [a = 0, b = 0] = tokens.slice(t, t + 2);
        expect(a >= symbols ? b >= symbols : a < keys && b >= keys && b < symbols).toBe(true);
      }
      expect(targets).toEqual(answersOf(tokens, keys));
      expect(asked(sequence)).toContain(T - 2);
    });

    const task = noisyInContextRecall.task({ B: 100 }, 0);
    const noisy = take(task, 1)
      .flatMap(sequencesOf)
      .flatMap(({ tokens }) => tokens.filter((token) => token >= 16));
    isNear(noisy.length / 2, 0.2 * 100 * 62);
  });
});

describe("fuzzy in-context recall", () => {
  const sizes = fc
    .record({
      key: fc.integer({ min: 1, max: 3 }),
      value: fc.integer({ min: 1, max: 3 }),
      more: fc.nat(40),
      V: fc.integer({ min: 7, max: 20 }),
    })
    .map(({ key, value, more, V }) => ({ key, value, V, T: 3 * (key + value) + more }));

  /** Reads a sequence of validation as its definition says: filler, then keys of `size` tokens, each with its value. */
  function answers(tokens: readonly number[], V: number, size: number, last: readonly number[]): number[] {
    const keys = Math.floor((V - 1) / 2);
    const table = new Map<string, number[]>();
    const found = tokens.map(() => -1);
    const start = tokens.findIndex((token) => token !== V - 1);
    for (let t = start; t < tokens.length; ) {
      const key = tokens.slice(t, t + size);
      expect(key).toHaveLength(size);
      expect(key.every((token) => token < keys)).toBe(true);
      expect(new Set(key).size).toBe(size);
      let end = t + size;
      while (end < tokens.length && (tokens[end] as number) >= keys) end++;
      const value = tokens.slice(t + size, end);
      const known = table.get(key.join());
      if (end < tokens.length) expect(value).toEqual(known ?? value);
      else expect([...value, ...last]).toEqual(known);
      for (const [n, token] of (known ?? []).entries()) found[t + size - 1 + n] = token;
      table.set(key.join(), value);
      t = end;
    }
    return found;
  }

  it("validates by the values of keys that have come before, the last one among them", () => {
    forSequences(fuzzyInContextRecall, sizes, "validation", ({ tokens, targets }, { V = 0, key = 0 }) => {
      expect(targets.at(-1)).toBeGreaterThanOrEqual(0);
      expect(targets).toEqual(answers(tokens, V, key, targets.slice(-1)));
    });
  });

  it("trains on every next token, with keys of all sizes", () => {
    forSequences(fuzzyInContextRecall, sizes, "training", (sequence) => {
      nextOnes(sequence);
      expect(sequence.targets.at(-1)).toBeGreaterThanOrEqual(0);
    });
  });
});

describe("selective copying", () => {
  const sizes = fc
    .record({ n: fc.integer({ min: 1, max: 8 }), more: fc.nat(20), V: fc.integer({ min: 3, max: 20 }) })
    .map(({ n, more, V }) => ({ n, V, T: 2 * n + 2 + more }));

  it("asks, after the copy token, for the tokens that are no blanks", () => {
    forSequences(madSelectiveCopying, sizes, "training", (sequence, { V = 0, T = 0, n = 0 }) => {
      const { tokens, targets } = sequence;
      const context = tokens.slice(0, T - n - 1);
      expect(context.filter((token) => token !== V - 2)).toEqual(targets.slice(-n));
      expect(tokens.slice(T - n - 1)).toEqual([V - 1, ...new Array<number>(n).fill(V - 2)]);
      expect(targets.slice(0, -n).every((target) => target === -1)).toBe(true);
      expect(targets.slice(-n).every((target) => target < V - 2)).toBe(true);
    });
  });
});

describe("compression", () => {
  it("asks for all that was read", () => {
    const sizes = fc.record({
      V: fc.integer({ min: 2, max: 20 }),
      T: fc.integer({ min: 1, max: 20 }).map((n) => 2 * n),
    });
    forSequences(compression, sizes, "training", ({ tokens, targets }, { V = 0, T = 0 }) => {
      const read = tokens.slice(0, T / 2);
      expect(read.every((token) => token < V - 1)).toBe(true);
      expect(tokens.slice(T / 2).every((token) => token === V - 1)).toBe(true);
      expect(targets).toEqual([...read.map(() => -1), ...read]);
    });
  });
});

describe("memorization", () => {
  it("asks by one table, of training and validation alike, in which no value comes twice", () => {
    const sizes = fc.record({
      V: fc.integer({ min: 3, max: 20 }),
      T: fc.integer({ min: 1, max: 20 }).map((n) => 2 * n),
    });
    fc.assert(
      fc.property(sizes, fc.integer(), (given, seed) => {
        const { V, T } = given;
        const keys = Math.floor((V - 1) / 2);
        const task = memorization.task({ B: 4, validation: 4, ...given }, seed);
        const table = new Map<number, number>();
        for (const { tokens, targets } of [...take(task, 4), ...task.validation()].flatMap(sequencesOf)) {
          for (let t = 0; t < T; t += 2) {
            const [key = 0, value = 0] = [tokens[t], targets[t + 1]];
            expect([targets[t], tokens[t + 1]]).toEqual([-1, V - 1]);
            expect(key < keys && value >= keys && value < V - 1).toBe(true);
            expect(table.get(key) ?? value).toBe(value);
            table.set(key, value);
          }
        }
        expect(new Set(table.values()).size).toBe(table.size);
      }),
    );
  });
});
