/**
 * Between the lexer and the parser: gives each name the type that its place asks for, balances the
 * brackets, and finds where each item begins. The parser then meets a sound structure whatever the
 * text is, so a mistake in one item stays in that item.
 */
import { type IToken, type TokenType, tokenMatcher } from "chevrotain";
import { closest } from "../compiler/source/suggest.ts";
import { partners } from "./brackets.ts";
import { Habits, isLibrary, quotedName, quotesJoined } from "./habits.ts";
import { Messages } from "./messages.ts";
import { isConnective, withoutTime } from "./phrases.ts";
import type { Problems } from "./problems.ts";
import * as T from "./tokens.ts";
import { DEFINITIONS, ITEMS, isDefinitionWord, WORDS, wordIn } from "./vocabulary.ts";
import { endOf, isAdjacent, operatorIsDue, Words } from "./words.ts";

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
  /** Where the text has no braces at all: the name before the block, its first item, and a colon instead of `{`. */
  readonly bare?: { readonly name: IToken; readonly at: IToken; readonly colon: IToken | undefined };
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
  tokenType === T.ValueWord || tokenType === T.MinimizeWord || tokenType === T.BlockWord;

function mayHaveEquals(word: IToken): boolean {
  if (word.tokenType === T.DefineWord) return word.image === "fn" || word.image === "bias";
  return !takesNoEquals(word) && word.tokenType !== T.ChoiceWord && word.tokenType !== T.ImportWord;
}

const signOf = (closer: TokenType): string => (closer === T.RParen ? ")" : "]");

class Arranger {
  readonly #tokens: readonly IToken[];
  readonly #text: string;
  readonly #problems: Problems;
  readonly #messages: Messages;
  readonly #partner: ReadonlyMap<number, number>;
  readonly #words: Words;
  readonly #habits: Habits;
  readonly #out: IToken[] = [];
  readonly #open: (Round | Curly)[] = [];
  /** Reserved words that have been told not to be names. */
  readonly #reserved = new Set<string>();
  /** Brackets that close what has been dropped. */
  readonly #wraps = new Set<IToken>();
  /** How many of the open brackets are round. */
  #rounds = 0;
  /** The braces that the text opens, less those that it closes. */
  #surplus = 0;
  #previous: IToken | undefined;
  #item: Item | undefined;
  /** A definition whose body is still to come. */
  #header: IToken | undefined;
  /** The `:` that stands where the `{` of that body should. */
  #colon: IToken | undefined;
  /** Drops tokens until the next item. */
  #skipping = false;
  /** Outside all definitions, and said so. */
  #outside = false;

  constructor(tokens: readonly IToken[], problems: Problems) {
    this.#tokens = quotesJoined(tokens);
    this.#text = problems.file.text;
    this.#problems = problems;
    this.#messages = new Messages(problems.file);
    this.#partner = partners(this.#tokens);
    this.#words = new Words(this.#text, this.#tokens, this.#partner);
    this.#habits = new Habits(this.#tokens, this.#partner, this.#words);
    for (const { tokenType } of this.#tokens) {
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
    const path = this.#path(i, token);
    if (path !== undefined) return path;
    if (this.#isWrapping(i, token)) return i + 1;
    if (token.tokenType === T.Stray && !this.#unquoted(token)) {
      this.#problems.report(token.startOffset, this.#messages.stray(token));
      return i + 1;
    }
    if (this.#isNeedless(i, token)) return i + 1;
    const next = token.tokenType === T.Identifier ? this.#takeName(i, token) : this.#takeSign(i, token);
    this.#previous = this.#tokens[next - 1] ?? token;
    return next;
  }

  /** Whether a bracket is dropped, with a report, that other languages would have around a list: `{ A } from`, `[A, B]`. */
  #isWrapping(i: number, token: IToken): boolean {
    if (this.#wraps.delete(token)) return true;
    const [item, type] = [this.#item?.token, token.tokenType];
    if (!item || this.#previous !== item || this.#skipping) return false;
    const isImport = item.tokenType === T.ImportWord && type === T.LCurly;
    const close = this.#tokens[this.#partner.get(i) ?? -1];
    if (!close || !(isImport || (item.tokenType === T.BlockWord && type === T.LSquare))) return false;
    this.#wraps.add(close);
    this.#problems.report(token.startOffset, this.#messages.wrapped(item, token, close));
    return true;
  }

  /** What is quoted in an import is where it reads from. Returns the index of the token after it. */
  #path(i: number, token: IToken): number | undefined {
    const { tokenType: type, image, startOffset: start } = token;
    if (this.#item?.token.tokenType !== T.ImportWord) return undefined;
    let next = i + 1;
    if (type === T.Prime || (type === T.Stray && image.startsWith("'"))) {
      const isOne = type === T.Stray;
      while (!isOne && this.#tokens[next] && this.#tokens[next]?.tokenType !== T.Prime) next++;
      const close = isOne ? token : this.#tokens[next];
      if (!close || !this.#words.sharesLine(token, close)) return undefined;
      const path = this.#text.slice(start + 1, endOf(close) - 1);
      this.#problems.report(start, this.#messages.singleQuotes(token, close, path));
      token.image = `"${path}"`;
      token.endOffset = endOf(close) - 1;
      next = isOne ? next : next + 1;
    } else if (type !== T.Stray || !image.startsWith('"')) return undefined;
    retype(token, T.Text);
    this.#emit(token);
    this.#previous = token;
    return next;
  }

  #takeName(i: number, token: IToken): number {
    if (this.#item?.token.tokenType === T.ImportWord && WORDS.get(token.image)?.role !== "reserved") {
      const isDue = operatorIsDue(this.#previous);
      if (!isDue || token.image === "from") {
        retype(token, isDue ? T.FromWord : T.Identifier);
        this.#emit(token);
        return i + 1;
      }
    }
    const type = this.#words.typeAt(i, token, {
      previous: this.#previous,
      inBrackets: this.#rounds > 0,
      mayChoose: this.#depth > 0 || (this.#header?.image === "model" && this.#header !== this.#previous),
      owner: this.#enclosing?.image,
      awaitsEquals: this.#awaitsEquals,
    });
    this.#habitOfNames(i, token);
    if (type === "reserved") {
      if (!this.#outside && !this.#reserved.has(token.image))
        this.#problems.report(token.startOffset, this.#messages.reserved(token));
      this.#reserved.add(token.image);
      this.#emit(token);
      return i + 1;
    }
    retype(token, type);
    if (tokenMatcher(token, T.ItemStart)) {
      const goesOn = this.#skipping && this.#depth > 0 && this.#words.sharesLine(this.#previous, token);
      return goesOn && wordIn(this.#enclosing?.image, token.image)?.role === "item"
        ? i + 1
        : this.#begin(i, token);
    }
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
        return this.#equals(token, i);
      case T.Colon:
      case T.Below:
        return this.#meansEquals(i, token);
      case T.Dot:
        return this.#dot(i, token);
      case T.Same:
        this.#same(token, i);
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
        if (
          type === T.Times &&
          this.#tokens[i + 1]?.tokenType === T.Times &&
          isAdjacent(token, this.#tokens[i + 1])
        ) {
          this.#problems.reportFirst(
            token.startOffset,
            this.#messages.doubleStar(token, this.#tokens[i + 1] as IToken),
          );
          retype(token, T.Caret);
          this.#emit(token);
          return i + 2;
        }
        this.#emit(token);
    }
    return i + 1;
  }

  // ------------------------------------------------------------------ habits of other languages

  /** `:` or `<-` where an item is given its value; elsewhere they are signs like any other. */
  #meansEquals(i: number, token: IToken): number {
    const next = this.#tokens[i + 1];
    const isColon = token.tokenType === T.Colon;
    const isArrow = !isColon && next?.tokenType === T.Minus && isAdjacent(token, next);
    const gives = this.#awaitsEquals && this.#rounds === 0 && !this.#skipping;
    if (!this.#item || !gives || !(isColon ? next?.image !== "real" : isArrow)) {
      if (!isColon) this.#countOperator(token);
      this.#emit(token);
      return i + 1;
    }
    this.#problems.reportFirst(token.startOffset, this.#messages.arrow(token, isArrow ? next : token));
    retype(token, T.Equals);
    this.#define(token, this.#item);
    return isArrow ? i + 2 : i + 1;
  }

  #dot(i: number, token: IToken): number {
    const next = this.#tokens[i + 1];
    if (next?.tokenType !== T.Times || !isAdjacent(token, next)) {
      this.#emit(token);
      return i + 1;
    }
    this.#problems.reportFirst(token.startOffset, this.#messages.dottedProduct(token, next));
    this.#emit(next);
    return i + 2;
  }

  /** The range of most gates, where the text has something else, so that nothing more is said of this one. */
  #assumeRange(hasIn: boolean): void {
    if (!hasIn) this.#insert(T.InWord, "in");
    this.#insert(T.LParen, "(");
    this.#insert(T.NumberLiteral, "0");
    this.#insert(T.Comma, ",");
    this.#insert(T.NumberLiteral, "1");
    this.#insert(T.RParen, ")");
    this.#skipping = true;
  }

  /** Takes `"l2"` for the name in it. */
  #unquoted(token: IToken): boolean {
    const name = quotedName(token.image);
    if (name === undefined) return false;
    this.#problems.report(token.startOffset, this.#messages.quoted(token, name));
    retype(token, T.Identifier);
    token.image = name;
    return true;
  }

  /** Whether a sign is dropped, with a report, that other languages would have here. */
  #isNeedless(i: number, token: IToken): boolean {
    const { tokenType: type } = token;
    const [previous, item, next] = [this.#previous, this.#item, this.#tokens[i + 1]];
    if (this.#rounds > 0 || !previous || (type !== T.Comma && type !== T.Colon)) return false;
    if (type === T.Colon && this.#header?.image === "model" && this.#header !== previous) {
      if (next && this.#words.sharesLine(token, next)) return false;
      this.#colon = token;
      return true;
    }
    if (!item || this.#depth === 0 || this.#skipping) return false;
    if (type === T.Comma) {
      if (this.#awaitsEquals && this.#gatesTogether(i, token, item)) return true;
      if (item.token.tokenType === T.InputWord && this.#awaitsEquals) return false;
      if (item.token.tokenType === T.BlockWord && next?.tokenType === T.Identifier) return false;
      if (next && this.#words.sharesLine(token, next) && !WORDS.has(next.image)) return false;
      if (!operatorIsDue(previous)) return false;
      this.#problems.reportFirst(token.startOffset, this.#messages.needlessComma(token));
      return true;
    }
    if (previous === item.token && (takesNoEquals(previous) || previous.tokenType === T.ChoiceWord)) {
      this.#problems.reportFirst(token.startOffset, this.#messages.needlessSign(previous, token));
      return true;
    }
    const hasShape = [T.StateWord, T.GateWord, T.InputWord].includes(item.token.tokenType);
    const opens =
      next && (next.tokenType === T.LSquare || next.tokenType === T.LParen || next.image === "in");
    if (!hasShape || item.hasEquals || !opens) return false;
    this.#problems.reportFirst(token.startOffset, this.#messages.needlessColon(token));
    return true;
  }

  /** Reads `gate a, b in (0, 1)` as two gates. */
  #gatesTogether(i: number, token: IToken, item: Item): boolean {
    const { token: word } = item;
    if (word.tokenType !== T.GateWord || this.#previous !== this.#tokens[i - 1]) return false;
    const rest = this.#habits.rangeAfterNames(i);
    const [first, last] = [rest[0], rest.at(-1)];
    if (!first || !last) return false;
    const text = this.#text.slice(first.startOffset, endOf(last));
    this.#problems.report(token.startOffset, this.#messages.oneGate(word, token, ` ${text}`));
    for (const each of rest) {
      const copy = { ...each };
      if (each === first) retype(copy, T.InWord);
      this.#emit(copy);
    }
    this.#insert(T.GateWord, word.image, token);
    this.#previous = token;
    return true;
  }

  /** Names that are operators elsewhere; what they are part of is left as it is. */
  #habitOfNames(i: number, token: IToken): void {
    const [previous, before] = [this.#previous, this.#tokens[i - 2]];
    if (!this.#item || this.#skipping) return;
    const { image, startOffset } = token;
    if (isConnective(image) && operatorIsDue(previous) && this.#words.sharesLine(previous, token)) {
      this.#problems.reportFirst(startOffset, this.#messages.connective(token));
    } else if (this.#habits.isTransposed(token, previous)) {
      this.#problems.reportFirst(startOffset, this.#messages.transpose(token));
    } else if (before && this.#habits.isMethod(i)) {
      const problem = this.#messages.method(before, token, isLibrary(before.image));
      if (problem.habit) this.#problems.report(startOffset, problem);
      else this.#problems.reportFirst(startOffset, problem);
    }
  }

  /** Whether a `(` or `[` is one that other languages would have here; it may become what it should be. */
  #habitOfBrackets(i: number, token: IToken): "skip" | "take" {
    const [previous, item, first] = [this.#previous, this.#item, this.#tokens[i + 1]];
    const closer = this.#tokens[this.#partner.get(i) ?? -1];
    if (!item || !previous || this.#skipping || !closer) return "take";
    const type = item.token.tokenType;
    const isValue = item.hasEquals || takesNoEquals(item.token) || type === T.ExpectWord;
    const isParams = this.#rounds > 0 && !item.hasEquals;
    if (token.tokenType === T.LSquare) {
      if (type === T.ChoiceWord && this.#rounds === 0) {
        this.#problems.reportFirst(token.startOffset, this.#messages.choiceShape(token));
        return "skip";
      }
      if (!isValue || isParams || previous.tokenType === T.InWord || !operatorIsDue(previous)) return "take";
      this.#problems.reportFirst(token.startOffset, this.#messages.index(token));
      return "skip";
    }
    if (this.#rounds > 0 || previous === item.token || isValue) {
      const isPower = this.#tokens[i - 2]?.tokenType === T.Caret;
      if (isValue && isPower && previous.tokenType === T.NumberLiteral) {
        this.#problems.reportFirst(token.startOffset, this.#messages.powerBeforeCall(token));
        return "skip";
      }
      return "take";
    }
    const isNamed = this.#tokens[i - 2] === item.token || type === T.InputWord;
    if (previous.tokenType !== T.Identifier || !isNamed) return "take";
    if (type === T.GateWord && first?.tokenType !== T.Identifier) {
      this.#problems.reportFirst(token.startOffset, this.#messages.rangeWithoutIn(token, false));
      this.#insert(T.InWord, "in");
    } else if (type === T.StateWord || type === T.GateWord || type === T.InputWord) {
      this.#problems.reportFirst(token.startOffset, this.#messages.roundShape(token, closer));
      retype(token, T.LSquare);
      retype(closer, T.RSquare);
    }
    return "take";
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
    const top = this.#open.at(-1);
    if (top?.kind === "round" && top.isParams && previous?.tokenType === T.Identifier) {
      this.#problems.reportFirst(token.startOffset, this.#messages.noCommaBetween(token, previous));
      this.#insert(T.Comma, ",");
    }
    const mayBegin = !this.#words.sharesLine(previous, token) || previous?.tokenType === T.LCurly;
    if (previous?.tokenType === T.OutputWord && previous === this.#item?.token && this.#rounds === 0) {
      this.#outputWithoutEquals(i, token, previous);
      return;
    }
    const isOperand = !operatorIsDue(previous) || this.#rounds > 0;
    if (isOperand || (this.#skipping && !(mayBegin && this.#depth > 0))) this.#emit(token);
    else if (this.#depth === 0 && !this.#item) this.#unknownDefinition(i, token);
    else if (mayBegin) this.#unknownItem(i, token);
    else if (this.#header && !mayHaveEquals(this.#header)) this.#emit(token);
    else this.#sideBySide(token, previous);
  }

  /** `output read(q)`, `output y = read(q)`. */
  #outputWithoutEquals(i: number, token: IToken, previous: IToken): void {
    if (this.#tokens[i + 1]?.tokenType === T.Equals) {
      this.#problems.reportFirst(token.startOffset, this.#messages.namedOutput(token));
      return;
    }
    this.#sideBySide(token, previous);
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
    const word = meant === undefined ? undefined : wordIn(owner, meant);
    if (meant !== undefined && word) {
      this.#problems.report(token.startOffset, this.#messages.unknownItem(token, owner, meant));
      token.image = meant;
      retype(token, word.type);
      this.#emit(token);
    } else if (owner === "model" && this.#habits.isRule(i, token)) {
      const isPlain = this.#tokens[i + 1]?.tokenType === T.Equals && withoutTime(token.image) === undefined;
      this.#problems.report(token.startOffset, this.#messages.ruleInModel(token, isPlain));
      this.#skipping = true;
    } else if (this.#tokens[i + 1]?.tokenType === T.Equals) {
      this.#problems.report(token.startOffset, this.#messages.bareAssignment(token, owner));
      this.#assumeAssignment(token, owner);
    } else if (owner !== "network" && ITEMS.network.includes(token.image)) {
      this.#problems.report(token.startOffset, this.#messages.wrongPlace(token, owner));
      this.#skipping = true;
    } else {
      const next = this.#tokens[i + 1];
      const isBare = !next || next.tokenType !== T.Identifier || !this.#words.sharesLine(token, next);
      this.#problems.report(token.startOffset, this.#messages.unknownItem(token, owner, undefined, isBare));
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
    if (item?.token.tokenType === T.BlockWord && previous) {
      this.#problems.reportFirst(token.startOffset, this.#messages.noCommaBetween(token, previous));
      this.#insert(T.Comma, ",");
      this.#emit(token);
      return;
    }
    if (
      item?.token.tokenType === T.GateWord &&
      this.#awaitsEquals &&
      /^(between|from|within|of|range|is)$/.test(token.image)
    ) {
      this.#problems.reportFirst(token.startOffset, this.#messages.rangeInWords(token));
      this.#assumeRange(false);
      return;
    }
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
    if (token.tokenType === T.ImportWord && !owner) {
      this.#outside = false;
      this.#emit(token);
      return i + 1;
    }
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
    const isNamed = this.#previous !== header;
    const colon = this.#colon;
    this.#colon = undefined;
    if (isItem && isNamed && header.image === "model" && this.#surplus >= 0) {
      const name = this.#previous ?? header;
      this.#insert(T.LCurly, "{");
      this.#open.push({ kind: "curly", opener: header, definition: header, bare: { name, at, colon } });
      this.#surplus++;
      return;
    }
    const repairs = isItem && header.image !== "fn" && this.#surplus < 0 && isNamed;
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
    if (!this.#header && this.#previous?.tokenType === T.InWord && this.#item) {
      this.#problems.reportFirst(token.startOffset, this.#messages.bracedRange(token));
      this.#assumeRange(true);
      const end = this.#partner.get(i);
      if (end === undefined) this.#surplus--;
      return (end ?? i) + 1;
    }
    if (!this.#header) {
      this.#problems.reportFirst(token.startOffset, this.#messages.noBlock(token, this.#previous));
      const end = this.#partner.get(i);
      if (end === undefined) this.#surplus--;
      return (end ?? i) + 1;
    }
    this.#endRounds(token);
    if (this.#header === this.#previous) {
      this.#problems.reportFirst(token.startOffset, this.#messages.noName(this.#header, token));
      this.#insert(T.Identifier, "Mine");
    } else if (this.#header.image === "fn") {
      const end = this.#partner.get(i);
      const closer = end === undefined ? undefined : this.#tokens[end];
      this.#problems.reportFirst(token.startOffset, this.#messages.bracedFunction(token, closer));
      if (closer) {
        this.#header = undefined;
        this.#outside = true;
        this.#skipping = true;
        return (end ?? i) + 1;
      }
    }
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
    if (this.#habitOfBrackets(i, token) === "skip") return (this.#partner.get(i) ?? i) + 1;
    const before = this.#out.at(-1)?.tokenType === T.InWord ? T.InWord : this.#previous?.tokenType;
    this.#open.push({
      kind: "round",
      opener: token,
      closer: token.tokenType === T.LSquare ? T.RSquare : T.RParen,
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
    if (top.bare) {
      const { name, at: first, colon } = top.bare;
      const last = this.#previous;
      this.#problems.report(top.opener.startOffset, this.#messages.noBraces(name, first, colon, last));
      this.#insert(T.RCurly, "}");
      return;
    }
    const problem = this.#messages.unclosedBlock(top.opener, top.definition, at, this.#previous);
    this.#problems.report(top.opener.startOffset, problem);
    this.#insert(T.RCurly, "}");
  }

  // ------------------------------------------------------------------ signs and numbers

  /** Deals with the `=` at `i` and returns the index of the next token. */
  #equals(token: IToken, i: number): number {
    const top = this.#open.at(-1);
    const next = this.#tokens[i + 1];
    if (top?.kind === "round") this.#equalsWithin(token, top, i);
    else if (!this.#item) this.#emit(token);
    else if (
      this.#previous === this.#item.token &&
      (takesNoEquals(this.#previous) || this.#previous.tokenType === T.ChoiceWord)
    ) {
      this.#problems.reportFirst(token.startOffset, this.#messages.needlessSign(this.#previous, token));
    } else if (this.#awaitsEquals && next?.tokenType === T.Above && isAdjacent(token, next)) {
      this.#problems.reportFirst(token.startOffset, this.#messages.arrow(token, next));
      this.#define(token, this.#item);
      return i + 2;
    } else if (this.#item.token.tokenType === T.GateWord && this.#habits.isRangeAt(i + 1)) {
      this.#problems.reportFirst(token.startOffset, this.#messages.rangeWithoutIn(token, true));
      retype(token, T.InWord);
      this.#emit(token);
    } else if (this.#item.hasEquals || takesNoEquals(this.#item.token)) this.#comparisonMeant(token);
    else this.#define(token, this.#item);
    return i + 1;
  }

  /** The one `=` that an item may have. */
  #define(token: IToken, item: Item): void {
    item.hasEquals = true;
    const previous = this.#previous;
    if (item.token.tokenType === T.ExpectWord && previous?.tokenType === T.Identifier) {
      const state = withoutTime(previous.image);
      this.#problems.reportFirst(token.startOffset, this.#messages.unprimed(previous, state));
      if (state) previous.image = state;
      this.#insert(T.Prime, "'");
    }
    const isAlike =
      previous !== undefined && this.#out.at(-1) === previous && this.#out.at(-2) === item.token;
    if (item.token.tokenType === T.StateWord && this.#enclosing?.image === "algorithm" && isAlike) {
      this.#problems.reportFirst(token.startOffset, this.#messages.stateAlone(previous));
      this.#insert(T.LikeWord, "like");
      this.#insert(T.Identifier, "W");
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
  #equalsWithin(token: IToken, top: Round, i: number): void {
    if (top.closer === T.RSquare && !top.isRange && !top.isClosed) {
      this.#endRounds(token, 1);
      this.#equals(token, i);
      return;
    }
    const [before, name] = this.#out.slice(-2);
    const isFirstName =
      name?.tokenType === T.Identifier && (before?.tokenType === T.Comma || before === top.opener);
    if (top.isParams) {
      retype(token, T.DefaultEquals);
      this.#emit(token);
    } else if (isFirstName && this.#item?.token.tokenType === T.ChoiceWord) {
      this.#problems.reportFirst(token.startOffset, this.#messages.equalsNames(token, name));
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
  #same(token: IToken, i: number): void {
    if (this.#awaitsEquals && this.#rounds === 0) {
      this.#problems.reportFirst(token.startOffset, this.#messages.sameDefines(token));
      retype(token, T.Equals);
      this.#equals(token, i);
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
    if (this.#previous?.tokenType === T.GateWord && this.#previous === this.#item?.token) {
      this.#problems.reportFirst(token.startOffset, this.#messages.nameFirst(this.#previous, token));
      this.#skipping = true;
    }
    const lacksEquals = operatorIsDue(this.#previous) && this.#rounds === 0 && this.#awaitsEquals;
    if (lacksEquals && !this.#skipping) this.#sideBySide(token, this.#previous);
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
