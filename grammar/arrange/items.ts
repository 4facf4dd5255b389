/** Where items and definitions begin, and whether they may stand there. */
import type { IToken } from "chevrotain";
import { closest } from "../../compiler/source/suggest.ts";
import { withoutTime } from "../phrases.ts";
import * as T from "../tokens.ts";
import { DEFINITIONS, ITEMS, isDefinitionWord, wordIn } from "../vocabulary.ts";
import { endCurly, endHeader, endRounds } from "./nesting.ts";
import { retype, type State } from "./state.ts";

export function beginItem(state: State, i: number, token: IToken): number {
  endRounds(state, token);
  endHeader(state, token);
  const isDefinition = token.tokenType === T.DefineWord;
  if (isDefinition && looksUnclosed(state, token)) endCurly(state, token);
  state.problems.begin(token.startOffset);
  state.skipping = false;
  state.item = { token, hasEquals: false, operators: 0 };
  const owner = state.enclosing;
  if (isDefinition && owner) return skipNested(state, i, token, owner);
  if (token.tokenType === T.ImportWord && !owner) {
    state.outside = false;
    state.emit(token);
    return i + 1;
  }
  if (isDefinition) {
    state.outside = false;
    state.header = token;
  } else checkPlace(state, token, owner?.image);
  state.emit(token);
  return i + 1;
}

/** Skips, with a report, an item that stands where it cannot. */
function checkPlace(state: State, token: IToken, owner: string | undefined): void {
  if (!isDefinitionWord(owner)) {
    if (!state.outside) state.problems.report(token.startOffset, state.messages.items.outside(token));
    state.outside = true;
    state.skipping = true;
    return;
  }
  const fits = token.tokenType === T.TargetName ? owner === "algorithm" : ITEMS[owner].includes(token.image);
  if (fits) return;
  state.problems.report(token.startOffset, state.messages.items.wrongPlace(token, owner));
  state.skipping = true;
}

function skipNested(state: State, i: number, token: IToken, owner: IToken): number {
  state.problems.report(token.startOffset, state.messages.items.nested(token, owner));
  state.skipping = true;
  const body = state.words.bodyAt(i);
  const end = state.tokens[body]?.tokenType === T.LCurly ? state.partner.get(body) : undefined;
  return (end ?? i) + 1;
}

/** A definition that is not indented, in a file with too few `}`, shows where one was forgotten. */
function looksUnclosed(state: State, token: IToken): boolean {
  const owner = state.enclosing;
  if (!owner || state.surplus <= 0 || state.words.sharesLine(state.previous, token)) return false;
  return columnOf(state, token) <= columnOf(state, owner);
}

function columnOf(state: State, { startOffset }: IToken): number {
  return startOffset - state.text.lastIndexOf("\n", startOffset - 1);
}

/** What stands between definitions and is none. */
export function takeJunk(state: State, token: IToken): void {
  state.problems.begin(token.startOffset);
  state.problems.report(token.startOffset, state.messages.items.notADefinition(token));
  state.outside = true;
  state.skipping = true;
}

/** Takes a misspelt word for the right one, so that what it begins is read all the same. */
export function unknownDefinition(state: State, i: number, token: IToken): void {
  const meant = closest(token.image, DEFINITIONS);
  if (!meant || !state.words.nameFollows(i)) {
    if (!state.outside) takeJunk(state, token);
    return;
  }
  const problem = state.messages.items.unknownDefinition(token, meant);
  retype(token, T.DefineWord);
  token.image = meant;
  beginItem(state, i, token);
  state.problems.report(token.startOffset, problem);
}

export function unknownItem(state: State, i: number, token: IToken): void {
  const owner = state.enclosing?.image;
  if (!isDefinitionWord(owner)) {
    state.item = undefined;
    unknownDefinition(state, i, token);
    return;
  }
  state.problems.begin(token.startOffset);
  state.item = { token, hasEquals: false, operators: 0 };
  state.skipping = false;
  const meant = closest(token.image, ITEMS[owner]);
  const word = meant === undefined ? undefined : wordIn(owner, meant);
  if (meant !== undefined && word) {
    state.problems.report(token.startOffset, state.messages.items.unknownItem(token, owner, meant));
    token.image = meant;
    retype(token, word.type);
    state.emit(token);
  } else if (owner === "model" && state.habits.isRule(i, token)) {
    const isPlain = state.tokens[i + 1]?.tokenType === T.Equals && withoutTime(token.image) === undefined;
    state.problems.report(token.startOffset, state.messages.items.ruleInModel(token, isPlain));
    state.skipping = true;
  } else if (state.tokens[i + 1]?.tokenType === T.Equals) {
    state.problems.report(token.startOffset, state.messages.items.bareAssignment(token, owner));
    assumeAssignment(state, token, owner);
  } else if (owner !== "network" && ITEMS.network.includes(token.image)) {
    state.problems.report(token.startOffset, state.messages.items.wrongPlace(token, owner));
    state.skipping = true;
  } else {
    const next = state.tokens[i + 1];
    const isBare = !next || next.tokenType !== T.Identifier || !state.words.sharesLine(token, next);
    state.problems.report(
      token.startOffset,
      state.messages.items.unknownItem(token, owner, undefined, isBare),
    );
    state.skipping = true;
  }
}

/** Reads `S = …` as `S' = …` in an algorithm, and as `let S = …` elsewhere. */
function assumeAssignment(state: State, token: IToken, owner: string): void {
  if (owner === "algorithm") {
    retype(token, T.TargetName);
    state.emit(token);
    state.insert(T.Prime, "'", token);
  } else {
    state.insert(T.LetWord, "let");
    state.emit(token);
  }
}
