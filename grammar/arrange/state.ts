/** How far the arranging of a text has come, shared by all rooms of it. */
import type { IToken, TokenType } from "chevrotain";
import { partners } from "../brackets.ts";
import { Habits, quotesJoined } from "../habits.ts";
import { BracketMessages } from "../messages/brackets.ts";
import { CharacterMessages } from "../messages/characters.ts";
import { DeclarationMessages } from "../messages/declarations.ts";
import { ExpressionMessages } from "../messages/expressions.ts";
import { ItemMessages } from "../messages/items.ts";
import type { Problems } from "../problems.ts";
import * as T from "../tokens.ts";
import { endOf, Words } from "../words.ts";

/** An open `(` or `[`. */
export interface Round {
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
export interface Curly {
  readonly kind: "curly";
  readonly opener: IToken;
  readonly definition: IToken;
  /** Where the text has no braces at all: the name before the block, its first item, and a colon instead of `{`. */
  readonly bare?: { readonly name: IToken; readonly at: IToken; readonly colon: IToken | undefined };
}

export interface Item {
  readonly token: IToken;
  hasEquals: boolean;
  operators: number;
}

export function retype(token: IToken, type: TokenType): void {
  token.tokenType = type;
  token.tokenTypeIdx = type.tokenTypeIdx ?? token.tokenTypeIdx;
}

export const takesNoEquals = ({ tokenType }: IToken): boolean =>
  tokenType === T.ValueWord || tokenType === T.MinimizeWord || tokenType === T.BlockWord;

export function mayHaveEquals(word: IToken): boolean {
  if (word.tokenType === T.DefineWord) return word.image === "fn" || word.image === "bias";
  return !takesNoEquals(word) && word.tokenType !== T.ChoiceWord && word.tokenType !== T.ImportWord;
}

/** The tokens on their way, and what the ones before the token at hand have opened and begun. */
export class State {
  readonly tokens: readonly IToken[];
  readonly text: string;
  readonly problems: Problems;
  readonly messages: {
    readonly brackets: BracketMessages;
    readonly characters: CharacterMessages;
    readonly declarations: DeclarationMessages;
    readonly expressions: ExpressionMessages;
    readonly items: ItemMessages;
  };
  readonly partner: ReadonlyMap<number, number>;
  readonly words: Words;
  readonly habits: Habits;
  readonly out: IToken[] = [];
  readonly open: (Round | Curly)[] = [];
  /** Reserved words that have been told not to be names. */
  readonly reserved = new Set<string>();
  /** Brackets that close what has been dropped. */
  readonly wraps = new Set<IToken>();
  /** How many of the open brackets are round. */
  rounds = 0;
  /** The braces that the text opens, less those that it closes. */
  surplus = 0;
  previous: IToken | undefined;
  item: Item | undefined;
  /** A definition whose body is still to come. */
  header: IToken | undefined;
  /** The `:` that stands where the `{` of that body should. */
  colon: IToken | undefined;
  /** Drops tokens until the next item. */
  skipping = false;
  /** Outside all definitions, and said so. */
  outside = false;

  constructor(tokens: readonly IToken[], problems: Problems) {
    this.tokens = quotesJoined(tokens);
    const { file } = problems;
    this.text = file.text;
    this.problems = problems;
    this.messages = {
      brackets: new BracketMessages(file),
      characters: new CharacterMessages(file),
      declarations: new DeclarationMessages(file),
      expressions: new ExpressionMessages(file),
      items: new ItemMessages(file),
    };
    this.partner = partners(this.tokens);
    this.words = new Words(this.text, this.tokens, this.partner);
    this.habits = new Habits(this.tokens, this.partner, this.words);
    for (const { tokenType } of this.tokens) {
      if (tokenType === T.LCurly) this.surplus++;
      else if (tokenType === T.RCurly) this.surplus--;
    }
  }

  get depth(): number {
    return this.open.length - this.rounds;
  }

  /** The definition whose block this is. */
  get enclosing(): IToken | undefined {
    return this.open.findLast((open) => open.kind === "curly")?.definition;
  }

  /** Whether the item's own `=` is still to come. */
  get awaitsEquals(): boolean {
    return this.item !== undefined && !this.item.hasEquals && mayHaveEquals(this.item.token);
  }

  emit(token: IToken): void {
    if (!this.skipping) this.out.push(token);
  }

  /** A token that the text lacks. */
  insert(type: TokenType, image: string, after = this.previous): void {
    const at = after ? endOf(after) : 0;
    const tokenTypeIdx = type.tokenTypeIdx ?? 0;
    this.out.push({ image, startOffset: at, endOffset: at - 1, tokenType: type, tokenTypeIdx });
  }

  /** The range of most gates, where the text has something else, so that nothing more is said of this one. */
  assumeRange(hasIn: boolean): void {
    if (!hasIn) this.insert(T.InWord, "in");
    this.insert(T.LParen, "(");
    this.insert(T.NumberLiteral, "0");
    this.insert(T.Comma, ",");
    this.insert(T.NumberLiteral, "1");
    this.insert(T.RParen, ")");
    this.skipping = true;
  }
}
