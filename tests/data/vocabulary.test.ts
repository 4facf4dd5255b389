import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytes, charactersOf, VocabularyError, vocabularyOf } from "../../runtime/data/vocabulary.ts";

/** Well-formed text of any characters. */
const texts = fc.string({ unit: "binary", maxLength: 40 });

describe.each([
  ["bytes", () => bytes],
  ["characters", charactersOf],
])("%s", (_, vocabularyFor) => {
  it("come back as the text, at once and one by one, and through JSON", () => {
    fc.assert(
      fc.property(texts, (text) => {
        const vocabulary = vocabularyFor(text);
        const tokens = vocabulary.encode(text);
        expect(Array.from(tokens).every((token) => token >= 0 && token < vocabulary.size)).toBe(true);
        expect(vocabulary.decode(tokens)).toBe(text);
        const decode = vocabulary.decoder();
        expect(Array.from(tokens, (token) => decode(token)).join("")).toBe(vocabulary.decode(tokens));
        const again = vocabularyOf(JSON.parse(JSON.stringify(vocabulary)));
        expect(again?.encode(text)).toEqual(tokens);
      }),
    );
  });
});

it("bytes by hand: é is two, and is told when its second comes", () => {
  expect([...Array.from(bytes.encode("aé"))]).toEqual([97, 0xc3, 0xa9]);
  expect(bytes.decode([97, 256, 98])).toBe("a\ufffdb");
  const decode = bytes.decoder();
  expect([97, 0xc3, 0xa9].map((token) => decode(token))).toEqual(["a", "", "é"]);
});

it("characters by hand: in the order of their code points, a surrogate pair as one", () => {
  const vocabulary = charactersOf("b😀a\nb");
  expect(vocabulary.size).toBe(4);
  expect([...Array.from(vocabulary.encode("\nab😀"))]).toEqual([0, 1, 2, 3]);
  expect(vocabulary.decode([3, 9])).toBe("😀\ufffd");
});

it("characters name one that is not theirs", () => {
  const vocabulary = charactersOf("abc");
  expect(() => vocabulary.encode("aé")).toThrow(
    '"é" (U+00E9) is not one of the 3 characters of this vocabulary: abc',
  );
  expect(() => vocabulary.encode("\u001b")).toThrow(/^U\+001B is not/);
  expect(() => vocabulary.encode("é")).toThrow(VocabularyError);
});

it.each([[undefined], [null], ["bytes"], [{}], [{ kind: "characters" }], [{ kind: "tokenizer" }]])(
  "no vocabulary is made of %j",
  (json) => {
    expect(vocabularyOf(json)).toBeUndefined();
  },
);
