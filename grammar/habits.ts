/**
 * What people write who come from paper or from another language: `W_t = …`, `k^T`, `np.sum(x)`, `'name'`.
 * Here it is recognised; the files of `arrange/` report it and read what was meant.
 */
import { type IToken, tokenMatcher } from "chevrotain";
import { withoutTime } from "./phrases.ts";
import * as T from "./tokens.ts";
import { WORDS } from "./vocabulary.ts";
import { endOf, isAdjacent, type Words } from "./words.ts";

/** Looking for the rest of a habit ends after this many tokens: a text may be long. */
const FARTHEST = 500;

/** What Python's libraries of tensors are imported as. */
const LIBRARIES = ["np", "numpy", "torch", "math", "F", "nn", "jnp", "jax", "tf"];

export const isLibrary = (name: string): boolean => LIBRARIES.includes(name);

export const quotedName = (image: string): string | undefined =>
  /^["']([\p{L}_][\p{L}\p{Nd}_]*)["']$/u.exec(image)?.[1];

/** Makes one token of `'name'`, where the first quote is no prime. */
export function quotesJoined(tokens: readonly IToken[]): readonly IToken[] {
  const joined: IToken[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const [before, open, name, close] = [tokens[i - 1], tokens[i] as IToken, tokens[i + 1], tokens[i + 2]];
    const isPrime =
      before && isAdjacent(before, open) && before.tokenType !== T.LParen && before.tokenType !== T.Comma;
    const isQuoted =
      open.tokenType === T.Prime &&
      !isPrime &&
      name?.tokenType === T.Identifier &&
      isAdjacent(open, name) &&
      close?.tokenType === T.Prime &&
      isAdjacent(name, close);
    if (isQuoted) {
      joined.push({ ...open, image: `'${name.image}'`, endOffset: endOf(close) - 1, tokenType: T.Stray });
      i += 2;
    } else joined.push(open);
  }
  return joined;
}

const isSuffixSign = (sign: IToken | undefined): boolean =>
  sign?.tokenType === T.Caret || sign?.tokenType === T.Dot;

/** The `T` of `x^T` and `W.T`. */
const isT = (image: string): boolean => image === "T" || image === "top";

export class Habits {
  readonly #tokens: readonly IToken[];
  readonly #partner: ReadonlyMap<number, number>;
  readonly #words: Words;
  /** Names that are declared somewhere, so that they mean no transpose. */
  readonly #named = new Set<string>();

  constructor(tokens: readonly IToken[], partner: ReadonlyMap<number, number>, words: Words) {
    this.#tokens = tokens;
    this.#partner = partner;
    this.#words = words;
    for (const [i, { image }] of tokens.entries()) {
      const before = tokens[i - 1];
      if (before && (WORDS.has(before.image) || (isT(image) && !isSuffixSign(before))))
        this.#named.add(image);
    }
  }

  /** `x^T`, `W.T` or `kᵀ`, unless that is a name of the file. */
  isTransposed({ image }: IToken, previous: IToken | undefined): boolean {
    if (!(isT(image) && isSuffixSign(previous)) && !/.ᵀ$/u.test(image)) return false;
    return !this.#named.has(image);
  }

  /** Whether the name at `i` is called as that of an object: `y.dot(v)`, `np.sum(x)`. */
  isMethod(i: number): boolean {
    const [object, dot, name, open] = this.#tokens.slice(Math.max(0, i - 2), i + 2);
    return (
      object?.tokenType === T.Identifier &&
      dot?.tokenType === T.Dot &&
      open?.tokenType === T.LParen &&
      name !== undefined &&
      isAdjacent(name, open)
    );
  }

  /** `W = alpha * W + …`, `W_t = …`, `W[t] = …` or `W += …`: the name comes again, or has an index. */
  isRule(i: number, token: IToken): boolean {
    let at = i + 1;
    if (this.#tokens[at]?.tokenType === T.LSquare) at = (this.#partner.get(at) ?? at) + 1;
    const isIndexed = at > i + 1 || withoutTime(token.image) !== undefined;
    const sign = this.#tokens[at];
    if (sign && tokenMatcher(sign, T.Arithmetic)) {
      const next = this.#tokens[at + 1];
      return next?.tokenType === T.Equals && isAdjacent(sign, next);
    }
    if (sign?.tokenType !== T.Equals) return false;
    if (isIndexed) return true;
    for (
      let last = sign, next = this.#tokens[++at];
      next && this.#words.sharesLine(last, next);
      next = this.#tokens[++at]
    ) {
      if (next.tokenType === T.Identifier && next.image === token.image) return true;
      last = next;
    }
    return false;
  }

  /** `(0, 1)`, where nothing is called. */
  isRangeAt(i: number): boolean {
    const end = this.#partner.get(i);
    if (end === undefined || this.#tokens[i]?.tokenType === T.LCurly) return false;
    let depth = 0;
    for (const { tokenType: type } of this.#tokens.slice(i, Math.min(end, i + FARTHEST))) {
      if (type === T.LParen || type === T.LSquare) depth++;
      else if (type === T.RParen || type === T.RSquare) depth--;
      else if (type === T.Comma && depth === 1) return true;
    }
    return false;
  }

  /** The range after further names: `in (0, 1)` in `gate a, b in (0, 1)`, with the first comma at `i`. */
  rangeAfterNames(i: number): readonly IToken[] {
    const farthest = i + FARTHEST;
    let from = i;
    while (
      from < farthest &&
      this.#tokens[from]?.tokenType === T.Comma &&
      this.#tokens[from + 1]?.tokenType === T.Identifier
    ) {
      from += 2;
    }
    if (from === i || this.#tokens[from]?.image !== "in") return [];
    let to = from;
    for (let at = this.#tokens[to]; at && to < farthest; at = this.#tokens[to]) {
      if (at.tokenType === T.RCurly || !this.#words.sharesLine(this.#tokens[to - 1], at)) break;
      to++;
    }
    return this.#tokens.slice(from, to);
  }
}
