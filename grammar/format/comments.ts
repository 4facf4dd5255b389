/** Where the comments of a text stand: each before one of its tokens, or at the end. */
import type { IToken } from "chevrotain";
import { LineComment } from "../tokens.ts";
import { type Comment, widthOf } from "./document.ts";

/** A comment, or several on one line. */
export interface Note {
  readonly comment: Comment;
  /** Whether it stands behind a token on the line of that token. */
  readonly isBehind: boolean;
  /** Whether it stands on the line of the token after it. */
  readonly isInline: boolean;
  /** Whether a blank line is before it. */
  readonly isApart: boolean;
}

/** What stands before a token. */
export interface Lead {
  readonly notes: readonly Note[];
  /** Whether a blank line is directly before the token. */
  readonly isApart: boolean;
  /** Whether the token begins on a later line than the one before it ends. */
  readonly isBelow: boolean;
}

export interface Placed extends Lead {
  readonly token: IToken;
}

export interface Places {
  readonly tokens: readonly Placed[];
  readonly end: Lead;
}

const endOf = ({ startOffset, image }: IToken): number => startOffset + image.length;
const LINE_END = /\r\n|\n|\r/;

export function placesOf(text: string, tokens: readonly IToken[], comments: readonly IToken[]): Places {
  const ends = (from: number, to: number): number => text.slice(from, to).split(LINE_END).length - 1;
  let used = 0;

  /** The comments before `to`, those of a line together. */
  const rowsBefore = (to: number): IToken[][] => {
    const rows: IToken[][] = [];
    for (let each = comments[used]; each && each.startOffset < to; each = comments[++used]) {
      const row = rows.at(-1);
      const last = row?.at(-1);
      if (row && last && ends(endOf(last), each.startOffset) === 0) row.push(each);
      else rows.push([each]);
    }
    return rows;
  };

  const leadOf = (from: number, to: number): Lead => {
    let at = from;
    const notes = rowsBefore(to).map((row): Note => {
      const begin = row[0]?.startOffset ?? at;
      const before = ends(at, begin);
      const isBehind = before === 0 && at > 0;
      at = row.reduce((_, each) => endOf(each), at);
      const lines = row
        .map(({ image }) => image.trimEnd())
        .join(" ")
        .split(LINE_END)
        .map((each) => each.trimEnd());
      const column = widthOf(text.slice(lineStart(text, begin), begin));
      const isOpen = row.at(-1)?.tokenType === LineComment;
      const isInline = lines.length === 1 && to < text.length && ends(at, to) === 0;
      return { comment: { lines, column, isOpen }, isBehind, isInline, isApart: before > 1 };
    });
    return { notes, isApart: ends(at, to) > 1, isBelow: ends(from, to) > 0 };
  };

  let from = 0;
  const placed = tokens.map((token): Placed => {
    const lead = leadOf(from, token.startOffset);
    from = endOf(token);
    return { token, ...lead };
  });
  return { tokens: placed, end: leadOf(from, text.length) };
}

function lineStart(text: string, offset: number): number {
  let start = offset;
  while (start > 0 && !LINE_END.test(text.charAt(start - 1))) start--;
  return start;
}
