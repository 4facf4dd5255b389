/** Text as tokens and back. */

export interface Vocabulary {
  /** Tokens are 0, …, size − 1. */
  readonly size: number;
  /** Throws VocabularyError where the text has what no token stands for. */
  encode(text: string): ArrayLike<number>;
  decode(tokens: ArrayLike<number>): string;
  /** Takes tokens one at a time, and gives the text that each completes: often "" in the midst of a character. */
  decoder(): (token: number) => string;
  /** As JSON, from which it can be made again. */
  toJSON(): unknown;
}

export class VocabularyError extends Error {
  override readonly name = "VocabularyError";
}

/** The bytes of a token; what is none, as a network with a larger vocabulary may say, is U+FFFD. */
const bytesOf = (token: number): readonly number[] => (token < 256 ? [token] : [0xef, 0xbf, 0xbd]);

/** Each byte of the UTF-8 of a text is a token: any text has them, in any language. */
export const bytes: Vocabulary = {
  size: 256,
  encode: (text) => new TextEncoder().encode(text),
  decode: (tokens) =>
    new TextDecoder("utf-8", { ignoreBOM: true }).decode(
      Uint8Array.from(Array.from(tokens).flatMap(bytesOf)),
    ),
  decoder() {
    const text = new TextDecoder("utf-8", { ignoreBOM: true });
    return (token) => text.decode(Uint8Array.from(bytesOf(token)), { stream: true });
  },
  toJSON: () => ({ kind: "bytes" }),
};

/** The characters (code points) that occur in a text, in the order of their code points. */
export function charactersOf(text: string): Vocabulary {
  return characters([...new Set(text)].sort((a, b) => (a.codePointAt(0) ?? 0) - (b.codePointAt(0) ?? 0)));
}

/** Each of these characters is the token of its place. */
export function characters(all: readonly string[]): Vocabulary {
  const places = new Map(all.map((character, place) => [character, place]));
  const characterAt = (token: number): string => all[token] ?? "\ufffd";
  return {
    size: all.length,
    encode(text) {
      // There are at most as many characters as UTF-16 units.
      const tokens = new Int32Array(text.length);
      let length = 0;
      for (const character of text) {
        const place = places.get(character);
        if (place === undefined)
          throw new VocabularyError(`${named(character)} is not one of ${someOf(all)}`);
        tokens[length++] = place;
      }
      return tokens.subarray(0, length);
    },
    decode: (tokens) => Array.from(tokens, characterAt).join(""),
    decoder: () => characterAt,
    toJSON: () => ({ kind: "characters", characters: all.join("") }),
  };
}

/** What `toJSON` of bytes or characters gave; undefined where it is of neither kind. */
export function vocabularyOf(json: unknown): Vocabulary | undefined {
  const members = new Map<string, unknown>(
    typeof json === "object" && json !== null ? Object.entries(json) : [],
  );
  const text = members.get("characters");
  if (members.get("kind") === "bytes") return bytes;
  return members.get("kind") === "characters" && typeof text === "string" ? characters([...text]) : undefined;
}

/** `"é" (U+00E9)`; what a terminal would obey is told by its number alone. */
function named(character: string): string {
  const code = `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
  return /[\p{C}\p{Z}]/u.test(character) ? code : `"${character}" (${code})`;
}

const SOME = 40;

function someOf(all: readonly string[]): string {
  const shown = all.filter((character) => !/[\p{C}\p{Z}]/u.test(character)).slice(0, SOME);
  return `the ${all.length} characters of this vocabulary: ${shown.join("")}${shown.length < all.length ? " …" : ""}`;
}
