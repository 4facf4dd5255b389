/**
 * Between the lexer and the parser: gives each name the type that its place asks for, balances the
 * brackets, and finds where each item begins. The parser then meets a sound structure whatever the
 * text is, so a mistake in one item stays in that item.
 */
import type { IToken } from "chevrotain";
import { isNeedless, isWrapping, takePath, unquote } from "./arrange/foreign.ts";
import { takeName } from "./arrange/names.ts";
import { endCurly, endHeader, endRounds } from "./arrange/nesting.ts";
import { takeSign } from "./arrange/signs.ts";
import { State } from "./arrange/state.ts";
import type { Problems } from "./problems.ts";
import * as T from "./tokens.ts";

/** The tokens for the parser. What had to be dropped, inserted or renamed has been reported. */
export function arrange(lexed: T.Lexed, problems: Problems): IToken[] {
  const state = new State(lexed.tokens, problems);
  let i = 0;
  for (let token = state.tokens[i]; token; token = state.tokens[i]) i = take(state, i, token);
  endRounds(state, undefined);
  endHeader(state, undefined);
  while (state.open.length > 0) endCurly(state, undefined);
  for (const comment of lexed.comments) {
    if (comment.tokenType === T.OpenComment) {
      problems.report(comment.startOffset, state.messages.characters.unclosedComment(comment));
    }
  }
  return state.out;
}

/** Deals with the token at `i` and returns the index of the next one. */
function take(state: State, i: number, token: IToken): number {
  const path = takePath(state, i, token);
  if (path !== undefined) return path;
  if (isWrapping(state, i, token)) return i + 1;
  if (token.tokenType === T.Stray && !unquote(state, token)) {
    state.problems.report(token.startOffset, state.messages.characters.stray(token));
    return i + 1;
  }
  if (isNeedless(state, i, token)) return i + 1;
  const next = token.tokenType === T.Identifier ? takeName(state, i, token) : takeSign(state, i, token);
  state.previous = state.tokens[next - 1] ?? token;
  return next;
}
