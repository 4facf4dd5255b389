/**
 * Rows of tokens as documents: spaces by what stands side by side, lines by how tightly operators
 * bind. No document holds the comments before its first token; these are for whoever places it.
 */
import { type TokenType, tokenMatcher } from "chevrotain";
import * as T from "../tokens.ts";
import type { Note, Placed } from "./comments.ts";
import { type Doc, group, line, nest, softLine } from "./document.ts";

/** A token, or brackets with the parts between their commas. */
type Node = Placed | Brackets;

interface Brackets {
  readonly open: Placed;
  readonly parts: readonly Part[];
  readonly close: Placed | undefined;
}

interface Part {
  /** The comma before it; absent for the first one. */
  readonly comma: Placed | undefined;
  readonly nodes: readonly Node[];
}

/** Where a line may be broken, the outermost first. */
const LEVELS: readonly (readonly TokenType[])[] = [
  [T.Equals],
  [T.OverWord],
  [T.Pipe],
  [T.Same, T.AtMost, T.AtLeast, T.Below, T.Above],
  [T.Plus, T.Minus],
  [T.Times, T.Slash, T.At],
];

/** What a name or a value ends with: a `-` after it subtracts. */
const ENDS: ReadonlySet<TokenType> = new Set([
  T.Identifier,
  T.NumberLiteral,
  T.RParen,
  T.RSquare,
  T.Prime,
  T.TargetName,
]);

const isBrackets = (node: Node): node is Brackets => "open" in node;
const headOf = (node: Node): Placed => (isBrackets(node) ? node.open : node);
const lastOf = (node: Node | undefined): TokenType | undefined =>
  node && (isBrackets(node) ? node.close?.token.tokenType : node.token.tokenType);
const typeOf = (node: Node | undefined): TokenType | undefined => node && headOf(node).token.tokenType;
const isOperand = (type: TokenType | undefined): boolean => type !== undefined && ENDS.has(type);

// ---------------------------------------------------------------- brackets

function nodesOf(tokens: readonly Placed[]): readonly Node[] {
  const top: Node[] = [];
  const open: { opener: Placed; parts: { comma: Placed | undefined; nodes: Node[] }[] }[] = [];
  const here = (): Node[] => open.at(-1)?.parts.at(-1)?.nodes ?? top;
  const end = (close: Placed | undefined): void => {
    const last = open.pop();
    if (!last) return;
    const parts = last.parts.length === 1 && last.parts[0]?.nodes.length === 0 ? [] : last.parts;
    here().push({ open: last.opener, parts, close });
  };
  for (const each of tokens) {
    const type = each.token.tokenType;
    if (type === T.LParen || type === T.LSquare) {
      open.push({ opener: each, parts: [{ comma: undefined, nodes: [] }] });
    } else if ((type === T.RParen || type === T.RSquare) && open.length > 0) end(each);
    else if (type === T.Comma && open.length > 0) open.at(-1)?.parts.push({ comma: each, nodes: [] });
    else here().push(each);
  }
  while (open.length > 0) end(undefined);
  return top;
}

// ---------------------------------------------------------------- comments

const textOf = ({ comment }: Note): string => comment.lines.join("\n");

/** Comments on lines of their own, or at the end of one. */
const told = (notes: readonly Note[]): Doc[] =>
  notes.map(({ comment, isBehind, isInline }) => ({ kind: "comment", comment, own: !isBehind && !isInline }));

/**
 * The comments of two neighbours where a line may begin between or before them: those up to the last
 * that ends a line, which stay before that, and those that stay within the line, before each of the two.
 */
function settle(a: readonly Note[], b: readonly Note[]) {
  const all = [...a, ...b];
  const count = all.findLastIndex(({ isInline }) => !isInline) + 1;
  return {
    before: told(all.slice(0, count)),
    first: a.slice(count).map(textOf),
    second: b.slice(Math.max(0, count - a.length)).map(textOf),
  };
}

const spaced = (texts: readonly string[]): string => texts.map((text) => `${text} `).join("");

// ---------------------------------------------------------------- expressions

/** `indents` is for what goes on below its first line, where nothing else sets that apart. */
export const documentOf = (tokens: readonly Placed[], indents: boolean): Doc =>
  chain(nodesOf(tokens), indents);

function chain(nodes: readonly Node[], indents: boolean, from = 0): Doc {
  for (let level = from; level < LEVELS.length; level++) {
    const types = LEVELS[level] ?? [];
    const at = [...nodes.keys()].filter((i) => {
      const type = typeOf(nodes[i]);
      // A limit of a gate stands after its name, and after nothing where that has a column of its own.
      const isBinary = type !== T.Minus || isOperand(lastOf(nodes[i - 1]));
      return type !== undefined && types.includes(type) && isBinary && i < nodes.length - 1;
    });
    const [first] = at;
    if (first === undefined) continue;
    if (level === 0) return equation(nodes, first);
    return operation(nodes, at, indents, level + 1);
  }
  return sequence(nodes);
}

/** `name = value`, with the value on a line of its own if need be. */
function equation(nodes: readonly Node[], at: number): Doc {
  const [sign, next] = [nodes[at], nodes[at + 1]];
  if (!sign || !next) return sequence(nodes);
  const before = settle([], headOf(sign).notes);
  const after = settle([], headOf(next).notes);
  const value = [spaced(after.second), chain(nodes.slice(at + 1), false, 1)];
  return group([
    at > 0 ? [chain(nodes.slice(0, at), true, 1), nest([before.before, " ", spaced(before.second)])] : "",
    "=",
    after.before,
    nest([line, group(value)]),
  ]);
}

/** Operands, each after the first on a line with its operator if they are not all on one. */
function operation(nodes: readonly Node[], at: readonly number[], indents: boolean, inner: number): Doc {
  const rest = at.map((i, n): Doc => {
    const [operator, operand] = [nodes[i], nodes[i + 1]];
    if (!operator || !operand) return "";
    const notes = settle(i > 0 ? headOf(operator).notes : [], headOf(operand).notes);
    const value = [spaced(notes.second), chain(nodes.slice(i + 1, at[n + 1]), true, inner)];
    if (i === 0) return [`${image(operator)} `, notes.before, value];
    if (hasNoSpaces(nodes, i)) return [image(operator), value];
    return [notes.before, line, spaced(notes.first), `${image(operator)} `, value];
  });
  const first = at[0] ? chain(nodes.slice(0, at[0]), true, inner) : "";
  return group([first, indents ? nest(rest) : rest]);
}

const image = (node: Node): string => headOf(node).token.image;

/** Side by side, broken within brackets, and behind the commas of a list that stands in none. */
function sequence(nodes: readonly Node[]): Doc {
  const docs = nodes.map((node, i): Doc => {
    const before = nodes[i - 1];
    const { notes } = headOf(node);
    const text = isBrackets(node) ? brackets(node) : image(node);
    if (!before) return text;
    if (notes.length === 0 && typeOf(before) === T.Comma) return [line, text];
    if (notes.length === 0) return [isSpaced(nodes, i) ? " " : "", text];
    const { before: lines, second } = settle([], notes);
    return [lines, ` ${spaced(second)}`, text];
  });
  return nodes.some((node) => typeOf(node) === T.Comma) ? group(nest(docs)) : docs;
}

function brackets({ open, parts, close }: Brackets): Doc {
  const [only, ...others] = parts;
  const end = settle([], close?.notes ?? []);
  const ending = [
    end.before.length > 0 ? nest(end.before) : "",
    end.second.length > 0 && only ? line : softLine,
    only ? spaced(end.second) : end.second.join(" "),
    close?.token.image ?? "",
  ];
  if (!only) return group([open.token.image, ending]);
  const isAlone = others.length === 0;
  const first = only.nodes[0];
  const hasNotes = [...(first ? headOf(first).notes : []), ...(close?.notes ?? [])].length > 0;
  if (isAlone && !hasNotes && isCall(only.nodes)) {
    return [open.token.image, sequence(only.nodes), close?.token.image ?? ""];
  }
  const inner = parts.map(({ comma, nodes }): Doc => {
    const [head] = nodes;
    const notes = settle(comma?.notes ?? [], head ? headOf(head).notes : []);
    const value = chain(nodes, !isAlone, 1);
    if (!comma) return [notes.before, softLine, spaced(notes.second), value];
    const inline = notes.before.length > 0 ? [] : notes.first;
    return [
      ...inline.map((text) => ` ${text}`),
      ",",
      notes.before,
      line,
      spaced(notes.before.length > 0 ? [...notes.first, ...notes.second] : notes.second),
      value,
    ];
  });
  return group([open.token.image, nest(inner), ending]);
}

/** `f(…)`: its brackets can be broken in place of those around it. */
function isCall(nodes: readonly Node[]): boolean {
  const last = nodes.at(-1);
  const hasOperator = nodes.some((node) => {
    const type = headOf(node).token.tokenType;
    return tokenMatcher(headOf(node).token, T.Operator) || type === T.Equals || type === T.OverWord;
  });
  return last !== undefined && isBrackets(last) && !hasOperator;
}

// ---------------------------------------------------------------- spaces

const TIGHT_BEFORE: ReadonlySet<TokenType | undefined> = new Set([T.Comma, T.Colon, T.Dot, T.Prime]);
/** What `(` follows directly: the name of what is called, or of what is defined. */
const CALLEES: ReadonlySet<TokenType | undefined> = new Set([T.Identifier, T.ReadWord, T.MapWord]);

/** Whether a space stands before the node at `i`. */
function isSpaced(nodes: readonly Node[], i: number): boolean {
  const [before, type] = [lastOf(nodes[i - 1]), typeOf(nodes[i])];
  if (TIGHT_BEFORE.has(type) || before === T.Dot) return false;
  if (type === T.LParen && CALLEES.has(before)) return false;
  if (before === T.Minus && !isOperand(lastOf(nodes[i - 2]))) return false;
  if (type === T.Caret) return !isTightPower(nodes, i);
  if (before === T.Caret) return !isTightPower(nodes, i - 1);
  return true;
}

/** `x^2`, `x^n`, but `x ^ (n + 1)` and `x ^ f(n)`. */
function isTightPower(nodes: readonly Node[], i: number): boolean {
  const [exponent, next] = [nodes[i + 1], nodes[i + 2]];
  const type = typeOf(exponent);
  return (type === T.NumberLiteral || type === T.Identifier) && !(next && typeOf(next) === T.LParen);
}

const BINDING: ReadonlySet<TokenType | undefined> = new Set([T.Times, T.Slash, T.At, T.Caret]);

/** `1/2`, where nothing else binds to its numbers: whether the `/` at `i` is one of these. */
function hasNoSpaces(nodes: readonly Node[], i: number): boolean {
  if (typeOf(nodes[i]) !== T.Slash) return false;
  if ([i - 1, i + 1].some((n) => typeOf(nodes[n]) !== T.NumberLiteral)) return false;
  if ([i, i + 1].some((n) => (nodes[n] ? headOf(nodes[n]).notes.length : 0) > 0)) return false;
  let before = i - 2;
  while (typeOf(nodes[before]) === T.Minus && !isOperand(lastOf(nodes[before - 1]))) before--;
  return !BINDING.has(typeOf(nodes[before])) && !BINDING.has(typeOf(nodes[i + 2]));
}
