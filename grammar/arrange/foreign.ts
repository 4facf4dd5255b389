/**
 * What other languages would have around or between the parts of an item: brackets, quotes, separators, method calls.
 * Where that takes looking ahead, `habits.ts` recognises it; here it is reported, and dropped or read as what was meant.
 */
import type { IToken } from "chevrotain";
import { isLibrary, quotedName } from "../habits.ts";
import { isConnective } from "../phrases.ts";
import * as T from "../tokens.ts";
import { ITEMS, WORDS } from "../vocabulary.ts";
import { endOf, operatorIsDue } from "../words.ts";
import { type Item, retype, type State, takesNoEquals } from "./state.ts";

/** Whether a bracket is dropped, with a report, that other languages would have around a list: `{ A } from`, `[A, B]`. */
export function isWrapping(state: State, i: number, token: IToken): boolean {
  if (state.wraps.delete(token)) return true;
  const [item, type] = [state.item?.token, token.tokenType];
  if (!item || state.previous !== item || state.skipping) return false;
  const isImport = item.tokenType === T.ImportWord && type === T.LCurly;
  const close = state.tokens[state.partner.get(i) ?? -1];
  if (!close || !(isImport || (item.tokenType === T.BlockWord && type === T.LSquare))) return false;
  state.wraps.add(close);
  state.problems.report(token.startOffset, state.messages.brackets.wrapped(item, token, close));
  return true;
}

/** Whether a sign is dropped, with a report, that other languages would have here. */
export function isNeedless(state: State, i: number, token: IToken): boolean {
  const { tokenType: type } = token;
  const [previous, item, next] = [state.previous, state.item, state.tokens[i + 1]];
  if (state.rounds > 0 || !previous || (type !== T.Comma && type !== T.Colon)) return false;
  if (type === T.Colon && state.header?.image === "model" && state.header !== previous) {
    if (next && state.words.sharesLine(token, next)) return false;
    state.colon = token;
    return true;
  }
  if (!item || state.depth === 0 || state.skipping) return false;
  if (type === T.Comma) {
    if (state.awaitsEquals && gatesTogether(state, i, token, item)) return true;
    if (item.token.tokenType === T.InputWord && state.awaitsEquals) return false;
    if (item.token.tokenType === T.BlockWord && !beginsSetting(state, i + 1)) return false;
    if (next && state.words.sharesLine(token, next) && !WORDS.has(next.image)) return false;
    if (!operatorIsDue(previous)) return false;
    state.problems.reportFirst(token.startOffset, state.messages.declarations.needlessComma(token));
    return true;
  }
  if (previous === item.token && (takesNoEquals(previous) || previous.tokenType === T.ChoiceWord)) {
    state.problems.reportFirst(token.startOffset, state.messages.declarations.needlessSign(previous, token));
    return true;
  }
  const hasShape = [T.StateWord, T.GateWord, T.InputWord].includes(item.token.tokenType);
  const opens = next && (next.tokenType === T.LSquare || next.tokenType === T.LParen || next.image === "in");
  if (!hasShape || item.hasEquals || !opens) return false;
  state.problems.reportFirst(token.startOffset, state.messages.declarations.needlessColon(token));
  return true;
}

/** Whether the next item of a network, or its end, is at `i`: a comma before that is one too many. */
function beginsSetting(state: State, i: number): boolean {
  const [token, value] = [state.tokens[i], state.tokens[i + 1]];
  if (!token || token.tokenType === T.RCurly) return true;
  const isValue = value?.tokenType === T.Identifier || value?.tokenType === T.NumberLiteral;
  return isValue && ITEMS.network.includes(token.image) && state.words.sharesLine(token, value);
}

/** Reads `gate a, b in (0, 1)` as two gates. */
function gatesTogether(state: State, i: number, token: IToken, item: Item): boolean {
  const { token: word } = item;
  if (word.tokenType !== T.GateWord || state.previous !== state.tokens[i - 1]) return false;
  const rest = state.habits.rangeAfterNames(i);
  const [first, last] = [rest[0], rest.at(-1)];
  if (!first || !last) return false;
  const text = state.text.slice(first.startOffset, endOf(last));
  state.problems.report(token.startOffset, state.messages.declarations.oneGate(word, token, ` ${text}`));
  for (const each of rest) {
    const copy = { ...each };
    if (each === first) retype(copy, T.InWord);
    state.emit(copy);
  }
  state.insert(T.GateWord, word.image, token);
  state.previous = token;
  return true;
}

/** Takes `"l2"` for the name in it. */
export function unquote(state: State, token: IToken): boolean {
  const name = quotedName(token.image);
  if (name === undefined) return false;
  state.problems.report(token.startOffset, state.messages.characters.quoted(token, name));
  retype(token, T.Identifier);
  token.image = name;
  return true;
}

/** What is quoted in an import is where it reads from. Returns the index of the token after it. */
export function takePath(state: State, i: number, token: IToken): number | undefined {
  const { tokenType: type, image, startOffset: start } = token;
  if (state.item?.token.tokenType !== T.ImportWord) return undefined;
  let next = i + 1;
  if (type === T.Prime || (type === T.Stray && image.startsWith("'"))) {
    const isOne = type === T.Stray;
    while (!isOne && state.tokens[next] && state.tokens[next]?.tokenType !== T.Prime) next++;
    const close = isOne ? token : state.tokens[next];
    if (!close || !state.words.sharesLine(token, close)) return undefined;
    const path = state.text.slice(start + 1, endOf(close) - 1);
    state.problems.report(start, state.messages.characters.singleQuotes(token, close, path));
    token.image = `"${path}"`;
    token.endOffset = endOf(close) - 1;
    next = isOne ? next : next + 1;
  } else if (type !== T.Stray || !image.startsWith('"')) return undefined;
  retype(token, T.Text);
  state.emit(token);
  state.previous = token;
  return next;
}

/** Names that are operators elsewhere; what they are part of is left as it is. */
export function habitOfNames(state: State, i: number, token: IToken): void {
  const [previous, before] = [state.previous, state.tokens[i - 2]];
  if (!state.item || state.skipping) return;
  const { image, startOffset } = token;
  if (isConnective(image) && operatorIsDue(previous) && state.words.sharesLine(previous, token)) {
    state.problems.reportFirst(startOffset, state.messages.expressions.connective(token));
  } else if (state.habits.isTransposed(token, previous)) {
    state.problems.reportFirst(startOffset, state.messages.expressions.transpose(token));
  } else if (before && state.habits.isMethod(i)) {
    const problem = state.messages.expressions.method(before, token, isLibrary(before.image));
    if (problem.habit) state.problems.report(startOffset, problem);
    else state.problems.reportFirst(startOffset, problem);
  }
}

/** Whether a `(` or `[` is one that other languages would have here; it may become what it should be. */
export function habitOfBrackets(state: State, i: number, token: IToken): "skip" | "take" {
  const [previous, item, first] = [state.previous, state.item, state.tokens[i + 1]];
  const closer = state.tokens[state.partner.get(i) ?? -1];
  if (!item || !previous || state.skipping || !closer) return "take";
  const type = item.token.tokenType;
  const isValue = item.hasEquals || takesNoEquals(item.token) || type === T.ExpectWord;
  const isParams = state.rounds > 0 && !item.hasEquals;
  if (token.tokenType === T.LSquare) {
    if (type === T.ChoiceWord && state.rounds === 0) {
      state.problems.reportFirst(token.startOffset, state.messages.brackets.choiceShape(token));
      return "skip";
    }
    if (!isValue || isParams || previous.tokenType === T.InWord || !operatorIsDue(previous)) return "take";
    state.problems.reportFirst(token.startOffset, state.messages.brackets.index(token));
    return "skip";
  }
  if (state.rounds > 0 || previous === item.token || isValue) {
    const isPower = state.tokens[i - 2]?.tokenType === T.Caret;
    if (isValue && isPower && previous.tokenType === T.NumberLiteral) {
      state.problems.reportFirst(token.startOffset, state.messages.expressions.powerBeforeCall(token));
      return "skip";
    }
    return "take";
  }
  const isNamed = state.tokens[i - 2] === item.token || type === T.InputWord;
  if (previous.tokenType !== T.Identifier || !isNamed) return "take";
  if (type === T.GateWord && first?.tokenType !== T.Identifier) {
    state.problems.reportFirst(token.startOffset, state.messages.declarations.rangeWithoutIn(token, false));
    state.insert(T.InWord, "in");
  } else if (type === T.StateWord || type === T.GateWord || type === T.InputWord) {
    state.problems.reportFirst(token.startOffset, state.messages.brackets.roundShape(token, closer));
    retype(token, T.LSquare);
    retype(closer, T.RSquare);
  }
  return "take";
}
