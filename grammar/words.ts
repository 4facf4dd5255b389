/**
 * Which names are words of the language, by where they stand. Two operands never stand side by
 * side, so a word where an operator is due begins an item or links its parts, and a word where an
 * operand is due is a name like any other, unless the language reserves it.
 */
import type { IToken, TokenType } from "chevrotain";
import * as T from "./tokens.ts";
import { WORDS, wordIn } from "./vocabulary.ts";

/** Where a name stands. */
export interface Place {
  /** The token before it. */
  readonly previous: IToken | undefined;
  /** Within parentheses or square brackets. */
  readonly inBrackets: boolean;
  /** Whether a choice may stand here, as well as a definition. */
  readonly mayChoose: boolean;
  /** The word of the definition in whose block it is. */
  readonly owner: string | undefined;
  /** Whether the `=` of this item is still to come. */
  readonly awaitsEquals: boolean;
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
  T.Text,
]);

/** Whether an operator or a new item has to follow. */
export const operatorIsDue = (previous: IToken | undefined): boolean =>
  previous === undefined || OPERAND_ENDS.has(previous.tokenType);

export const endOf = (token: IToken): number => (token.endOffset ?? token.startOffset) + 1;

export const isAdjacent = (a: IToken, b: IToken | undefined): b is IToken =>
  b !== undefined && endOf(a) === b.startOffset;

export class Words {
  readonly #text: string;
  readonly #tokens: readonly IToken[];
  readonly #partner: ReadonlyMap<number, number>;

  constructor(text: string, tokens: readonly IToken[], partner: ReadonlyMap<number, number>) {
    this.#text = text;
    this.#tokens = tokens;
    this.#partner = partner;
  }

  /** The type that the place of a name gives it, or `reserved` if it cannot stand there at all. */
  typeAt(i: number, token: IToken, place: Place): TokenType | "reserved" {
    const word = wordIn(place.owner, token.image);
    const isDue = operatorIsDue(place.previous);
    if (isDue && !place.inBrackets && word?.role !== "reserved" && this.#isTarget(i)) return T.TargetName;
    if (!word) return T.Identifier;
    if (word.role === "link") return isDue ? word.type : T.Identifier;
    const isFirst = !this.sharesLine(place.previous, token);
    if (isDue) {
      if (word.role === "item" && place.inBrackets && !isFirst) return T.Identifier;
    } else if (word.role === "reserved") {
      const isArgument = place.inBrackets && this.#tokens[i + 1]?.tokenType === T.Colon;
      // A part of a network may be given another `chunk`.
      if (isArgument && place.owner === "network") return T.Identifier;
      if (!isFirst && !this.nameFollows(i)) return "reserved";
    } else if (!this.#beginsItemAnyway(i, token, isFirst, place)) return T.Identifier;
    return word.type === T.ChoiceWord && (this.#defines(i) || !place.mayChoose) ? T.DefineWord : word.type;
  }

  sharesLine(a: IToken | undefined, b: IToken): boolean {
    return a !== undefined && !/[\r\n]/.test(this.#text.slice(endOf(a), b.startOffset));
  }

  nameFollows(i: number): boolean {
    const next = this.#tokens[i + 1];
    return next?.tokenType === T.Identifier && WORDS.get(next.image)?.role !== "link";
  }

  /** Past the name and the parameters of a definition whose word is at `i`. */
  bodyAt(i: number): number {
    const end = i + 2;
    return this.#tokens[end]?.tokenType === T.LParen ? (this.#partner.get(end) ?? end) + 1 : end;
  }

  /** `S' =` or `S.W1' =`. */
  #isTarget(i: number): boolean {
    let at = this.#tokens[i + 1]?.tokenType === T.Dot ? i + 3 : i + 1;
    if (this.#tokens[at]?.tokenType !== T.Prime) return false;
    while (this.#tokens[at]?.tokenType === T.Prime) at++;
    const sign = this.#tokens[at]?.tokenType;
    return sign === T.Equals || sign === T.Same;
  }

  /** Whether `memory` and the like head a definition: `memory name(…) {`, `bias name(…) =`. */
  #defines(i: number): boolean {
    const name = this.#tokens[i + 1];
    if (name?.tokenType !== T.Identifier || WORDS.get(name.image)?.role === "reserved") return false;
    const body = this.#tokens[this.bodyAt(i)]?.tokenType;
    return body === T.LCurly || body === T.Equals;
  }

  /**
   * A word where an operand is due is a name, unless that cannot be: then the operand was forgotten,
   * and the word begins an item as its author meant it to.
   */
  #beginsItemAnyway(i: number, token: IToken, isFirst: boolean, place: Place): boolean {
    const next = this.#tokens[i + 1];
    if (next?.tokenType === T.LParen) {
      const after = this.#tokens[(this.#partner.get(i + 1) ?? this.#tokens.length) + 1];
      const isHead = after?.tokenType === T.Equals && ["read", "link", "prox"].includes(token.image);
      return isHead && (place.inBrackets ? isFirst : !place.awaitsEquals);
    }
    if (!isFirst || !next || !this.sharesLine(token, next)) return false;
    if (next.tokenType === T.Identifier) return !WORDS.has(next.image) && !this.#isTarget(i + 1);
    return next.tokenType === T.NumberLiteral;
  }
}
