/** Reading the parser's tree, in which anything may be missing. */
import type { CstNode, IToken, TokenType } from "chevrotain";
import type { SourceFile, Span } from "../compiler/source/span.ts";

export const nodes = (node: CstNode | undefined, rule: string): CstNode[] =>
  (node?.children[rule] ?? []).filter((child): child is CstNode => "children" in child);

export const first = (node: CstNode | undefined, rule: string): CstNode | undefined => nodes(node, rule)[0];

/** The one node below, of whatever rule. */
export const below = (node: CstNode): CstNode | undefined =>
  Object.keys(node.children)
    .map((rule) => first(node, rule))
    .find((child) => child !== undefined);

/** The tokens of a type, but for those that the parser made up. */
export const tokens = (node: CstNode, type: TokenType): IToken[] =>
  (node.children[type.name] ?? []).filter(
    (child): child is IToken => "image" in child && child.isInsertedInRecovery !== true,
  );

export const token = (node: CstNode, type: TokenType): IToken | undefined => tokens(node, type)[0];

export const tokenSpan = (file: SourceFile, { startOffset, endOffset }: IToken): Span => ({
  file,
  start: startOffset,
  end: (endOffset ?? startOffset) + 1,
});

export function nodeSpan(file: SourceFile, node: CstNode): Span {
  const { startOffset = Number.NaN, endOffset = Number.NaN } = node.location ?? {};
  const start = Number.isFinite(startOffset) ? startOffset : 0;
  return { file, start, end: Number.isFinite(endOffset) ? Math.max(start, endOffset + 1) : start };
}
