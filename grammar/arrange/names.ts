/** Gives each name the type that its place asks for, and deals with names where none can be. */
import { type IToken, tokenMatcher } from "chevrotain";
import * as T from "../tokens.ts";
import { WORDS, wordIn } from "../vocabulary.ts";
import { operatorIsDue } from "../words.ts";
import { habitOfNames } from "./foreign.ts";
import { beginItem, unknownDefinition, unknownItem } from "./items.ts";
import { mayHaveEquals, retype, type State } from "./state.ts";

export function takeName(state: State, i: number, token: IToken): number {
  if (state.item?.token.tokenType === T.ImportWord && WORDS.get(token.image)?.role !== "reserved") {
    const isDue = operatorIsDue(state.previous);
    if (!isDue || token.image === "from") {
      retype(token, isDue ? T.FromWord : T.Identifier);
      state.emit(token);
      return i + 1;
    }
  }
  const type = state.words.typeAt(i, token, {
    previous: state.previous,
    inBrackets: state.rounds > 0,
    mayChoose: state.depth > 0 || (state.header?.image === "model" && state.header !== state.previous),
    owner: state.enclosing?.image,
    awaitsEquals: state.awaitsEquals,
  });
  habitOfNames(state, i, token);
  if (type === "reserved") {
    if (!state.outside && !state.reserved.has(token.image))
      state.problems.report(token.startOffset, state.messages.items.reserved(token));
    state.reserved.add(token.image);
    state.emit(token);
    return i + 1;
  }
  retype(token, type);
  if (tokenMatcher(token, T.ItemStart)) {
    const goesOn = state.skipping && state.depth > 0 && state.words.sharesLine(state.previous, token);
    return goesOn && wordIn(state.enclosing?.image, token.image)?.role === "item"
      ? i + 1
      : beginItem(state, i, token);
  }
  if (type === T.Identifier) takePlainName(state, i, token);
  else state.emit(token);
  return i + 1;
}

/** A plain name: an operand, or something that does not belong after the operand before it. */
function takePlainName(state: State, i: number, token: IToken): void {
  const previous = state.previous;
  const top = state.open.at(-1);
  if (top?.kind === "round" && top.isParams && previous?.tokenType === T.Identifier) {
    state.problems.reportFirst(
      token.startOffset,
      state.messages.declarations.noCommaBetween(token, previous),
    );
    state.insert(T.Comma, ",");
  }
  const mayBegin = !state.words.sharesLine(previous, token) || previous?.tokenType === T.LCurly;
  if (previous?.tokenType === T.OutputWord && previous === state.item?.token && state.rounds === 0) {
    outputWithoutEquals(state, i, token, previous);
    return;
  }
  const isOperand = !operatorIsDue(previous) || state.rounds > 0;
  if (isOperand || (state.skipping && !(mayBegin && state.depth > 0))) state.emit(token);
  else if (state.depth === 0 && !state.item) unknownDefinition(state, i, token);
  else if (mayBegin) unknownItem(state, i, token);
  else if (state.header && !mayHaveEquals(state.header)) state.emit(token);
  else sideBySide(state, token, previous);
}

/** `output read(q)`, `output y = read(q)`. */
function outputWithoutEquals(state: State, i: number, token: IToken, previous: IToken): void {
  if (state.tokens[i + 1]?.tokenType === T.Equals) {
    state.problems.reportFirst(token.startOffset, state.messages.declarations.namedOutput(token));
    return;
  }
  sideBySide(state, token, previous);
}

/** A name or a number directly after an operand. */
export function sideBySide(state: State, token: IToken, previous: IToken | undefined): void {
  const item = state.item;
  if (item?.token.tokenType === T.BlockWord && previous) {
    state.problems.reportFirst(
      token.startOffset,
      state.messages.declarations.noCommaBetween(token, previous),
    );
    state.insert(T.Comma, ",");
    state.emit(token);
    return;
  }
  if (
    item?.token.tokenType === T.GateWord &&
    state.awaitsEquals &&
    /^(between|from|within|of|range|is)$/.test(token.image)
  ) {
    state.problems.reportFirst(token.startOffset, state.messages.declarations.rangeInWords(token));
    state.assumeRange(false);
    return;
  }
  if (!item || !state.awaitsEquals) {
    state.problems.reportFirst(token.startOffset, state.messages.expressions.sideBySide(token, previous));
    state.skipping = true;
    return;
  }
  if (item.token.tokenType === T.InputWord && previous?.tokenType === T.Identifier) {
    state.problems.reportFirst(token.startOffset, state.messages.declarations.noComma(token, previous));
    state.insert(T.Comma, ",");
  } else {
    state.problems.reportFirst(token.startOffset, state.messages.declarations.noEquals(token, previous));
    state.insert(T.Equals, "=");
    item.hasEquals = true;
    state.header = undefined;
  }
  state.emit(token);
}
