import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Text, textTask } from "../../runtime/data/text.ts";
import { holdsOf, sequencesOf, take } from "./sources.ts";

/** Tokens 0, 1, 2, …, so that a token says where it stands. */
const counting = (length: number, rest: Partial<Text> = {}): Text => ({
  description: "counting",
  vocabulary: length,
  tokens: Int32Array.from({ length }, (_, n) => n),
  B: 3,
  T: 4,
  seed: 0,
  ...rest,
});

const texts = fc
  .record({ T: fc.integer({ min: 1, max: 20 }), B: fc.integer({ min: 1, max: 5 }), more: fc.nat(200) })
  .map(({ T, B, more }) => counting(Math.max(11, Math.ceil((T + 2) / 0.9)) + more, { T, B }));

describe("text", () => {
  it("trains on windows of the first nine tenths, each target the token after", () => {
    fc.assert(
      fc.property(texts, fc.integer(), (text, seed) => {
        const split = Math.floor(text.tokens.length * 0.9);
        for (const { tokens, targets } of take(textTask({ ...text, seed }), 5).flatMap(sequencesOf)) {
          const start = tokens[0] as number;
          expect(tokens).toEqual(tokens.map((_, t) => start + t));
          expect(targets).toEqual(tokens.map((token) => token + 1));
          expect(targets.at(-1)).toBeLessThan(split);
        }
      }),
    );
  });

  it("validates by the last tenth: each of its tokens but the first is a target once, in order", () => {
    fc.assert(
      fc.property(texts, (text) => {
        const split = Math.floor(text.tokens.length * 0.9);
        const targets = [...textTask(text).validation()].flatMap((batch) => [...batch.targets]);
        expect(targets.filter((target) => target >= 0)).toEqual([
          ...Array.from(text.tokens).slice(split + 1),
        ]);
      }),
    );
  });

  it("is the same again, and goes on from any position", () => {
    fc.assert(
      fc.property(texts, fc.integer(), fc.nat(4), fc.nat(4), (text, seed, before, after) => {
        holdsOf((of) => textTask({ ...text, seed: of }), seed, before, after);
      }),
    );
  });

  it("starts windows at every place that there is, the first and the last too", () => {
    const task = textTask(counting(20));
    const starts = new Set(
      take(task, 200).flatMap((batch) => sequencesOf(batch).map(({ tokens }) => tokens[0])),
    );
    expect([...starts].sort((a = 0, b = 0) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
  });

  it("by hand: 30 tokens, the last three to validate by", () => {
    expect([...textTask(counting(30)).validation()].flatMap(sequencesOf)).toEqual([
      { tokens: [27, 28, 0, 0], targets: [28, 29, -1, -1] },
      { tokens: [0, 0, 0, 0], targets: [-1, -1, -1, -1] },
      { tokens: [0, 0, 0, 0], targets: [-1, -1, -1, -1] },
    ]);
  });

  it("does not go on with another text in the place of its own", () => {
    const text = counting(30);
    const position = textTask(text).training.position();
    const other = textTask({ ...text, tokens: Int32Array.from(text.tokens).fill(0, 7, 8) });
    expect(() => other.training.restore(position)).toThrow(
      /the position is one in «text tokens=30 hash=\w+ V=30/,
    );
    for (const wrong of [undefined, null, 3, {}, [], { of: "text" }]) {
      expect(() => other.training.restore(wrong)).toThrow(RangeError);
    }
  });

  it.each([
    [counting(0), "0 of its 0 tokens are for training, and a sequence of T = 4 takes 5; take a longer text"],
    [
      counting(5),
      "4 of its 5 tokens are for training, and a sequence of T = 4 takes 5; take a longer text or T < 4",
    ],
    [counting(10, { T: 1 }), "of 10 tokens none is left to validate by"],
    [counting(30, { vocabulary: 29 }), "token 29 is 29, beyond a vocabulary of 29"],
  ])("refuses a text that is too short or does not fit", (text, why) => {
    expect(() => textTask(text)).toThrow(why);
    expect(() => textTask(text)).toThrow(RangeError);
  });
});
