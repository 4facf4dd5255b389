/** Which brackets belong together, as far as the text says. */
import type { IToken } from "chevrotain";
import { LCurly, LParen, LSquare, RCurly, RParen, RSquare } from "./tokens.ts";

/**
 * For the index of each opening bracket the index of its partner, if it has one. A brace closes
 * what is open within it; otherwise any closing bracket will do, since `(0, 1]` is a range.
 */
export function partners(tokens: readonly IToken[]): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  const open: number[] = [];
  const topIsCurly = () => tokens[open.at(-1) ?? -1]?.tokenType === LCurly;
  const close = (i: number) => {
    const opener = open.pop();
    if (opener !== undefined) found.set(opener, i);
  };
  tokens.forEach(({ tokenType }, i) => {
    switch (tokenType) {
      case LParen:
      case LSquare:
      case LCurly:
        open.push(i);
        break;
      case RParen:
      case RSquare:
        if (!topIsCurly()) close(i);
        break;
      case RCurly:
        while (open.length > 0 && !topIsCurly()) open.pop();
        close(i);
    }
  });
  return found;
}
