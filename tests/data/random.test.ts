import fc from "fast-check";
import { xoroshiro128plusFromState } from "pure-rand/generator/xoroshiro128plus";
import { describe, expect, it } from "vitest";
import { Random, STREAM } from "../../runtime/data/random.ts";
import { isNear, tally } from "./sources.ts";

const WORDS = 2 ** 32;
const seeds = fc.maxSafeInteger();

describe("random numbers", () => {
  it("are the same for the same seed, and others for another seed or stream", () => {
    const first = (seed: number, stream: number) => {
      const random = Random.of(seed, stream);
      return Array.from({ length: 4 }, () => random.below(2 ** 31));
    };
    fc.assert(
      fc.property(seeds, seeds, (a, b) => {
        expect(first(a, STREAM.training)).toEqual(first(a, STREAM.training));
        expect(first(a, STREAM.training)).not.toEqual(first(a, STREAM.validation));
        if (a !== b) expect(first(a, STREAM.training)).not.toEqual(first(b, STREAM.training));
      }),
    );
  });

  it("are those of xoroshiro128+, whose states another implementation goes through too", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const random = Random.of(seed, STREAM.training);
        const other = xoroshiro128plusFromState(random.state());
        for (let n = 0; n < 50; n++) {
          random.below(WORDS);
          other.next();
          expect(random.state()).toEqual(other.getState());
        }
      }),
    );
  });

  it("draw the high half of the sum of both words", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const random = Random.of(seed, STREAM.training);
        const [a1 = 0, a0 = 0, b1 = 0, b0 = 0] = random.state().map((half) => BigInt(half >>> 0));
        const sum = BigInt.asUintN(64, (BigInt(a1) << 32n) + BigInt(a0) + (BigInt(b1) << 32n) + BigInt(b0));
        expect(random.below(WORDS)).toBe(Number(sum >> 32n));
      }),
    );
  });

  it("go on from a state as JSON", () => {
    fc.assert(
      fc.property(seeds, fc.nat(20), (seed, skipped) => {
        const random = Random.of(seed, STREAM.training);
        for (let n = 0; n < skipped; n++) random.fraction();
        const other = Random.at(JSON.parse(JSON.stringify(random.state())));
        for (let n = 0; n < 5; n++) expect(other.fraction()).toBe(random.fraction());
      }),
    );
  });

  it.each([[undefined], [[]], [[1, 2, 3]], [[0, 0, 0, 0]], [[1, 2, 3, 2 ** 31]], [[1, 2, 3, 0.5]], ["1234"]])(
    "do not go on from %j",
    (state) => {
      expect(() => Random.at(state)).toThrow(RangeError);
    },
  );

  it("refuse a seed that is not exact", () => {
    for (const seed of [0.5, Number.NaN, 2 ** 53]) {
      expect(() => Random.of(seed, STREAM.training)).toThrow(RangeError);
    }
  });

  it("are even: each of n within five standard deviations", () => {
    const random = Random.of(1, STREAM.training);
    const draws = 70_000;
    const counts = tally(draws, () => random.below(7));
    for (let n = 0; n < 7; n++) isNear(counts.get(n), draws / 7);
    let sum = 0;
    for (let n = 0; n < draws; n++) sum += random.fraction();
    expect(Math.abs(sum / draws - 0.5)).toBeLessThan(5 / Math.sqrt(12 * draws));
  });
});

describe("a choice without replacement", () => {
  it("has as many different ones as asked for", () => {
    fc.assert(
      fc.property(seeds, fc.nat(40), fc.nat(40), (seed, count, more) => {
        const n = count + more;
        const chosen = Random.of(seed, STREAM.training).distinct(count, n);
        expect(new Set(chosen).size).toBe(count);
        expect(chosen.every((x) => x >= 0 && x < n)).toBe(true);
      }),
    );
  });

  it("is a shuffle where it takes all, each order as likely", () => {
    const random = Random.of(2, STREAM.training);
    const counts = tally(12_000, () => random.distinct(3, 3).join(""));
    expect(counts.size).toBe(6);
    for (const count of counts.values()) isNear(count, 2000);
  });

  it("with weights takes each in proportion to what is left", () => {
    const random = Random.of(3, STREAM.training);
    const weights = [4, 2, 1, 1];
    const draws = 40_000;
    const pairs = tally(draws, () => random.weighted(2, weights).join(" "));
    for (const [a, first] of weights.entries()) {
      for (const [b, second] of weights.entries()) {
        if (a === b) continue;
        isNear(pairs.get(`${a} ${b}`), draws * (first / 8) * (second / (8 - first)));
      }
    }
  });
});
