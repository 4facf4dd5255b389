/** Opens and closes brackets and blocks, so that they are balanced, and each block belongs to a definition. */
import { type IToken, type TokenType, tokenMatcher } from "chevrotain";
import * as T from "../tokens.ts";
import { isDefinitionWord } from "../vocabulary.ts";
import { habitOfBrackets } from "./foreign.ts";
import { type Round, retype, type State } from "./state.ts";

/** Brackets within brackets. The parser spends some 3 KB of stack on each, and a thread may have little. */
const DEEPEST = 100;

const signOf = (closer: TokenType): string => (closer === T.RParen ? ")" : "]");

export function openCurly(state: State, i: number, token: IToken): number {
  if (!state.header && state.previous?.tokenType === T.InWord && state.item) {
    state.problems.reportFirst(token.startOffset, state.messages.brackets.bracedRange(token));
    state.assumeRange(true);
    const end = state.partner.get(i);
    if (end === undefined) state.surplus--;
    return (end ?? i) + 1;
  }
  if (!state.header) {
    state.problems.reportFirst(token.startOffset, state.messages.brackets.noBlock(token, state.previous));
    const end = state.partner.get(i);
    if (end === undefined) state.surplus--;
    return (end ?? i) + 1;
  }
  endRounds(state, token);
  if (state.header === state.previous) {
    state.problems.reportFirst(token.startOffset, state.messages.items.noName(state.header, token));
    state.insert(T.Identifier, "Mine");
  } else if (state.header.image === "fn") {
    const end = state.partner.get(i);
    const closer = end === undefined ? undefined : state.tokens[end];
    state.problems.reportFirst(token.startOffset, state.messages.items.bracedFunction(token, closer));
    if (closer) {
      state.header = undefined;
      state.outside = true;
      state.skipping = true;
      return (end ?? i) + 1;
    }
  }
  state.open.push({ kind: "curly", opener: token, definition: state.header });
  state.header = undefined;
  state.item = undefined;
  state.skipping = false;
  state.emit(token);
  return i + 1;
}

export function closeCurly(state: State, token: IToken): void {
  endRounds(state, token);
  endHeader(state, token);
  state.skipping = false;
  state.item = undefined;
  if (state.open.pop()) {
    state.emit(token);
    return;
  }
  state.problems.begin(token.startOffset);
  if (!state.outside) state.problems.report(token.startOffset, state.messages.brackets.noOpener(token, "{"));
  state.surplus++;
}

export function openRound(state: State, i: number, token: IToken): number {
  if (state.rounds >= DEEPEST) {
    state.problems.reportFirst(token.startOffset, state.messages.brackets.tooDeep(token, DEEPEST));
    return (state.partner.get(i) ?? i) + 1;
  }
  if (habitOfBrackets(state, i, token) === "skip") return (state.partner.get(i) ?? i) + 1;
  const before = state.out.at(-1)?.tokenType === T.InWord ? T.InWord : state.previous?.tokenType;
  state.open.push({
    kind: "round",
    opener: token,
    closer: token.tokenType === T.LSquare ? T.RSquare : T.RParen,
    isRange: before === T.InWord,
    isParams: state.header !== undefined || before === T.ReadWord,
    isEmitted: !state.skipping,
    isClosed: state.partner.has(i),
  });
  state.rounds++;
  state.emit(token);
  return i + 1;
}

export function closeRound(state: State, token: IToken): void {
  const top = state.open.at(-1);
  if (top?.kind !== "round") {
    const opener = token.tokenType === T.RParen ? "(" : "[";
    state.problems.reportFirst(token.startOffset, state.messages.brackets.noOpener(token, opener));
    return;
  }
  state.open.pop();
  state.rounds--;
  if (!top.isRange && token.tokenType !== top.closer) {
    const problem = state.messages.brackets.wrongCloser(token, top.opener, signOf(top.closer));
    state.problems.reportFirst(token.startOffset, problem);
    retype(token, top.closer);
  }
  if (top.isEmitted) state.out.push(token);
}

/** Closes the brackets that are open where none can be. */
export function endRounds(state: State, at: IToken | undefined, most = state.rounds): void {
  const unclosed: Round[] = [];
  for (
    let top = state.open.at(-1);
    top?.kind === "round" && unclosed.length < most;
    top = state.open.at(-1)
  ) {
    unclosed.push(top);
    state.open.pop();
  }
  state.rounds -= unclosed.length;
  const [inner, ...outer] = unclosed.map(({ opener }) => opener);
  if (!inner) return;
  const closers = unclosed.map(({ closer }) => signOf(closer)).join("");
  const problem = state.messages.brackets.unclosedBrackets([inner, ...outer], closers, at, state.previous);
  state.problems.reportFirst(inner.startOffset, problem);
  for (const { closer, isEmitted } of unclosed) if (isEmitted) state.insert(closer, signOf(closer));
}

export function endCurly(state: State, at: IToken | undefined): void {
  const top = state.open.pop();
  if (top?.kind !== "curly") return;
  state.surplus--;
  if (top.bare) {
    const { name, at: first, colon } = top.bare;
    const last = state.previous;
    state.problems.report(top.opener.startOffset, state.messages.items.noBraces(name, first, colon, last));
    state.insert(T.RCurly, "}");
    return;
  }
  const problem = state.messages.brackets.unclosedBlock(top.opener, top.definition, at, state.previous);
  state.problems.report(top.opener.startOffset, problem);
  state.insert(T.RCurly, "}");
}

/** A definition without a body; if the text has a `}` for it, its `{` was forgotten. */
export function endHeader(state: State, at: IToken | undefined): void {
  const header = state.header;
  state.header = undefined;
  if (!header || !isDefinitionWord(header.image)) return;
  const isItem = at !== undefined && tokenMatcher(at, T.ItemStart) && at.tokenType !== T.DefineWord;
  const isNamed = state.previous !== header;
  const colon = state.colon;
  state.colon = undefined;
  if (isItem && isNamed && header.image === "model" && state.surplus >= 0) {
    const name = state.previous ?? header;
    state.insert(T.LCurly, "{");
    state.open.push({ kind: "curly", opener: header, definition: header, bare: { name, at, colon } });
    state.surplus++;
    return;
  }
  const repairs = isItem && header.image !== "fn" && state.surplus < 0 && isNamed;
  const previous = state.previous ?? header;
  const problem = state.messages.items.noBody(header.image, previous, at, repairs);
  state.problems.reportFirst(header.startOffset, problem);
  state.outside = !repairs;
  if (!repairs) return;
  state.insert(T.LCurly, "{");
  state.open.push({ kind: "curly", opener: header, definition: header });
  state.surplus++;
}
