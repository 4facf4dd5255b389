/**
 * Tokens. The lexer knows names, numbers and signs only; which names are words of the language
 * depends on where they stand, and `arrange.ts` decides that.
 */
import { createToken, type IToken, Lexer, type TokenType } from "chevrotain";

const START = String.raw`[\p{L}_]`;
// Superscripts and fractions are numbers to Unicode, but `x²` must not be a name.
const PART = String.raw`[\p{L}\p{Nd}\p{Nl}_₀-₉]`;
const SIGNS = String.raw`+\-*/@^<>=|()\[\]{},:.'′’≤≥·∙⋅×−`;

const nameAt = new RegExp(`${START}${PART}*`, "uy");
const strayAt = new RegExp(
  String.raw`(?:#|(?<!\S)%)[^\n\r]*|%|"[^"\n\r]*"|;+|(?:\|(?!>)|[^\s\p{L}\p{Nd}\p{Nl}_#%;${SIGNS}])+|[\p{Nl}₀-₉]+`,
  "uy",
);
const badNumberAt = new RegExp(String.raw`\.?\p{Nd}(?:[eE][+-]?\d|${PART}|\.)*`, "uy");

/** Chevrotain cannot analyse a pattern with the `u` flag, so it is given as a function. */
const custom = (pattern: RegExp) => (text: string, offset: number) => {
  pattern.lastIndex = offset;
  return pattern.exec(text);
};

const token = (name: string, label: string, pattern: string | RegExp): TokenType =>
  createToken({ name, label, pattern });

export const Space = createToken({ name: "Space", pattern: /\s+/, group: Lexer.SKIPPED, line_breaks: true });
export const LineComment = createToken({ name: "LineComment", pattern: /\/\/[^\n\r]*/, group: "comments" });
export const BlockComment = createToken({
  name: "BlockComment",
  pattern: /\/\*[\s\S]*?\*\//,
  group: "comments",
  line_breaks: true,
});
export const OpenComment = createToken({
  name: "OpenComment",
  pattern: /\/\*[\s\S]*/,
  group: "comments",
  line_breaks: true,
});

export const Identifier = createToken({
  name: "Identifier",
  label: "a name",
  pattern: { exec: custom(nameAt) },
  line_breaks: false,
});

/** What begins like a number and is none: `1.2.3`, `2x`, `1.`. */
export const BadNumber = createToken({
  name: "BadNumber",
  label: "a number",
  pattern: { exec: custom(badNumberAt) },
  line_breaks: false,
});
export const NumberLiteral = createToken({
  name: "NumberLiteral",
  label: "a number",
  pattern: /(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?/,
  longer_alt: BadNumber,
});

/** A run of characters that the language does not use, or what other languages take for a comment. */
export const Stray = createToken({
  name: "Stray",
  label: "a character that has no meaning here",
  pattern: { exec: custom(strayAt) },
  line_breaks: false,
});

export const LParen = token("LParen", "`(`", "(");
export const RParen = token("RParen", "`)`", ")");
export const LSquare = token("LSquare", "`[`", "[");
export const RSquare = token("RSquare", "`]`", "]");
export const LCurly = token("LCurly", "`{`", "{");
export const RCurly = token("RCurly", "`}`", "}");
export const Comma = token("Comma", "`,`", ",");
export const Colon = token("Colon", "`:`", ":");
export const Dot = token("Dot", "`.`", ".");
export const Prime = token("Prime", "`'`", /['′’]/);
export const Equals = token("Equals", "`=`", "=");

/** Any operator between two operands; the narrower one binds no looser than `+`. */
export const Operator = createToken({ name: "Operator", label: "an operator", pattern: Lexer.NA });
export const Arithmetic = createToken({
  name: "Arithmetic",
  label: "an operator",
  pattern: Lexer.NA,
  categories: [Operator],
});
export const Comparison = createToken({
  name: "Comparison",
  label: "a comparison",
  pattern: Lexer.NA,
  categories: [Operator],
});
/** The comparisons that can stand for a range: `> 0`, `<= x`. */
export const Limit = createToken({
  name: "Limit",
  label: "`<`, `<=`, `>` or `>=`",
  pattern: Lexer.NA,
  categories: [Comparison],
});

const operator = (name: string, label: string, pattern: string | RegExp, category: TokenType): TokenType =>
  createToken({ name, label, pattern, categories: [category] });

export const Pipe = operator("Pipe", "`|>`", "|>", Operator);
export const Plus = operator("Plus", "`+`", "+", Arithmetic);
export const Minus = operator("Minus", "`-`", /[-−]/, Arithmetic);
export const Times = operator("Times", "`*`", /[*×·∙⋅]/, Arithmetic);
export const Slash = operator("Slash", "`/`", "/", Arithmetic);
export const At = operator("At", "`@`", "@", Arithmetic);
export const Caret = operator("Caret", "`^`", "^", Arithmetic);
export const Same = operator("Same", "`==`", "==", Comparison);
export const AtMost = operator("AtMost", "`<=`", /<=|≤/, Limit);
export const AtLeast = operator("AtLeast", "`>=`", />=|≥/, Limit);
export const Below = operator("Below", "`<`", "<", Limit);
export const Above = operator("Above", "`>`", ">", Limit);

/** Tokens that the lexer never makes: `arrange.ts` gives these types to names and signs by position. */
const assigned = (name: string, label: string, categories: TokenType[] = []): TokenType =>
  createToken({ name, label, pattern: Lexer.NA, categories });

/** The `=` of a parameter's default. Apart from `Equals`, so that recovery cannot confuse the two. */
export const DefaultEquals = assigned("DefaultEquals", "`=`");

export const ItemStart = assigned("ItemStart", "an item");
const item = (name: string, label: string): TokenType => assigned(name, label, [ItemStart]);

/** `model`, `memory` and so on, at the head of a definition. */
export const DefineWord = item("DefineWord", "a definition");
/** `memory`, `bias`, `retention` or `algorithm`, choosing a definition. */
export const ChoiceWord = item("ChoiceWord", "a choice");
export const GateWord = item("GateWord", "`gate` or `param`");
export const LetWord = item("LetWord", "`let` or `const`");
export const InputWord = item("InputWord", "`input`");
export const OutputWord = item("OutputWord", "`output`");
/** `chunk`, `loss`, `grad`, `keep`, `step`: a word and an expression. */
export const ValueWord = item("ValueWord", "a word followed by a value");
export const MinimizeWord = item("MinimizeWord", "`minimize`");
export const RequireWord = item("RequireWord", "`require`");
export const ExpectWord = item("ExpectWord", "`expect`");
export const StateWord = item("StateWord", "`state`");
export const ReadWord = item("ReadWord", "`read`");
/** `link`, `prox`. */
export const MapWord = item("MapWord", "`link` or `prox`");
/** The name in `S' = …`. */
export const TargetName = item("TargetName", "a state");

/** `import`, at the head of a file. */
export const ImportWord = item("ImportWord", "`import`");
/** `block`: a word and the parts of a network, in order. */
export const BlockWord = item("BlockWord", "`block`");

export const FromWord = assigned("FromWord", "`from`");
/** The path of an import, with its quotes. */
export const Text = assigned("Text", "a path in quotes");

export const InWord = assigned("InWord", "`in`");
export const RankWord = assigned("RankWord", "`rank`");
export const StartWord = assigned("StartWord", "`start`");
export const LikeWord = assigned("LikeWord", "`like`");
export const OverWord = assigned("OverWord", "`over`");

const lexed = [
  Space,
  Identifier,
  NumberLiteral,
  BadNumber,
  LineComment,
  BlockComment,
  OpenComment,
  LParen,
  RParen,
  LSquare,
  RSquare,
  LCurly,
  RCurly,
  Comma,
  Colon,
  Dot,
  Prime,
  Same,
  Equals,
  Pipe,
  Plus,
  Minus,
  Times,
  Slash,
  At,
  Caret,
  AtMost,
  AtLeast,
  Below,
  Above,
  Stray,
];

/** Every token type that the parser can meet. */
export const vocabulary: TokenType[] = [
  ...lexed,
  Operator,
  Arithmetic,
  Comparison,
  Limit,
  DefaultEquals,
  ItemStart,
  DefineWord,
  ChoiceWord,
  GateWord,
  LetWord,
  InputWord,
  OutputWord,
  ValueWord,
  MinimizeWord,
  RequireWord,
  ExpectWord,
  StateWord,
  ReadWord,
  MapWord,
  TargetName,
  ImportWord,
  BlockWord,
  FromWord,
  Text,
  InWord,
  RankWord,
  StartWord,
  LikeWord,
  OverWord,
];

const lexer = new Lexer(vocabulary, { positionTracking: "onlyOffset" });

export interface Lexed {
  readonly tokens: IToken[];
  readonly comments: IToken[];
}

/** Names, numbers and signs of a text. Never fails: what has no meaning is a `Stray` token. */
export function lex(text: string): Lexed {
  const { tokens, groups } = lexer.tokenize(text);
  for (const each of tokens) each.endOffset = each.startOffset + each.image.length - 1;
  return { tokens, comments: groups.comments ?? [] };
}
