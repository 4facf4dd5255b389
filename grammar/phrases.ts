/** Turns of phrase that the messages share. */
import type { IToken, TokenType } from "chevrotain";
import { EOF, tokenLabel } from "chevrotain";
import { DEFINITIONS, type DefinitionWord, ITEMS } from "./vocabulary.ts";

const LONGEST = 40;

/** A token's text in quotes, cut where it would drown the message. */
export function quote(text: string): string {
  return text.length <= LONGEST ? `\`${text}\`` : `\`${text.slice(0, LONGEST)}…\``;
}

/** What was found, as the second half of "expected …, found …". */
export function found(token: IToken): string {
  return token.tokenType === EOF ? "the end of the file" : quote(token.image);
}

export function list(words: readonly string[], conjunction: "and" | "or"): string {
  const quoted = words.map(quote);
  if (quoted.length < 2) return quoted.join("");
  return `${quoted.slice(0, -1).join(", ")} ${conjunction} ${quoted.at(-1)}`;
}

const an = (word: string): string => (/^[aeiou]/.test(word) ? `an ${word}` : `a ${word}`);

export const aDefinition = (word: DefinitionWord): string => (word === "fn" ? "a function" : an(word));

/** How the body of a definition begins. */
export const bodyOf = (word: DefinitionWord): string =>
  word === "fn" ? "`=`" : word === "bias" ? "`=` or `{`" : "`{`";

/** The items that a definition may hold, as a note. */
export function itemsOf(word: DefinitionWord): string {
  if (word === "algorithm")
    return `an algorithm holds ${list(ITEMS.algorithm, "and")}, and rules such as \`S' = …\``;
  return `${aDefinition(word)} holds ${list(ITEMS[word], "and")}`;
}

/** The definitions that may hold an item: "a memory or an algorithm". */
export const holdersOf = (item: string): string =>
  DEFINITIONS.filter((word) => ITEMS[word].includes(item))
    .map(aDefinition)
    .join(" or ");

/** What to do about characters that the language does not use. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [/^;/, "items need nothing between them: leave the `;` out"],
  [/^[²³⁰¹⁴-⁹]/, "write a power with `^`, as in `x^2`"],
  [/^["`“”]/, "there are no strings in this language"],
  [/^\|/, "a pipeline is written with `|>`"],
  [/^[⊙∘⊗]/, "an elementwise product is written `*`, an outer one `outer(a, b)`"],
  [/^∇/, "the gradient is called `grad`"],
  [/^[≠!]/, "there is no such comparison; there are `<`, `<=`, `>`, `>=` and `==`"],
  [/^[&∧∨]/, "conditions are not combined; nest `where` instead"],
  [/^[#%]/, "a comment begins with `//`"],
  [/^[→⇒]/, "stages of a pipeline are joined by `|>`"],
  [/^\p{M}/u, "an accent that is a character of its own cannot be part of a name"],
];

export const adviceOn = (characters: string): string | undefined =>
  ADVICE.find(([pattern]) => pattern.test(characters))?.[1];

/** Characters as a reader can recognise them, even when they cannot be seen. */
export function spell(characters: string): string {
  if (/^[\p{P}\p{S}\p{N}\p{L}]+$/u.test(characters)) return quote(characters);
  const codes = Array.from(
    characters,
    (c) => `U+${(c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`,
  );
  return codes.length <= 4 ? codes.join(" ") : `${codes.slice(0, 4).join(" ")} …`;
}

/** Where the parser wanted one kind of token and met another. */
export function mismatch(expected: TokenType, actual: IToken, previous: IToken, rule: string): string {
  if (expected.name === "RCurly" || expected === EOF) {
    const isOperand = actual.tokenType.name === "LParen" || actual.tokenType.name === "NumberLiteral";
    return isOperand
      ? `${found(actual)} follows ${found(previous)} with no operator between them`
      : `${found(actual)} cannot follow ${found(previous)}`;
  }
  const member = { args: "an argument", params: "a parameter" }[rule];
  const what =
    member && expected.name === "RParen"
      ? `${previous.tokenType.name === "LParen" ? member : "`,`"} or \`)\``
      : tokenLabel(expected);
  return `expected ${what} after ${found(previous)}, found ${found(actual)}`;
}

const ALTERNATIVES: Readonly<Record<string, string>> = {
  shape: "a dimension",
  range: "`(` or `[`, and the two ends of a range,",
  definition: "the body of the definition",
  inputItem: "a name",
};

/** Where the parser wanted one of several things and met none of them. */
export function noAlternative(rule: string, actual: IToken, previous: IToken): string {
  return `expected ${ALTERNATIVES[rule] ?? "an expression"} after ${found(previous)}, found ${found(actual)}`;
}

/** What was probably meant by what begins like a number. */
export function adviceOnNumber(image: string): string {
  const [, factor, name = ""] = /^(\d+(?:\.\d+)?)(\p{L}[^.]*)$/u.exec(image) ?? [];
  return factor && !/^e\d*$/i.test(name)
    ? `a product is written \`${factor} * ${name}\``
    : "numbers are written like `1`, `0.5`, `.5` and `1e-6`";
}
