import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mqar, mqarShape, mqarTiny } from "../../runtime/data/mqar.ts";
import { Random, STREAM } from "../../runtime/data/random.ts";
import { asked, forSequences, holdsOf, isNear, sequencesOf, take, tally } from "./sources.ts";

const sizes = fc
  .record({ kv: fc.integer({ min: 1, max: 12 }), more: fc.nat(20), V: fc.integer({ min: 14, max: 60 }) })
  .chain(({ kv, more, V }) =>
    fc.record({
      kv: fc.constant(kv),
      T: fc.constant(4 * kv + 2 * more),
      V: fc.constant(2 * V),
      filler: fc.nat(1),
    }),
  );

describe("mqar", () => {
  it("has pairs first, different keys, and each key's value as the target of its one query", () => {
    forSequences(mqarTiny, sizes, "training", (sequence, { V = 0, kv = 0, filler = 0 }) => {
      const { tokens, targets } = sequence;
      const keys = tokens.slice(0, 2 * kv).filter((_, t) => t % 2 === 0);
      const values = tokens.slice(0, 2 * kv).filter((_, t) => t % 2 === 1);
      expect(new Set(keys).size).toBe(kv);
      expect(new Set(values).size).toBe(kv);
      expect(keys.every((key) => key >= 1 && key < V / 2)).toBe(true);
      expect(values.every((value) => value >= V / 2 && value < V)).toBe(true);

      const queries = asked(sequence);
      expect(queries.map((t) => tokens[t]).sort()).toEqual([...keys].sort());
      for (const t of queries) {
        expect(t).toBeGreaterThanOrEqual(2 * kv);
        expect(t % 2).toBe(0);
        expect(targets[t]).toBe(values[keys.indexOf(tokens[t] as number)]);
      }
      if (filler === 0) {
        expect(tokens.filter((token) => token !== 0)).toHaveLength(3 * kv);
      }
    });
  });

  it("is the same again, and goes on from any position", () => {
    fc.assert(
      fc.property(sizes, fc.integer(), fc.nat(4), fc.nat(4), (given, seed, before, after) => {
        holdsOf((of) => mqarTiny.task({ B: 3, validation: 7, ...given }, of), seed, before, after);
      }),
      { numRuns: 40 },
    );
  });

  it("asks for one gap in proportion to (g + 1)^(a - 1)", () => {
    const shape = mqarShape({ V: 64, T: 34, kv: 1, isRandomlyFilled: false });
    const random = Random.of(5, STREAM.training);
    const draws = 20_000;
    const counts = tally(draws, () => {
      const targets = new Int32Array(34).fill(-1);
      shape.fill(random, new Int32Array(34), targets);
      return (targets.findIndex((target) => target >= 0) - 2) / 2;
    });
    const weights = Array.from({ length: 16 }, (_, gap) => (gap + 1) ** -0.99);
    const total = weights.reduce((a, b) => a + b);
    for (const [gap, weight] of weights.entries()) isNear(counts.get(gap), (draws * weight) / total);
  });

  it("has room for queries only: then every even place is one", () => {
    forSequences(mqarTiny, fc.constant({ V: 18, T: 32, kv: 8 }), "training", (sequence) => {
      expect(asked(sequence)).toEqual([16, 18, 20, 22, 24, 26, 28, 30]);
    });
  });

  it("mixes the three shapes of the preset, one to a batch, and validates by each alike", () => {
    const task = mqar.task({ B: 2, validation: 12 }, 0);
    expect(task.vocabulary).toBe(8192);
    const pairsOf = new Map([
      [64, 4],
      [128, 8],
      [256, 16],
    ]);
    const lengths = take(task, 60).map((batch) => {
      for (const sequence of sequencesOf(batch))
        expect(asked(sequence)).toHaveLength(pairsOf.get(batch.T) ?? 0);
      return batch.T;
    });
    for (const T of pairsOf.keys())
      expect(lengths.filter((length) => length === T).length).toBeGreaterThan(8);
    expect([...task.validation()].map(({ T }) => T)).toEqual([64, 128, 256, 64, 128, 256]);
  });

  it.each([
    [{ T: 31 }, "T should be even"],
    [{ T: 32, kv: 9 }, "take T ≥ 36 or kv ≤ 8"],
    [{ V: 7 }, "V should be even"],
    [{ V: 8 }, "take V ≥ 10"],
    [{ kv: 0 }, "mqar-tiny: kv (pairs of a sequence) should be a whole number from 1 up, and is 0"],
    [{ length: 4 }, "mqar-tiny has no size length; its sizes are V, T, kv, filler, B, validation"],
  ])("refuses %j", (given, why) => {
    expect(() => mqarTiny.task(given, 0)).toThrow(why);
    expect(() => mqarTiny.task(given, 0)).toThrow(RangeError);
  });
});
