/**
 * Between the lexer and the parser: gives each name the type that its place asks for, balances the
 * brackets, and finds where each item begins. The parser then meets a sound structure whatever the
 * text is, so a mistake in one item stays in that item.
 */
import { type IToken, type TokenType, tokenMatcher } from "chevrotain";
import { closest } from "../compiler/source/suggest.ts";
import { partners } from "./brackets.ts";
import { Messages } from "./messages.ts";
import type { Problems } from "./problems.ts";
import * as T from "./tokens.ts";
import { DEFINITIONS, ITEMS, isDefinitionWord, WORDS } from "./vocabulary.ts";
import { endOf, operatorIsDue, Words } from "./words.ts";

/** Brackets within brackets. The parser spends some 3 KB of stack on each, and a thread may have little. */
const DEEPEST = 100;
/** Operators in one item: a bound on the depth of its tree. */
const LONGEST = 500;

/** An open `(` or `[`. */
interface Round {
  readonly kind: "round";
  readonly opener: IToken;
  readonly closer: TokenType;
  /** `(0, 1]`: the brackets of a range need not agree. */
  readonly isRange: boolean;
  /** Whether it holds parameters, which have defaults. */
  readonly isParams: boolean;
  readonly isEmitted: boolean;
  /** Whether the text closes it at all. */
  readonly isClosed: boolean;
}

/** The open block of a definition. */
interface Curly {
  readonly kind: "curly";
  readonly opener: IToken;
  readonly definition: IToken;
}

interface Item {
  readonly token: IToken;
  hasEquals: boolean;
  operators: number;
}

function retype(token: IToken, type: TokenType): void {
  token.tokenType = type;
  token.tokenTypeIdx = type.tokenTypeIdx ?? token.tokenTypeIdx;
}

const takesNoEquals = ({ tokenType }: IToken): boolean =>
  tokenType === T.ValueWord || tokenType === T.MinimizeWord;

function mayHaveEquals(word: IToken): boolean {
  if (word.tokenType === T.DefineWord) return word.image === "fn" || word.image === "bias";
  return !takesNoEquals(word) && word.tokenType !== T.ChoiceWord;
}

const signOf = (closer: TokenType): string => (closer === T.RParen ? ")" : "]");

class Arranger {
  readonly #tokens: readonly IToken[];
  readonly #text: string;
  readonly #problems: Problems;
  readonly #messages: Messages;
  readonly #partner: ReadonlyMap<number, number>;
  readonly #words: Words;
  readonly #out: IToken[] = [];
  readonly #open: (Round | Curly)[] = [];
  /** How many of the open brackets are round. */
  #rounds = 0;
  /** The braces that the text opens, less those that it closes. */
  #surplus = 0;
  #previous: IToken | undefined;
  #item: Item | undefined;
  /** A definition whose body is still to come. */
  #header: IToken | undefined;
  /** Drops tokens until the next item. */
  #skipping = false;
  /** Outside all definitions, and said so. */
  #outside = false;

  constructor(tokens: readonly IToken[], problems: Problems) {
    this.#tokens = tokens;
    this.#text = problems.file.text;
    this.#problems = problems;
    this.#messages = new Messages(problems.file);
    this.#partner = partners(tokens);
    this.#words = new Words(this.#text, tokens, this.#partner);
    for (const { tokenType } of tokens) {
      if (tokenType === T.LCurly) this.#surplus++;
      else if (tokenType === T.RCurly) this.#surplus--;
    }
  }

  run(): IToken[] {
    let i = 0;
    for (let token = this.#tokens[i]; token; token = this.#tokens[i]) i = this.#take(i, token);
    this.#endRounds(undefined);
    this.#endHeader(undefined);
    while (this.#open.length > 0) this.#endCurly(undefined);
    return this.#out;
  }

  // ------------------------------------------------------------------ one token

  /** Deals with the token at `i` and returns the index of the next one. */
  #take(i: number, token: IToken): number {
    if (token.tokenType === T.Stray) {
      this.#problems.report(token.startOffset, this.#messages.stray(token));
      return i + 1;
    }
    const next = token.tokenType === T.Identifier ? this.#takeName(i, token) : this.#takeSign(i, token);
    this.#previous = this.#tokens[next - 1] ?? token;
    return next;
  }

  #takeName(i: number, token: IToken): number {
    const type = this.#words.typeAt(i, token, {
      previous: this.#previous,
      inBrackets: this.#rounds > 0,
      mayChoose: this.#depth > 0 || (this.#header?.image === "model" && this.#surplus < 0),
      awaitsEquals: this.#awaitsEquals,
    });
    if (type === "reserved") {
      this.#problems.report(token.startOffset, this.#messages.reserved(token));
      this.#emit(token);
      return i + 1;
    }
    retype(token, type);
    if (tokenMatcher(token, T.ItemStart)) return this.#begin(i, token);
    if (type === T.Identifier) this.#name(i, token);
    else this.#emit(token);
    return i + 1;
  }

  #takeSign(i: number, token: IToken): number {
    const type = token.tokenType;
    if (!this.#item && this.#depth === 0 && !this.#outside && type !== T.RCurly) this.#junk(token);
    switch (type) {
      case T.LCurly:
        return this.#openCurly(i, token);
      case T.RCurly:
        this.#closeCurly(token);
        break;
      case T.LParen:
      case T.LSquare:
        return this.#openRound(i, token);
      case T.RParen:
      case T.RSquare:
        this.#closeRound(token);
        break;
      case T.Equals:
        this.#equals(token);
        break;
      case T.Same:
        this.#same(token);
        break;
      case T.Prime:
        this.#prime(token);
        break;
      case T.NumberLiteral:
      case T.BadNumber:
        this.#number(token);
        break;
      default:
        if (tokenMatcher(token, T.Operator)) this.#countOperator(token);
        this.#emit(token);
    }
    return i + 1;
  }

  #emit(token: IToken): void {
    if (!this.#skipping) this.#out.push(token);
  }

  /** A token that the text lacks. */
  #insert(type: TokenType, image: string, after = this.#previous): void {
    const at = after ? endOf(after) : 0;
    const tokenTypeIdx = type.tokenTypeIdx ?? 0;
    this.#out.push({ image, startOffset: at, endOffset: at - 1, tokenType: type, tokenTypeIdx });
  }

  get #depth(): number {
    return this.#open.length - this.#rounds;
  }

  /** The definition whose block this is. */
  get #enclosing(): IToken | undefined {
    return this.#open.findLast((open) => open.kind === "curly")?.definition;
  }

  /** Whether the item's own `=` is still to come. */
  get #awaitsEquals(): boolean {
    return this.#item !== undefined && !this.#item.hasEquals && mayHaveEquals(this.#item.token);
  }

  // ------------------------------------------------------------------ names

  /** A plain name: an operand, or something that does not belong after the operand before it. */
  #name(i: number, token: IToken): void {
    const previous = this.#previous;
    const mayBegin = !this.#words.sharesLine(previous, token) || previous?.tokenType === T.LCurly;
    const isOperand = !operatorIsDue(previous) || this.#rounds > 0;
    if (isOperand || (this.#skipping && !(mayBegin && this.#depth > 0))) this.#emit(token);
    else if (this.#depth === 0 && !this.#item) this.#unknownDefinition(i, token);
    else if (mayBegin) this.#unknownItem(i, token);
    else if (this.#header && !mayHaveEquals(this.#header)) this.#emit(token);
    else this.#sideBySide(token, previous);
  }

  /** Takes a misspelt word for the right one, so that what it begins is read all the same. */
  #unknownDefinition(i: number, token: IToken): void {
    const meant = closest(token.image, DEFINITIONS);
    if (!meant || !this.#words.nameFollows(i)) {
      if (!this.#outside) this.#junk(token);
      return;
    }
    const problem = this.#messages.unknownDefinition(token, meant);
    retype(token, T.DefineWord);
    token.image = meant;
    this.#begin(i, token);
    this.#problems.report(token.startOffset, problem);
  }

  #unknownItem(i: number, token: IToken): void {
    const owner = this.#enclosing?.image;
    if (!isDefinitionWord(owner)) {
      this.#item = undefined;
      this.#unknownDefinition(i, token);
      return;
    }
    this.#problems.begin(token.startOffset);
    this.#item = { token, hasEquals: false, operators: 0 };
    this.#skipping = false;
    const meant = closest(token.image, ITEMS[owner]);
    const word = meant && WORDS.get(meant);
    if (word) {
      this.#problems.report(token.startOffset, this.#messages.unknownItem(token, owner, meant));
      token.image = meant;
      retype(token, word.type);
      this.#emit(token);
    } else if (this.#tokens[i + 1]?.tokenType === T.Equals) {
      this.#problems.report(token.startOffset, this.#messages.bareAssignment(token, owner));
      this.#assumeAssignment(token, owner);
    } else {
      this.#problems.report(token.startOffset, this.#messages.unknownItem(token, owner, undefined));
      this.#skipping = true;
    }
  }

  /** Reads `S = …` as `S' = …` in an algorithm, and as `let S = …` elsewhere. */
  #assumeAssignment(token: IToken, owner: string): void {
    if (owner === "algorithm") {
      retype(token, T.TargetName);
      this.#emit(token);
      this.#insert(T.Prime, "'", token);
    } else {
      this.#insert(T.LetWord, "let");
      this.#emit(token);
    }
  }

  /** A name or a number directly after an operand. */
  #sideBySide(token: IToken, previous: IToken | undefined): void {
    const item = this.#item;
    if (!item || !this.#awaitsEquals) {
      this.#problems.reportFirst(token.startOffset, this.#messages.sideBySide(token, previous));
      this.#skipping = true;
      return;
    }
    if (item.token.tokenType === T.InputWord && previous?.tokenType === T.Identifier) {
      this.#problems.reportFirst(token.startOffset, this.#messages.noComma(token, previous));
      this.#insert(T.Comma, ",");
    } else {
      this.#problems.reportFirst(token.startOffset, this.#messages.noEquals(token, previous));
      this.#insert(T.Equals, "=");
      item.hasEquals = true;
      this.#header = undefined;
    }
    this.#emit(token);
  }

  // ------------------------------------------------------------------ items

  #begin(i: number, token: IToken): number {
    this.#endRounds(token);
    this.#endHeader(token);
    const isDefinition = token.tokenType === T.DefineWord;
    if (isDefinition && this.#looksUnclosed(token)) this.#endCurly(token);
    this.#problems.begin(token.startOffset);
    this.#skipping = false;
    this.#item = { token, hasEquals: false, operators: 0 };
    const owner = this.#enclosing;
    if (isDefinition && owner) return this.#nested(i, token, owner);
    if (isDefinition) {
      this.#outside = false;
      this.#header = token;
    } else this.#checkPlace(token, owner?.image);
    this.#emit(token);
    return i + 1;
  }

  /** Skips, with a report, an item that stands where it cannot. */
  #checkPlace(token: IToken, owner: string | undefined): void {
    if (!isDefinitionWord(owner)) {
      if (!this.#outside) this.#problems.report(token.startOffset, this.#messages.outside(token));
      this.#outside = true;
      this.#skipping = true;
      return;
    }
    const fits =
      token.tokenType === T.TargetName ? owner === "algorithm" : ITEMS[owner].includes(token.image);
    if (fits) return;
    this.#problems.report(token.startOffset, this.#messages.wrongPlace(token, owner));
    this.#skipping = true;
  }

  #nested(i: number, token: IToken, owner: IToken): number {
    this.#problems.report(token.startOffset, this.#messages.nested(token, owner));
    this.#skipping = true;
    const body = this.#words.bodyAt(i);
    const end = this.#tokens[body]?.tokenType === T.LCurly ? this.#partner.get(body) : undefined;
    return (end ?? i) + 1;
  }

  /** A definition that is not indented, in a file with too few `}`, shows where one was forgotten. */
  #looksUnclosed(token: IToken): boolean {
    const owner = this.#enclosing;
    if (!owner || this.#surplus <= 0 || this.#words.sharesLine(this.#previous, token)) return false;
    return this.#column(token) <= this.#column(owner);
  }

  #column({ startOffset }: IToken): number {
    return startOffset - this.#text.lastIndexOf("\n", startOffset - 1);
  }

  /** A definition without a body; if the text has a `}` for it, its `{` was forgotten. */
  #endHeader(at: IToken | undefined): void {
    const header = this.#header;
    this.#header = undefined;
    if (!header || !isDefinitionWord(header.image)) return;
    const isItem = at !== undefined && tokenMatcher(at, T.ItemStart) && at.tokenType !== T.DefineWord;
    const repairs = isItem && header.image !== "fn" && this.#surplus < 0 && this.#previous !== header;
    const previous = this.#previous ?? header;
    const problem = this.#messages.noBody(header.image, previous, at, repairs);
    this.#problems.reportFirst(header.startOffset, problem);
    this.#outside = !repairs;
    if (!repairs) return;
    this.#insert(T.LCurly, "{");
    this.#open.push({ kind: "curly", opener: header, definition: header });
    this.#surplus++;
  }

  /** What stands between definitions and is none. */
  #junk(token: IToken): void {
    this.#problems.begin(token.startOffset);
    this.#problems.report(token.startOffset, this.#messages.notADefinition(token));
    this.#outside = true;
    this.#skipping = true;
  }

  // ------------------------------------------------------------------ brackets

  #openCurly(i: number, token: IToken): number {
    if (!this.#header) {
      this.#problems.reportFirst(token.startOffset, this.#messages.noBlock(token));
      const end = this.#partner.get(i);
      if (end === undefined) this.#surplus--;
      return (end ?? i) + 1;
    }
    this.#endRounds(token);
    this.#open.push({ kind: "curly", opener: token, definition: this.#header });
    this.#header = undefined;
    this.#item = undefined;
    this.#skipping = false;
    this.#emit(token);
    return i + 1;
  }

  #closeCurly(token: IToken): void {
    this.#endRounds(token);
    this.#endHeader(token);
    this.#skipping = false;
    this.#item = undefined;
    if (this.#open.pop()) {
      this.#emit(token);
      return;
    }
    this.#problems.begin(token.startOffset);
    if (!this.#outside) this.#problems.report(token.startOffset, this.#messages.noOpener(token, "{"));
    this.#surplus++;
  }

  #openRound(i: number, token: IToken): number {
    if (this.#rounds >= DEEPEST) {
      this.#problems.reportFirst(token.startOffset, this.#messages.tooDeep(token, DEEPEST));
      return (this.#partner.get(i) ?? i) + 1;
    }
    const before = this.#previous?.tokenType;
    this.#open.push({
      kind: "round",
      opener: token,
      closer: token.tokenType === T.LParen ? T.RParen : T.RSquare,
      isRange: before === T.InWord,
      isParams: this.#header !== undefined || before === T.ReadWord,
      isEmitted: !this.#skipping,
      isClosed: this.#partner.has(i),
    });
    this.#rounds++;
    this.#emit(token);
    return i + 1;
  }

  #closeRound(token: IToken): void {
    const top = this.#open.at(-1);
    if (top?.kind !== "round") {
      const opener = token.tokenType === T.RParen ? "(" : "[";
      this.#problems.reportFirst(token.startOffset, this.#messages.noOpener(token, opener));
      return;
    }
    this.#open.pop();
    this.#rounds--;
    if (!top.isRange && token.tokenType !== top.closer) {
      const problem = this.#messages.wrongCloser(token, top.opener, signOf(top.closer));
      this.#problems.reportFirst(token.startOffset, problem);
      retype(token, top.closer);
    }
    if (top.isEmitted) this.#out.push(token);
  }

  /** Closes the brackets that are open where none can be. */
  #endRounds(at: IToken | undefined, most = this.#rounds): void {
    const unclosed: Round[] = [];
    for (
      let top = this.#open.at(-1);
      top?.kind === "round" && unclosed.length < most;
      top = this.#open.at(-1)
    ) {
      unclosed.push(top);
      this.#open.pop();
    }
    this.#rounds -= unclosed.length;
    const [inner, ...outer] = unclosed.map(({ opener }) => opener);
    if (!inner) return;
    const closers = unclosed.map(({ closer }) => signOf(closer)).join("");
    const problem = this.#messages.unclosedBrackets([inner, ...outer], closers, at, this.#previous);
    this.#problems.reportFirst(inner.startOffset, problem);
    for (const { closer, isEmitted } of unclosed) if (isEmitted) this.#insert(closer, signOf(closer));
  }

  #endCurly(at: IToken | undefined): void {
    const top = this.#open.pop();
    if (top?.kind !== "curly") return;
    this.#surplus--;
    const problem = this.#messages.unclosedBlock(top.opener, top.definition, at, this.#previous);
    this.#problems.report(top.opener.startOffset, problem);
    this.#insert(T.RCurly, "}");
  }

  // ------------------------------------------------------------------ signs and numbers

  #equals(token: IToken): void {
    const top = this.#open.at(-1);
    if (top?.kind === "round") this.#equalsWithin(token, top);
    else if (!this.#item) this.#emit(token);
    else if (takesNoEquals(this.#item.token) && this.#previous === this.#item.token) {
      this.#problems.reportFirst(token.startOffset, this.#messages.needlessEquals(this.#item.token, token));
    } else if (this.#item.hasEquals || takesNoEquals(this.#item.token)) this.#comparisonMeant(token);
    else this.#define(token, this.#item);
  }

  /** The one `=` that an item may have. */
  #define(token: IToken, item: Item): void {
    item.hasEquals = true;
    const previous = this.#previous;
    if (item.token.tokenType === T.ExpectWord && previous?.tokenType === T.Identifier) {
      this.#problems.reportFirst(token.startOffset, this.#messages.unprimed(previous));
      this.#insert(T.Prime, "'");
    }
    const header = this.#header;
    this.#header = undefined;
    if (header && isDefinitionWord(header.image) && !mayHaveEquals(header)) {
      this.#problems.reportFirst(token.startOffset, this.#messages.needsBraces(header.image, token));
      this.#skipping = true;
      this.#outside = true;
    }
    this.#emit(token);
  }

  /** `=` within brackets: a default, a comparison, or in the arguments of a choice the name of one. */
  #equalsWithin(token: IToken, top: Round): void {
    if (top.closer === T.RSquare && !top.isRange && !top.isClosed) {
      this.#endRounds(token, 1);
      this.#equals(token);
      return;
    }
    const [before, name] = this.#out.slice(-2);
    const isFirstName =
      name?.tokenType === T.Identifier && (before?.tokenType === T.Comma || before === top.opener);
    if (top.isParams) {
      retype(token, T.DefaultEquals);
      this.#emit(token);
    } else if (isFirstName && this.#item?.token.tokenType === T.ChoiceWord) {
      this.#problems.reportFirst(token.startOffset, this.#messages.equalsNames(token));
      retype(token, T.Colon);
      this.#emit(token);
    } else this.#comparisonMeant(token);
  }

  #comparisonMeant(token: IToken): void {
    this.#problems.reportFirst(token.startOffset, this.#messages.equalsCompares(token));
    retype(token, T.Same);
    this.#emit(token);
  }

  /** `==` compares, except where an item is given its value. */
  #same(token: IToken): void {
    if (this.#awaitsEquals && this.#rounds === 0) {
      this.#problems.reportFirst(token.startOffset, this.#messages.sameDefines(token));
      retype(token, T.Equals);
      this.#equals(token);
      return;
    }
    this.#countOperator(token);
    this.#emit(token);
  }

  #prime(token: IToken): void {
    const previous = this.#previous;
    if (previous?.tokenType === T.Identifier && endOf(previous) !== token.startOffset) {
      this.#problems.reportFirst(token.startOffset, this.#messages.gapBeforePrime(token, previous));
    }
    this.#emit(token);
  }

  #number(token: IToken): void {
    if (token.tokenType === T.BadNumber || !Number.isFinite(Number(token.image))) {
      this.#problems.report(token.startOffset, this.#messages.badNumber(token));
      retype(token, T.NumberLiteral);
    }
    const lacksEquals = operatorIsDue(this.#previous) && this.#rounds === 0 && this.#awaitsEquals;
    if (lacksEquals) this.#sideBySide(token, this.#previous);
    else this.#emit(token);
  }

  #countOperator(token: IToken): void {
    if (!this.#item || ++this.#item.operators !== LONGEST + 1) return;
    this.#problems.reportFirst(token.startOffset, this.#messages.tooLong(token, LONGEST));
    this.#skipping = true;
  }
}

/** The tokens for the parser. What had to be dropped, inserted or renamed has been reported. */
export function arrange(lexed: T.Lexed, problems: Problems): IToken[] {
  const tokens = new Arranger(lexed.tokens, problems).run();
  const messages = new Messages(problems.file);
  for (const comment of lexed.comments) {
    if (comment.tokenType === T.OpenComment) {
      problems.report(comment.startOffset, messages.unclosedComment(comment));
    }
  }
  return tokens;
}
