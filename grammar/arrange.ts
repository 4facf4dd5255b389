/**
 * Between the lexer and the parser. Decides by position which names are words of the language,
 * and balances the brackets, so that the parser meets a sound structure whatever the text is.
 *
 * No item ends with a sign, but two operands never stand side by side: a name where an operator
 * is due begins the next item, and a word where an operand is due is a name.
 */
import { type IToken, type TokenType, tokenMatcher } from "chevrotain";
import type { Label } from "../compiler/source/diagnostic.ts";
import type { Span } from "../compiler/source/span.ts";
import { closest } from "../compiler/source/suggest.ts";
import {
  aDefinition,
  adviceOn,
  bodyOf,
  found,
  holdersOf,
  isDefinitionWord,
  itemsOf,
  list,
  nearestItem,
  quote,
  spell,
} from "./messages.ts";
import type { Problems } from "./problems.ts";
import * as T from "./tokens.ts";

/** Brackets within brackets; the parser recurses once for each. */
const DEEPEST = 200;
/** Operators in one item: a bound on the depth of its tree. */
const LONGEST = 500;

interface Round {
  readonly kind: "round";
  readonly opener: IToken;
  readonly closer: TokenType;
  /** `(0, 1]`: the brackets of a range need not agree. */
  readonly range: boolean;
  readonly params: boolean;
  readonly emitted: boolean;
  readonly isClosed: boolean;
}

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

const OPERAND_ENDS: ReadonlySet<TokenType> = new Set([
  T.Identifier,
  T.NumberLiteral,
  T.BadNumber,
  T.RParen,
  T.RSquare,
  T.Prime,
  T.LCurly,
  T.RCurly,
]);

const endOf = (token: IToken): number => (token.endOffset ?? token.startOffset) + 1;

function retype(token: IToken, type: TokenType): void {
  token.tokenType = type;
  token.tokenTypeIdx = type.tokenTypeIdx ?? token.tokenTypeIdx;
}

const takesNoEquals = ({ tokenType }: IToken): boolean =>
  tokenType === T.ValueWord || tokenType === T.MinimizeWord;

const mayHaveEquals = (token: IToken): boolean => !takesNoEquals(token) && token.tokenType !== T.ChoiceWord;

/** For each bracket the index of its partner, if it has one. */
function partners(tokens: readonly IToken[]): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  const open: number[] = [];
  const isCurly = (i: number | undefined) => i !== undefined && tokens[i]?.tokenType === T.LCurly;
  tokens.forEach(({ tokenType }, i) => {
    if (tokenType === T.LParen || tokenType === T.LSquare || tokenType === T.LCurly) open.push(i);
    else if (tokenType === T.RCurly) {
      while (open.length > 0 && !isCurly(open.at(-1))) open.pop();
    } else if (tokenType !== T.RParen && tokenType !== T.RSquare) return;
    else if (isCurly(open.at(-1))) return;
    if (tokenType === T.RParen || tokenType === T.RSquare || tokenType === T.RCurly) {
      const opener = open.pop();
      if (opener !== undefined) found.set(opener, i);
    }
  });
  return found;
}

class Arranger {
  readonly #tokens: readonly IToken[];
  readonly #problems: Problems;
  readonly #partner: ReadonlyMap<number, number>;
  readonly #out: IToken[] = [];
  readonly #open: (Round | Curly)[] = [];
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
    this.#problems = problems;
    this.#partner = partners(tokens);
    for (const { tokenType } of tokens) {
      if (tokenType === T.LCurly) this.#surplus++;
      else if (tokenType === T.RCurly) this.#surplus--;
    }
  }

  run(): IToken[] {
    let i = 0;
    for (let token = this.#tokens[i]; token; token = this.#tokens[i]) i = this.#take(i, token);
    this.#finish();
    return this.#out;
  }

  // ------------------------------------------------------------------ one token

  /** Deals with the token at `i` and returns the index of the next one. */
  #take(i: number, token: IToken): number {
    if (token.tokenType === T.Stray) {
      this.#stray(token);
      return i + 1;
    }
    const next = this.#takeKnown(i, token);
    this.#previous = this.#tokens[next - 1] ?? token;
    return next;
  }

  #takeKnown(i: number, token: IToken): number {
    const type = token.tokenType;
    if (type === T.Identifier) {
      const item = this.#classify(i, token);
      if (item) return this.#begin(i, token);
      if (token.tokenType === T.Identifier) this.#name(i, token);
      else this.#emit(token);
      return i + 1;
    }
    if (!this.#item && this.#depth === 0 && !this.#outside && type !== T.RCurly) this.#junk(token);
    switch (type) {
      case T.LCurly:
        return this.#openCurly(i, token);
      case T.RCurly:
        return this.#closeCurly(i, token);
      case T.LParen:
      case T.LSquare:
        return this.#openRound(i, token);
      case T.RParen:
      case T.RSquare:
        return this.#closeRound(i, token);
      case T.Equals:
        this.#equals(token);
        return i + 1;
      case T.Same:
        this.#same(token);
        return i + 1;
      case T.Prime:
        this.#prime(token);
        return i + 1;
      case T.NumberLiteral:
      case T.BadNumber:
        this.#number(token);
        return i + 1;
      default:
        if (tokenMatcher(token, T.Operator)) this.#countOperator(token);
        this.#emit(token);
        return i + 1;
    }
  }

  #emit(token: IToken): void {
    if (!this.#skipping) this.#out.push(token);
  }

  /** A token that the text lacks. */
  #insert(type: TokenType, image: string, after = this.#previous): void {
    const at = after ? endOf(after) : 0;
    const token: IToken = {
      image,
      startOffset: at,
      endOffset: at - 1,
      tokenType: type,
      tokenTypeIdx: type.tokenTypeIdx ?? 0,
    };
    this.#out.push(token);
  }

  #span(token: IToken): Span {
    return this.#problems.span(token.startOffset, endOf(token));
  }

  #label(token: IToken, text: string): Label {
    return { span: this.#span(token), text };
  }

  /** The place just after the last token. */
  #here(): Span {
    const at = this.#previous ? endOf(this.#previous) : 0;
    return this.#problems.span(at, at);
  }

  /** Whether the item's own `=` is still to come. */
  get #awaitsEquals(): boolean {
    const item = this.#item;
    return item !== undefined && !item.hasEquals && mayHaveEquals(item.token);
  }

  get #depth(): number {
    return this.#open.length - this.#rounds;
  }

  /** The definition whose block this is. */
  get #enclosing(): IToken | undefined {
    return this.#open.findLast((open) => open.kind === "curly")?.definition;
  }

  #textBefore(token: IToken): string {
    return this.#problems.file.text.slice(this.#previous ? endOf(this.#previous) : 0, token.startOffset);
  }

  #isFirstOnLine(token: IToken): boolean {
    return this.#previous === undefined || /[\r\n]/.test(this.#textBefore(token));
  }

  #column(token: IToken): number {
    return token.startOffset - this.#problems.file.text.lastIndexOf("\n", token.startOffset - 1);
  }

  // ------------------------------------------------------------------ names and words

  /** Gives a name the type that its position asks for. True if an item begins with it. */
  #classify(i: number, token: IToken): boolean {
    const word = T.WORDS.get(token.image);
    const operatorIsDue = this.#previous === undefined || OPERAND_ENDS.has(this.#previous.tokenType);
    if (!word) {
      if (!operatorIsDue || this.#rounds > 0 || !this.#isTarget(i)) return false;
      retype(token, T.TargetName);
      return true;
    }
    if (operatorIsDue && this.#rounds === 0 && word.role !== "reserved" && this.#isTarget(i)) {
      retype(token, T.TargetName);
      return true;
    }
    if (word.role === "link") {
      if (operatorIsDue) retype(token, word.type);
      return false;
    }
    if (operatorIsDue) {
      if (word.role === "item" && this.#rounds > 0 && !this.#isFirstOnLine(token)) return false;
    } else if (word.role === "reserved") {
      if (!this.#isFirstOnLine(token) && !this.#nameFollows(i)) {
        this.#reserved(token);
        return false;
      }
    } else if (!this.#beginsItemAnyway(i, token)) return false;
    const isDefinition = word.type === T.ChoiceWord && (this.#defines(i) || !this.#mayChoose());
    retype(token, isDefinition ? T.DefineWord : word.type);
    return true;
  }

  /** Choices stand in a block, or where the `{` of a model was forgotten. */
  #mayChoose(): boolean {
    return this.#depth > 0 || (this.#header?.image === "model" && this.#surplus < 0);
  }

  /** `S' =` or `S.W1' =`. */
  #isTarget(i: number): boolean {
    let at = this.#tokens[i + 1]?.tokenType === T.Dot ? i + 3 : i + 1;
    if (this.#tokens[at]?.tokenType !== T.Prime) return false;
    while (this.#tokens[at]?.tokenType === T.Prime) at++;
    const sign = this.#tokens[at]?.tokenType;
    return sign === T.Equals || sign === T.Same;
  }

  #nameFollows(i: number): boolean {
    const next = this.#tokens[i + 1];
    return next?.tokenType === T.Identifier && T.WORDS.get(next.image)?.role !== "link";
  }

  /** Whether `memory` and the like, within a block, head a definition: `memory name(…) {`, `bias name(…) =`. */
  #defines(i: number): boolean {
    const name = this.#tokens[i + 1];
    if (name?.tokenType !== T.Identifier || T.WORDS.get(name.image)?.role === "reserved") return false;
    let at = i + 2;
    if (this.#tokens[at]?.tokenType === T.LParen) at = (this.#partner.get(at) ?? this.#tokens.length) + 1;
    const body = this.#tokens[at]?.tokenType;
    return body === T.LCurly || body === T.Equals;
  }

  /**
   * A word where an operand is due is a name, unless that cannot be: then the operand was forgotten,
   * and the word begins an item as its author meant it to.
   */
  #beginsItemAnyway(i: number, token: IToken): boolean {
    const next = this.#tokens[i + 1];
    const isFirst = this.#isFirstOnLine(token);
    if (next?.tokenType === T.LParen) {
      const after = this.#tokens[(this.#partner.get(i + 1) ?? this.#tokens.length) + 1];
      const isHead = after?.tokenType === T.Equals && ["read", "link", "prox"].includes(token.image);
      return isHead && (this.#rounds === 0 ? !this.#awaitsEquals : isFirst);
    }
    if (!isFirst || !next || /[\r\n]/.test(this.#between(token, next))) return false;
    if (next.tokenType === T.Identifier) return !T.WORDS.has(next.image) && !this.#isTarget(i + 1);
    return next.tokenType === T.NumberLiteral;
  }

  #between(a: IToken, b: IToken): string {
    return this.#problems.file.text.slice(endOf(a), b.startOffset);
  }

  #reserved(token: IToken): void {
    this.#problems.report(token.startOffset, {
      code: "syntax-name",
      message: `${quote(token.image)} is a word of the language and cannot be a name`,
      labels: [this.#label(token, "choose another name")],
    });
  }

  /** A plain name: an operand, or something that does not belong after the operand before it. */
  #name(i: number, token: IToken): void {
    const previous = this.#previous;
    const operatorIsDue = previous === undefined || OPERAND_ENDS.has(previous.tokenType);
    const mayBegin = this.#isFirstOnLine(token) || previous?.tokenType === T.LCurly;
    if (!operatorIsDue || this.#rounds > 0 || (this.#skipping && !(mayBegin && this.#depth > 0))) {
      this.#emit(token);
      return;
    }
    if (this.#depth === 0 && !this.#item) {
      this.#unknownDefinition(i, token);
      return;
    }
    if (mayBegin) this.#unknownItem(i, token);
    else if (this.#header && this.#header.image !== "fn" && this.#header.image !== "bias") this.#emit(token);
    else this.#sideBySide(token, previous);
  }

  #unknownDefinition(i: number, token: IToken): void {
    const meant = closest(token.image, T.DEFINITIONS);
    if (meant && this.#nameFollows(i)) {
      const label = this.#label(token, `did you mean \`${meant}\`?`);
      retype(token, T.DefineWord);
      this.#begin(i, token);
      this.#problems.report(token.startOffset, {
        code: "syntax-item",
        message: `${quote(token.image)} is not a kind of definition`,
        labels: [label],
        notes: [`a file holds ${list(T.DEFINITIONS, "and")} definitions`],
        fix: { text: `write \`${meant}\``, edits: [{ span: label.span, insert: meant }] },
      });
      token.image = meant;
      return;
    }
    if (!this.#outside) this.#junk(token);
  }

  #unknownItem(i: number, token: IToken): void {
    const owner = this.#enclosing?.image ?? "";
    if (!isDefinitionWord(owner)) {
      this.#item = undefined;
      this.#unknownDefinition(i, token);
      return;
    }
    this.#endRounds(token);
    this.#problems.begin(token.startOffset);
    const meant = nearestItem(token.image, owner);
    const span = this.#span(token);
    const assigns = this.#tokens[i + 1]?.tokenType === T.Equals;
    const advice =
      owner === "algorithm"
        ? `the value of a state after the token carries a prime: \`${token.image}' = …\``
        : `a quantity is named with \`let ${token.image} = …\``;
    this.#problems.report(token.startOffset, {
      code: "syntax-item",
      message: `${quote(token.image)} is not an item of ${aDefinition(owner)}`,
      labels: [{ span, text: meant ? `did you mean \`${meant}\`?` : "" }],
      notes: assigns && !meant ? [advice, itemsOf(owner)] : [itemsOf(owner)],
      ...(meant && { fix: { text: `write \`${meant}\``, edits: [{ span, insert: meant }] } }),
    });
    this.#item = { token, hasEquals: false, operators: 0 };
    this.#skipping = false;
    const word = meant && T.WORDS.get(meant);
    if (word) {
      token.image = meant;
      retype(token, word.type);
      this.#emit(token);
    } else if (assigns && owner === "algorithm") {
      retype(token, T.TargetName);
      this.#emit(token);
      this.#insert(T.Prime, "'", token);
    } else this.#skipping = true;
  }

  #sideBySide(token: IToken, previous: IToken | undefined): void {
    const item = this.#item;
    if (item && this.#awaitsEquals) {
      const isInput = item.token.tokenType === T.InputWord && previous?.tokenType === T.Identifier;
      const sign = isInput ? "," : "=";
      this.#problems.reportFirst(token.startOffset, {
        code: "syntax-unexpected",
        message: `expected ${isInput ? "`,` or `=`" : "`=`"} before ${quote(token.image)}`,
        labels: [this.#label(token, "")],
        fix: {
          text: `write \`${sign}\` before it`,
          edits: [{ span: this.#here(), insert: isInput ? "," : " =" }],
        },
      });
      this.#insert(isInput ? T.Comma : T.Equals, sign);
      item.hasEquals = !isInput;
      this.#header = undefined;
      this.#emit(token);
      return;
    }
    this.#problems.reportFirst(item?.token.startOffset ?? token.startOffset, {
      code: "syntax-unexpected",
      message: `${quote(token.image)} follows ${previous ? found(previous) : "nothing"} with no operator between them`,
      labels: [this.#label(token, "")],
      notes: ["a product is written `a * b`; an argument stands in parentheses, as in `f(a)`"],
    });
    this.#skipping = true;
  }

  // ------------------------------------------------------------------ items

  #begin(i: number, token: IToken): number {
    this.#endRounds(token);
    this.#endHeader(token);
    const isDefinition = token.tokenType === T.DefineWord;
    if (isDefinition && this.#depth > 0 && this.#looksUnclosed(token)) this.#endCurly(token);
    this.#problems.begin(token.startOffset);
    this.#skipping = false;
    this.#item = { token, hasEquals: false, operators: 0 };
    if (isDefinition && this.#depth > 0) return this.#nested(i, token);
    if (isDefinition) {
      this.#outside = false;
      this.#header = token;
    } else this.#checkPlace(token);
    this.#emit(token);
    return i + 1;
  }

  /** Skips, with a report, an item that stands where it cannot. */
  #checkPlace(token: IToken): void {
    const owner = this.#enclosing?.image;
    const isTarget = token.tokenType === T.TargetName;
    if (owner === undefined) {
      if (!this.#outside) {
        this.#problems.report(token.startOffset, {
          code: "syntax-item",
          message: `${isTarget ? "a rule" : quote(token.image)} stands outside of any definition`,
          labels: [this.#label(token, `belongs in ${isTarget ? "an algorithm" : holdersOf(token.image)}`)],
        });
      }
      this.#outside = true;
      this.#skipping = true;
    } else if (isDefinitionWord(owner) && !(isTarget ? owner === "algorithm" : T.ITEMS[owner].includes(token.image))) {
      this.#problems.report(token.startOffset, {
        code: "syntax-item",
        message: `${isTarget ? "a rule for a state" : quote(token.image)} does not belong in ${aDefinition(owner)}`,
        labels: [this.#label(token, `belongs in ${isTarget ? "an algorithm" : holdersOf(token.image)}`)],
        notes: [itemsOf(owner)],
      });
      this.#skipping = true;
    }
  }

  #nested(i: number, token: IToken): number {
    const owner = this.#enclosing;
    const [outer, inner] = [owner?.image ?? "", token.image];
    this.#problems.report(token.startOffset, {
      code: "syntax-item",
      message:
        isDefinitionWord(outer) && isDefinitionWord(inner)
          ? `${aDefinition(outer)} cannot hold the definition of ${aDefinition(inner)}`
          : "a definition cannot hold another one",
      labels: [
        this.#label(token, "this is a definition of its own"),
        ...(owner ? [this.#label(owner, "within this one")] : []),
      ],
      notes: ["definitions stand side by side in a file; a model refers to the others by name"],
    });
    this.#skipping = true;
    let at = i + 2;
    if (this.#tokens[at]?.tokenType === T.LParen) at = (this.#partner.get(at) ?? at) + 1;
    const end = this.#tokens[at]?.tokenType === T.LCurly ? this.#partner.get(at) : undefined;
    return end === undefined ? i + 1 : end + 1;
  }

  /** A definition that is not indented, in a file with too few `}`, shows where one was forgotten. */
  #looksUnclosed(token: IToken): boolean {
    const owner = this.#enclosing;
    if (!owner || this.#surplus <= 0) return false;
    return this.#isFirstOnLine(token) && this.#column(token) <= this.#column(owner);
  }

  #endHeader(at: IToken | undefined): void {
    const header = this.#header;
    const word = header?.image ?? "";
    this.#header = undefined;
    if (!header || !isDefinitionWord(word)) return;
    const body = bodyOf(word);
    const isItem = at !== undefined && at.tokenType !== T.DefineWord && at.tokenType !== T.RCurly;
    const inserts = isItem && word !== "fn" && this.#surplus < 0 && this.#previous !== header;
    this.#problems.reportFirst(header.startOffset, {
      code: "syntax-unexpected",
      message: `expected ${body} and the body of this ${word === "fn" ? "function" : word}`,
      labels: [
        this.#label(this.#previous ?? header, `expected ${body} after this`),
        ...(at ? [this.#label(at, "found this instead")] : []),
      ],
      ...(inserts && { fix: { text: "write `{` there", edits: [{ span: this.#here(), insert: " {" }] } }),
    });
    this.#outside = true;
    if (!inserts || this.#skipping) return;
    this.#insert(T.LCurly, "{");
    this.#open.push({ kind: "curly", opener: header, definition: header });
    this.#surplus++;
    this.#outside = false;
  }

  /** What stands between definitions and is none. */
  #junk(token: IToken): void {
    this.#problems.begin(token.startOffset);
    this.#problems.report(token.startOffset, {
      code: "syntax-item",
      message: `expected a definition, found ${found(token)}`,
      labels: [this.#label(token, "")],
      notes: [`a file holds ${list(T.DEFINITIONS, "and")} definitions`],
    });
    this.#outside = true;
    this.#skipping = true;
  }

  // ------------------------------------------------------------------ brackets

  #openCurly(i: number, token: IToken): number {
    if (this.#header) {
      this.#endRounds(token);
      this.#open.push({ kind: "curly", opener: token, definition: this.#header });
      this.#header = undefined;
      this.#item = undefined;
      this.#skipping = false;
      this.#emit(token);
      return i + 1;
    }
    this.#problems.reportFirst(token.startOffset, {
      code: "syntax-unexpected",
      message: "no block can begin here",
      labels: [this.#label(token, "")],
      notes: ["braces hold the items of a definition, after its name"],
    });
    const end = this.#partner.get(i);
    if (end === undefined) this.#surplus--;
    return (end ?? i) + 1;
  }

  #closeCurly(i: number, token: IToken): number {
    this.#endRounds(token);
    this.#endHeader(token);
    this.#skipping = false;
    this.#item = undefined;
    if (this.#open.pop()) this.#emit(token);
    else {
      this.#problems.begin(token.startOffset);
      if (!this.#outside) this.#noOpener(token, "{");
      this.#surplus++;
    }
    return i + 1;
  }

  #noOpener(token: IToken, opener: string): void {
    this.#problems.reportFirst(token.startOffset, {
      code: "syntax-unclosed",
      message: `${quote(token.image)} closes nothing`,
      labels: [this.#label(token, `no \`${opener}\` is open here`)],
      fix: { text: "leave it out", edits: [{ span: this.#span(token), insert: "" }] },
    });
  }

  #openRound(i: number, token: IToken): number {
    if (this.#rounds >= DEEPEST) {
      this.#problems.reportFirst(token.startOffset, {
        code: "too-deep",
        message: `brackets are nested more than ${DEEPEST} deep`,
        labels: [this.#label(token, "one level too many")],
        notes: ["name a part of the expression with `let`"],
      });
      return (this.#partner.get(i) ?? i) + 1;
    }
    const closer = token.tokenType === T.LParen ? T.RParen : T.RSquare;
    const range = this.#previous?.tokenType === T.InWord;
    const params = this.#header !== undefined || this.#previous?.tokenType === T.ReadWord;
    const isClosed = this.#partner.has(i);
    this.#open.push({ kind: "round", opener: token, closer, range, params, emitted: !this.#skipping, isClosed });
    this.#rounds++;
    this.#emit(token);
    return i + 1;
  }

  #closeRound(i: number, token: IToken): number {
    const top = this.#open.at(-1);
    if (top?.kind !== "round") {
      this.#noOpener(token, token.tokenType === T.RParen ? "(" : "[");
      return i + 1;
    }
    this.#open.pop();
    this.#rounds--;
    if (!top.range && token.tokenType !== top.closer) {
      const closer = top.closer === T.RParen ? ")" : "]";
      this.#problems.reportFirst(token.startOffset, {
        code: "syntax-unclosed",
        message: `${quote(top.opener.image)} is closed by ${quote(token.image)}`,
        labels: [this.#label(token, `expected \`${closer}\``), this.#label(top.opener, "opened here")],
        fix: { text: `write \`${closer}\``, edits: [{ span: this.#span(token), insert: closer }] },
      });
      retype(token, top.closer);
    }
    if (top.emitted) this.#out.push(token);
    return i + 1;
  }

  /** Closes the parentheses and square brackets that are open where none can be. */
  #endRounds(at: IToken | undefined, most = this.#rounds): void {
    const unclosed: Round[] = [];
    for (let top = this.#open.at(-1); top?.kind === "round" && unclosed.length < most; top = this.#open.at(-1)) {
      unclosed.push(top);
      this.#open.pop();
    }
    this.#rounds -= unclosed.length;
    const [inner, ...others] = unclosed;
    if (!inner) return;
    const closers = unclosed.map((round) => (round.closer === T.RParen ? ")" : "]")).join("");
    const end: Label = at
      ? this.#label(at, `expected ${quote(closers)} before this`)
      : { span: this.#here(), text: `expected ${quote(closers)} before the file ends` };
    this.#problems.reportFirst(inner.opener.startOffset, {
      code: "syntax-unclosed",
      message: `${quote(inner.opener.image)} is not closed`,
      labels: [
        this.#label(inner.opener, "opened here"),
        ...others.slice(0, 2).map((round) => this.#label(round.opener, "this is not closed either")),
        end,
      ],
      fix: { text: `write ${quote(closers)} there`, edits: [{ span: this.#here(), insert: closers }] },
    });
    for (const round of unclosed) if (round.emitted) this.#insert(round.closer, round.closer === T.RParen ? ")" : "]");
  }

  #endCurly(at: IToken | undefined): void {
    const top = this.#open.pop();
    if (top?.kind !== "curly") return;
    this.#surplus--;
    this.#problems.report(top.opener.startOffset, {
      code: "syntax-unclosed",
      message: `the block of this ${top.definition.image} is not closed`,
      labels: [
        this.#label(top.opener, "opened here"),
        at
          ? this.#label(at, "expected `}` before this")
          : { span: this.#here(), text: "expected `}` before the file ends" },
      ],
      fix: { text: "write `}` there", edits: [{ span: this.#here(), insert: "\n}" }] },
    });
    this.#skipping = false;
    this.#insert(T.RCurly, "}");
  }

  #finish(): void {
    this.#endRounds(undefined);
    this.#endHeader(undefined);
    while (this.#open.length > 0) this.#endCurly(undefined);
  }

  // ------------------------------------------------------------------ signs and numbers

  #equals(token: IToken): void {
    const top = this.#open.at(-1);
    const item = this.#item;
    if (top?.kind === "round") {
      if (top.closer === T.RSquare && !top.range && !top.isClosed) {
        this.#endRounds(token, 1);
        this.#equals(token);
        return;
      }
      if (top.params) retype(token, T.DefaultEquals);
      else this.#comparisonMeant(token, top);
    } else if (item && takesNoEquals(item.token) && this.#previous === item.token) {
      this.#problems.reportFirst(token.startOffset, {
        code: "syntax-unexpected",
        message: `${quote(item.token.image)} takes its value without \`=\``,
        labels: [this.#label(token, "")],
        fix: { text: "leave it out", edits: [{ span: this.#span(token), insert: "" }] },
      });
      return;
    } else if (item && (item.hasEquals || takesNoEquals(item.token))) this.#comparisonMeant(token, undefined);
    else if (item) {
      item.hasEquals = true;
      if (item.token.tokenType === T.ExpectWord && this.#previous?.tokenType === T.Identifier) this.#unprimed(item);
      this.#headerEquals(token);
    }
    this.#emit(token);
  }

  /** `expect W = …` */
  #unprimed({ token }: Item): void {
    this.#problems.reportFirst(token.startOffset, {
      code: "syntax-unexpected",
      message: "`expect` states what a state is after the token, which a prime says",
      labels: [{ span: this.#here(), text: "expected `'`" }],
      fix: { text: "write the prime", edits: [{ span: this.#here(), insert: "'" }] },
    });
    this.#insert(T.Prime, "'");
  }

  /** The `=` that begins the body of a definition. */
  #headerEquals(token: IToken): void {
    const word = this.#header?.image;
    this.#header = undefined;
    if (!word || !isDefinitionWord(word) || word === "fn" || word === "bias") return;
    this.#problems.reportFirst(token.startOffset, {
      code: "syntax-unexpected",
      message: `the body of ${aDefinition(word)} stands in braces`,
      labels: [this.#label(token, "expected `{`")],
      notes: [itemsOf(word)],
    });
    this.#skipping = true;
    this.#outside = true;
  }

  /** `==` where an item is given its value. */
  #same(token: IToken): void {
    if (this.#awaitsEquals && this.#rounds === 0) {
      this.#problems.reportFirst(token.startOffset, {
        code: "syntax-unexpected",
        message: "`==` compares; it cannot define",
        labels: [this.#label(token, "expected `=`")],
        fix: { text: "write `=`", edits: [{ span: this.#span(token), insert: "=" }] },
      });
      retype(token, T.Equals);
      this.#equals(token);
      return;
    }
    this.#countOperator(token);
    this.#emit(token);
  }

  /** `=` within an expression: a comparison, or in the arguments of a choice the name of one. */
  #comparisonMeant(token: IToken, within: Round | undefined): void {
    const [before, name] = this.#out.slice(-2);
    const isArgument =
      this.#item?.token.tokenType === T.ChoiceWord &&
      name?.tokenType === T.Identifier &&
      (before?.tokenType === T.Comma || before === within?.opener);
    const sign = isArgument ? ":" : "==";
    this.#problems.reportFirst(token.startOffset, {
      code: "syntax-unexpected",
      message: isArgument ? "an argument is named with `:`" : "`=` defines; it cannot compare",
      labels: [this.#label(token, `expected \`${sign}\``)],
      notes: isArgument ? [] : ["two values are compared with `==`"],
      fix: { text: `write \`${sign}\``, edits: [{ span: this.#span(token), insert: sign }] },
    });
    retype(token, isArgument ? T.Colon : T.Same);
  }

  #prime(token: IToken): void {
    const previous = this.#previous;
    if (previous?.tokenType === T.Identifier && endOf(previous) !== token.startOffset) {
      this.#problems.reportFirst(token.startOffset, {
        code: "syntax-unexpected",
        message: "a prime stands directly after the name",
        labels: [this.#label(token, "there is a gap before it")],
        fix: {
          text: "close the gap",
          edits: [{ span: this.#problems.span(endOf(previous), token.startOffset), insert: "" }],
        },
      });
    }
    this.#emit(token);
  }

  #number(token: IToken): void {
    const isBad = token.tokenType === T.BadNumber;
    if (isBad || !Number.isFinite(Number(token.image))) {
      this.#problems.report(token.startOffset, {
        code: "syntax-number",
        message: isBad ? `${quote(token.image)} is not a number` : `${quote(token.image)} is too large a number`,
        labels: [this.#label(token, isBad ? "" : "no larger than 1.8e308")],
        ...(isBad && { notes: [this.#numberAdvice(token.image)] }),
      });
      retype(token, T.NumberLiteral);
    }
    this.#emit(token);
  }

  #numberAdvice(image: string): string {
    const product = /^(\d+(?:\.\d+)?)(\p{L}[^.]*)$/u.exec(image);
    if (product && !/^e\d*$/i.test(product[2] ?? "")) return `a product is written \`${product[1]} * ${product[2]}\``;
    return "numbers are written like `1`, `0.5`, `.5` and `1e-6`";
  }

  #countOperator(token: IToken): void {
    const item = this.#item;
    if (!item || ++item.operators !== LONGEST + 1) return;
    this.#problems.reportFirst(token.startOffset, {
      code: "too-deep",
      message: `an item has more than ${LONGEST} operators`,
      labels: [this.#label(token, "one too many")],
      notes: ["name a part of the expression with `let`"],
    });
    this.#skipping = true;
  }

  #stray(token: IToken): void {
    const advice = adviceOn(token.image);
    this.#problems.report(token.startOffset, {
      code: "syntax-character",
      message: `${spell(token.image)} has no meaning in this language`,
      labels: [this.#label(token, "")],
      ...(advice && { notes: [advice] }),
    });
  }
}

/** The tokens for the parser. What had to be dropped, inserted or renamed has been reported. */
export function arrange(lexed: T.Lexed, problems: Problems): IToken[] {
  const tokens = new Arranger(lexed.tokens, problems).run();
  for (const comment of lexed.comments) {
    if (comment.tokenType !== T.OpenComment) continue;
    const { startOffset } = comment;
    problems.report(startOffset, {
      code: "syntax-unclosed",
      message: "this comment is not closed",
      labels: [{ span: problems.span(startOffset, startOffset + 2), text: "expected `*/` before the file ends" }],
    });
  }
  return tokens;
}
