/** Signs and numbers: each is passed on, or becomes the sign that its place asks for. */
import { type IToken, tokenMatcher } from "chevrotain";
import { withoutTime } from "../phrases.ts";
import * as T from "../tokens.ts";
import { isDefinitionWord } from "../vocabulary.ts";
import { endOf, isAdjacent, operatorIsDue } from "../words.ts";
import { takeJunk } from "./items.ts";
import { sideBySide } from "./names.ts";
import { closeCurly, closeRound, endRounds, openCurly, openRound } from "./nesting.ts";
import { type Item, mayHaveEquals, type Round, retype, type State, takesNoEquals } from "./state.ts";

/** Operators in one item: a bound on the depth of its tree. */
const LONGEST = 500;

export function takeSign(state: State, i: number, token: IToken): number {
  const type = token.tokenType;
  if (!state.item && state.depth === 0 && !state.outside && type !== T.RCurly) takeJunk(state, token);
  switch (type) {
    case T.LCurly:
      return openCurly(state, i, token);
    case T.RCurly:
      closeCurly(state, token);
      break;
    case T.LParen:
    case T.LSquare:
      return openRound(state, i, token);
    case T.RParen:
    case T.RSquare:
      closeRound(state, token);
      break;
    case T.Equals:
      return takeEquals(state, token, i);
    case T.Colon:
    case T.Below:
      return meansEquals(state, i, token);
    case T.Dot:
      return takeDot(state, i, token);
    case T.Same:
      takeSame(state, token, i);
      break;
    case T.Prime:
      takePrime(state, token);
      break;
    case T.NumberLiteral:
    case T.BadNumber:
      takeNumber(state, token);
      break;
    default:
      if (tokenMatcher(token, T.Operator)) countOperator(state, token);
      if (
        type === T.Times &&
        state.tokens[i + 1]?.tokenType === T.Times &&
        isAdjacent(token, state.tokens[i + 1])
      ) {
        state.problems.reportFirst(
          token.startOffset,
          state.messages.expressions.doubleStar(token, state.tokens[i + 1] as IToken),
        );
        retype(token, T.Caret);
        state.emit(token);
        return i + 2;
      }
      state.emit(token);
  }
  return i + 1;
}

/** `:` or `<-` where an item is given its value; elsewhere they are signs like any other. */
function meansEquals(state: State, i: number, token: IToken): number {
  const next = state.tokens[i + 1];
  const isColon = token.tokenType === T.Colon;
  const isArrow = !isColon && next?.tokenType === T.Minus && isAdjacent(token, next);
  const gives = state.awaitsEquals && state.rounds === 0 && !state.skipping;
  if (!state.item || !gives || !(isColon ? next?.image !== "real" : isArrow)) {
    if (!isColon) countOperator(state, token);
    state.emit(token);
    return i + 1;
  }
  state.problems.reportFirst(
    token.startOffset,
    state.messages.declarations.arrow(token, isArrow ? next : token),
  );
  retype(token, T.Equals);
  define(state, token, state.item);
  return isArrow ? i + 2 : i + 1;
}

function takeDot(state: State, i: number, token: IToken): number {
  const next = state.tokens[i + 1];
  if (next?.tokenType !== T.Times || !isAdjacent(token, next)) {
    state.emit(token);
    return i + 1;
  }
  state.problems.reportFirst(token.startOffset, state.messages.expressions.dottedProduct(token, next));
  state.emit(next);
  return i + 2;
}

/** Deals with the `=` at `i` and returns the index of the next token. */
function takeEquals(state: State, token: IToken, i: number): number {
  const top = state.open.at(-1);
  const next = state.tokens[i + 1];
  if (top?.kind === "round") equalsWithin(state, token, top, i);
  else if (!state.item) state.emit(token);
  else if (
    state.previous === state.item.token &&
    (takesNoEquals(state.previous) || state.previous.tokenType === T.ChoiceWord)
  ) {
    state.problems.reportFirst(
      token.startOffset,
      state.messages.declarations.needlessSign(state.previous, token),
    );
  } else if (state.awaitsEquals && next?.tokenType === T.Above && isAdjacent(token, next)) {
    state.problems.reportFirst(token.startOffset, state.messages.declarations.arrow(token, next));
    define(state, token, state.item);
    return i + 2;
  } else if (state.item.token.tokenType === T.GateWord && state.habits.isRangeAt(i + 1)) {
    state.problems.reportFirst(token.startOffset, state.messages.declarations.rangeWithoutIn(token, true));
    retype(token, T.InWord);
    state.emit(token);
  } else if (state.item.hasEquals || takesNoEquals(state.item.token)) comparisonMeant(state, token);
  else define(state, token, state.item);
  return i + 1;
}

/** The one `=` that an item may have. */
function define(state: State, token: IToken, item: Item): void {
  item.hasEquals = true;
  const previous = state.previous;
  if (item.token.tokenType === T.ExpectWord && previous?.tokenType === T.Identifier) {
    const plain = withoutTime(previous.image);
    state.problems.reportFirst(token.startOffset, state.messages.declarations.unprimed(previous, plain));
    if (plain) previous.image = plain;
    state.insert(T.Prime, "'");
  }
  const isAlike = previous !== undefined && state.out.at(-1) === previous && state.out.at(-2) === item.token;
  if (item.token.tokenType === T.StateWord && state.enclosing?.image === "algorithm" && isAlike) {
    state.problems.reportFirst(token.startOffset, state.messages.declarations.stateAlone(previous));
    state.insert(T.LikeWord, "like");
    state.insert(T.Identifier, "W");
  }
  const header = state.header;
  state.header = undefined;
  if (header && isDefinitionWord(header.image) && !mayHaveEquals(header)) {
    state.problems.reportFirst(token.startOffset, state.messages.items.needsBraces(header.image, token));
    state.skipping = true;
    state.outside = true;
  }
  state.emit(token);
}

/** `=` within brackets: a default, a comparison, or in the arguments of a choice the name of one. */
function equalsWithin(state: State, token: IToken, top: Round, i: number): void {
  if (top.closer === T.RSquare && !top.isRange && !top.isClosed) {
    endRounds(state, token, 1);
    takeEquals(state, token, i);
    return;
  }
  const [before, name] = state.out.slice(-2);
  const isFirstName =
    name?.tokenType === T.Identifier && (before?.tokenType === T.Comma || before === top.opener);
  if (top.isParams) {
    retype(token, T.DefaultEquals);
    state.emit(token);
  } else if (isFirstName && state.item?.token.tokenType === T.ChoiceWord) {
    state.problems.reportFirst(token.startOffset, state.messages.expressions.equalsNames(token, name));
    retype(token, T.Colon);
    state.emit(token);
  } else comparisonMeant(state, token);
}

function comparisonMeant(state: State, token: IToken): void {
  state.problems.reportFirst(token.startOffset, state.messages.expressions.equalsCompares(token));
  retype(token, T.Same);
  state.emit(token);
}

/** `==` compares, except where an item is given its value. */
function takeSame(state: State, token: IToken, i: number): void {
  if (state.awaitsEquals && state.rounds === 0) {
    state.problems.reportFirst(token.startOffset, state.messages.declarations.sameDefines(token));
    retype(token, T.Equals);
    takeEquals(state, token, i);
    return;
  }
  countOperator(state, token);
  state.emit(token);
}

function takePrime(state: State, token: IToken): void {
  const previous = state.previous;
  if (previous?.tokenType === T.Identifier && endOf(previous) !== token.startOffset) {
    state.problems.reportFirst(token.startOffset, state.messages.expressions.gapBeforePrime(token, previous));
  }
  state.emit(token);
}

function takeNumber(state: State, token: IToken): void {
  if (token.tokenType === T.BadNumber || !Number.isFinite(Number(token.image))) {
    state.problems.report(token.startOffset, state.messages.characters.badNumber(token));
    retype(token, T.NumberLiteral);
  }
  if (state.previous?.tokenType === T.GateWord && state.previous === state.item?.token) {
    state.problems.reportFirst(
      token.startOffset,
      state.messages.declarations.nameFirst(state.previous, token),
    );
    state.skipping = true;
  }
  const lacksEquals = operatorIsDue(state.previous) && state.rounds === 0 && state.awaitsEquals;
  if (lacksEquals && !state.skipping) sideBySide(state, token, state.previous);
  else state.emit(token);
}

function countOperator(state: State, token: IToken): void {
  if (!state.item || ++state.item.operators !== LONGEST + 1) return;
  state.problems.reportFirst(token.startOffset, state.messages.expressions.tooLong(token, LONGEST));
  state.skipping = true;
}
