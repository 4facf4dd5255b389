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
  if (word === "fn") return "a function is one expression: `fn f(x) = x * sigmoid(x)`";
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
  [/^;/, "items need nothing between them"],
  [/^[²³⁰¹⁴-⁹]/, "write a power with `^`, as in `x^2`"],
  [/^["`“”]/, "there are no strings in this language"],
  [/^(\|\||‖)/, "a norm is `norm2(x)`, its square `sum(x^2)`; conditions are nested with `where`"],
  [/^\|/, "an absolute value is `abs(x)`; a pipeline is written with `|>`"],
  [/^\?/, "a choice is written `where(condition, a, b)`"],
  [/^⊤/, "a transpose is written `transpose(W)`, and `v kᵀ` is `outer(v, k)`"],
  [/^\$/, "formulas stand as they are, without `$`"],
  [/^\\/, "names are written without `\\`: `alpha`, or `α`"],
  [/^[∈]/, "a range is written `in (0, 1)`"],
  [/^[√]/, "a square root is `sqrt(x)`"],
  [/^[∑∏]/, "a sum is `sum(x)`, over one dimension `sum(x, dk)`"],
  [/^[←≔]/, "a value is given with `=`"],
  [/^[⊙∘⊗]/, "an elementwise product is written `*`, an outer one `outer(a, b)`"],
  [/^∇/, "the gradient is called `grad`"],
  [/^[≠!]/, "there is no such comparison; there are `<`, `<=`, `>`, `>=` and `==`"],
  [/^[&∧∨]/, "conditions are not combined; nest `where` instead"],
  [/^%/, "a share is written as a number, such as `0.9`; a comment begins with `//`"],
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
  if (rule === "import")
    return `expected ${tokenLabel(expected)} after ${found(previous)}: an import is written \`import Name from "file.miras"\``;
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
  import: "a name",
  inputItem: "a name",
};

/** Where the parser wanted one of several things and met none of them. */
export function noAlternative(rule: string, actual: IToken, previous: IToken): string {
  return `expected ${ALTERNATIVES[rule] ?? "an expression"} after ${found(previous)}, found ${found(actual)}`;
}

/** What was probably meant by what begins like a number. */
export function adviceOnNumber(image: string): string {
  if (image.includes("..")) return "a range is written `in (0, 1)`";
  const [, factor, name = ""] = /^(\d+(?:\.\d+)?)(\p{L}[^.]*)$/u.exec(image) ?? [];
  return factor && !/^e\d*$/i.test(name)
    ? `a product is written \`${factor} * ${name}\``
    : "numbers are written like `1`, `0.5`, `.5` and `1e-6`";
}

const CONDITION = "a choice is written `where(condition, a, b)`, and conditions are combined by nesting it";
const PRODUCTS =
  "a product is written `a * b`, of matrices and vectors `W @ k`, of two vectors `outer(v, k)`; an argument stands in parentheses, as in `f(a)`";

/** What to do where two operands stand side by side: some words are operators elsewhere. */
export function adviceBetween(previous: string | undefined, word: string): string {
  for (const each of [word, previous ?? ""]) {
    if (/^(and|or|not|if|then|else|xor)$/.test(each)) return CONDITION;
    if (/^(lambda|def|function|func)$/.test(each))
      return "a function is defined beside the model: `fn f(x) = x^2`";
    if (each === "for")
      return "there are no loops: `sum(x, dk)` runs over a dimension, and a rule over the tokens";
  }
  return PRODUCTS;
}

/** Words that join conditions in other languages. */
export const isConnective = (word: string): boolean => /^(and|or|xor)$/.test(word);

/** What stands in place of what begins a definition in other languages. */
export function adviceOutside(word: string): string | undefined {
  if (/^(def|function|func|fun|define|lambda|let|const|var)$/.test(word))
    return "a function is written `fn f(x) = …`, a loss `bias name(y, v) = …`";
  if (/^(from|use|using|include|require|open)$/.test(word))
    return 'models of another file are had with `import Name from "file.miras"`; what `specs/prelude` defines is known everywhere';
  if (/^(class|struct|type|module|layer)$/.test(word)) return "a model is written `model Name { … }`";
  return undefined;
}

/** What an unknown item was meant to be, by its first word or by what it holds. */
export function adviceOnItem(word: string, owner: DefinitionWord, isBare: boolean): string | undefined {
  if (owner === "model") {
    if (/^(return|yield|result|forward|out|y|predict)$/i.test(word))
      return "what a model gives is written `output = …`, with `read(q)` for what the memory answers";
    if (/^(update|rule|recurrence|assert|prove|claim)$/i.test(word)) return RULE;
    return isBare
      ? `each of the four choices begins with its word: \`memory ${word}\`, \`bias ${word}\`, \`retention ${word}\` or \`algorithm ${word}\``
      : undefined;
  }
  if (owner === "algorithm" && /^(return|update)$/i.test(word))
    return "what is taken from the state is written `step …`";
  return isBare
    ? {
        memory: "how a key is answered is written `read(x [dk]) = …`",
        bias: "the objective is written `loss …`",
        retention: "what is kept of the state is written `keep …`, a penalty `minimize …`",
        algorithm: "what is taken from the state is written `step …`",
        network: "what a layer is made of is written `block …`, its parts in order",
        fn: undefined,
      }[owner]
    : undefined;
}

export const RULE =
  "the rule of a state follows from the four choices; `expect W' = …` states the one that you believe in";

/** A name with the index of a token, such as `W_t`, without the index. */
export const withoutTime = (name: string): string | undefined =>
  /^(\p{L}+\d*)_(?:t|t1|t_1|new|next|now|old|prev)?$/u.exec(name)?.[1];
