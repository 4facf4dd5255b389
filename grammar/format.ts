/**
 * The layout of a `.miras` file as it should be. Only spaces and the ends of lines change: all tokens
 * stay, so that the meaning does, and all comments.
 */
import { type IToken, tokenMatcher } from "chevrotain";
import { Diagnostics, InternalError } from "../compiler/source/diagnostic.ts";
import type { SourceFile } from "../compiler/source/span.ts";
import { arrange } from "./arrange.ts";
import { type Lead, type Note, type Placed, type Places, placesOf } from "./format/comments.ts";
import { type Comment, type Doc, flat, type Line, layout, WIDTH, widthOf } from "./format/document.ts";
import { documentOf } from "./format/expressions.ts";
import { rowsOf } from "./format/rows.ts";
import { parse } from "./parse.ts";
import { Problems } from "./problems.ts";
import { ItemStart, LCurly, lex, RCurly } from "./tokens.ts";

/** Between code and a comment behind it. */
const GAP = 3;
const INDENT = 2;

/** The text of a file in the standard layout. One with errors has none: these are reported. */
export function format(file: SourceFile, diagnostics: Diagnostics): string | undefined {
  const found = new Diagnostics();
  parse(file, found);
  for (const each of found.all) diagnostics.report(each);
  if (found.hasErrors) return undefined;
  const before = read(file);
  const text = render(linesOf(placesOf(file.text, before.tokens, before.comments)));
  const after = read({ path: file.path, text });
  if (!isSame(before, after))
    throw new InternalError(`the standard layout of ${file.path} says something else`);
  return text;
}

interface Read {
  readonly tokens: readonly IToken[];
  readonly comments: readonly IToken[];
}

function read(file: SourceFile): Read {
  const lexed = lex(file.text);
  return { tokens: arrange(lexed, new Problems(file)), comments: lexed.comments };
}

const isSame = (a: Read, b: Read): boolean =>
  a.comments.length === b.comments.length &&
  a.tokens.length === b.tokens.length &&
  a.tokens.every(({ image, tokenType }, i) => {
    const other = b.tokens[i];
    return image === other?.image && tokenType === other.tokenType;
  });

// ---------------------------------------------------------------- structure

interface Definition {
  readonly head: readonly Placed[];
  /** Absent for one that is given by a value. */
  readonly block?: {
    readonly open: Placed;
    readonly items: readonly (readonly Placed[])[];
    readonly close: Lead;
  };
}

/** A line of code, or of a comment, or empty; `isFence` where a block begins or ends. */
interface Row extends Line {
  readonly isApart: boolean;
  readonly isFence?: boolean;
}

function definitionsOf(tokens: readonly Placed[]): Definition[] {
  const found: Definition[] = [];
  let i = 0;
  while (i < tokens.length) {
    const head: Placed[] = [];
    const items: Placed[][] = [];
    const starts = (): boolean => {
      const token = tokens[i]?.token;
      return token !== undefined && tokenMatcher(token, ItemStart);
    };
    do head.push(tokens[i++] as Placed);
    while (i < tokens.length && !starts() && tokens[i]?.token.tokenType !== LCurly);
    const open = tokens[i];
    if (open?.token.tokenType !== LCurly) {
      found.push({ head });
      continue;
    }
    for (i++; i < tokens.length && tokens[i]?.token.tokenType !== RCurly; i++) {
      if (starts()) items.push([]);
      items.at(-1)?.push(tokens[i] as Placed);
    }
    const close = tokens[i++];
    if (close) found.push({ head, block: { open, items, close } });
  }
  return found;
}

/** All rows; what is set apart from what is before it says so. */
function linesOf({ tokens, end }: Places): Row[] {
  const definitions = definitionsOf(tokens);
  const texts = definitionTexts(definitions);
  const rows: Row[] = [];
  let wasTall = false;
  for (const [i, { head, block }] of definitions.entries()) {
    const lead = head[0] as Placed;
    const body = texts[i] ?? [];
    const isTall = block !== undefined && body.length > 1;
    behind(lead.notes, rows);
    const above = setApart(
      [...commentRows(lead.notes, 0), ...marked(body, lead.isApart)],
      wasTall,
      isTall ? commentRows(lead.notes, 0).length : undefined,
    );
    for (const row of above) rows.push(row);
    wasTall = isTall;
  }
  behind(end.notes, rows);
  return rows.concat(setApart(commentRows(end.notes, 0), wasTall, undefined));
}

/** A block has an empty line before it, or before the comments on it, and one after it. */
function setApart(rows: readonly Row[], isAfterBlock: boolean, block: number | undefined): Row[] {
  const start = block === undefined ? -1 : rows.findLastIndex(({ isApart }, i) => i <= block && isApart);
  const first = block !== undefined && start < 0 ? 0 : -1;
  return rows.map((row, i) => ({ ...row, isApart: row.isApart || i === first || (isAfterBlock && i === 0) }));
}

/** The rows of each definition, without the comments before it. */
function definitionTexts(definitions: readonly Definition[]): Row[][] {
  const found: Row[][] = [];
  let neighbours: (readonly Placed[])[] = [];
  const flush = (): void => {
    for (const doc of rowsOf(neighbours, 0)) found.push(rowsFrom(doc, 0));
    neighbours = [];
  };
  for (const { head, block } of definitions) {
    if (block || isSetApart(head[0])) flush();
    if (block) found.push(blockRows(head, block));
    else neighbours.push(head);
  }
  flush();
  return found;
}

function blockRows(head: readonly Placed[], { open, items, close }: NonNullable<Definition["block"]>): Row[] {
  const opening = documentOf([...head, open], true);
  const [only, ...others] = items;
  if (!only && close.notes.length === 0) return fence(rowsFrom([opening, "}"], 0));
  const isOneLine =
    only && others.length === 0 && ![only[0], close].some((each) => each?.isBelow || each?.notes.length);
  const short = isOneLine ? flat([opening, " ", documentOf(only, true), " }"]) : undefined;
  if (short !== undefined && widthOf(short) <= WIDTH && !isLong(head[0])) {
    return rowsFrom(short, 0);
  }
  const rows = fence(rowsFrom(opening, 0));
  const start = rows.length;
  for (const neighbours of apart(items)) {
    for (const [i, doc] of rowsOf(neighbours, INDENT).entries()) {
      const lead = neighbours[i]?.[0];
      if (!lead) continue;
      behind(lead.notes, rows);
      const item = marked(rowsFrom(doc, INDENT), lead.isApart);
      for (const row of [...commentRows(lead.notes, INDENT), ...item]) rows.push(row);
    }
  }
  behind(close.notes, rows);
  const ending: Row = { indent: 0, code: "}", isApart: false, isFence: true };
  return [...rows, ...commentRows(close.notes, INDENT), ending].map((row, i) =>
    i === start ? { ...row, isApart: false } : row,
  );
}

/** What never stands on one line. */
const isLong = (head: Placed | undefined): boolean =>
  head?.token.image === "model" || head?.token.image === "network";

const fence = (rows: readonly Row[]): Row[] =>
  rows.map((row, i) => (i === rows.length - 1 ? { ...row, isFence: true } : row));

const rowsFrom = (doc: Doc, indent: number): Row[] =>
  layout(doc, indent).map((each) => ({ ...each, isApart: false }));

const marked = (rows: readonly Row[], isApart: boolean): Row[] =>
  rows.map((row, i) => (i === 0 ? { ...row, isApart } : row));

/** Items with no blank line between them. */
function apart(items: readonly (readonly Placed[])[]): (readonly Placed[])[][] {
  const found: (readonly Placed[])[][] = [];
  for (const item of items) {
    const last = found.at(-1);
    if (last && !isSetApart(item[0])) last.push(item);
    else found.push([item]);
  }
  return found;
}

const isSetApart = (lead: Lead | undefined): boolean =>
  lead !== undefined && (lead.isApart || lead.notes.some((note) => note.isApart));

// ---------------------------------------------------------------- comments

/** Puts the comment behind what is before it on the line of that. */
function behind([note]: readonly Note[], rows: Row[]): void {
  const last = rows.pop();
  if (last) rows.push(note?.isBehind ? { ...last, comment: note.comment } : last);
}

const commentRows = (notes: readonly Note[], indent: number): Row[] =>
  notes
    .filter(({ isBehind }) => !isBehind)
    .map(({ comment, isApart }) => ({ indent, code: "", comment, isApart }));

// ---------------------------------------------------------------- text

function render(rows: readonly Row[]): string {
  const columns = commentColumns(rows);
  return rows
    .map((row, i) => {
      const blank = row.isApart && i > 0 ? "\n" : "";
      const code = " ".repeat(row.indent) + row.code;
      const column = columns[i] ?? row.indent;
      const text = row.comment ? code.padEnd(column - widthOf(code) + code.length) : code;
      return `${blank}${row.comment ? withComment(text, row.comment, column) : code}\n`;
    })
    .join("");
}

/** Where the comments begin: in one column for neighbours that have one. */
function commentColumns(rows: readonly Row[]): number[] {
  const columns: number[] = [];
  const ends = rows.map(({ indent, code }) => indent + widthOf(code));
  const isAside = (row: Row | undefined): boolean => row?.comment !== undefined && row.code !== "";
  for (let i = 0; i < rows.length; ) {
    let next = i + 1;
    if (!isAside(rows[i])) {
      columns.push(rows[i]?.indent ?? 0);
    } else {
      const joins = (row: Row | undefined): boolean =>
        row !== undefined && isAside(row) && !row.isApart && !row.isFence;
      while (!rows[i]?.isFence && joins(rows[next])) next++;
      const column = ends.slice(i, next).reduce((most, end) => Math.max(most, end), 0) + GAP;
      for (let k = i; k < next; k++) columns.push(column);
    }
    i = next;
  }
  return columns;
}

/** A block comment moves as a whole. */
function withComment(code: string, { lines, column: old }: Comment, column: number): string {
  const [first = "", ...others] = lines;
  const moved = others.map((line) => {
    const space = line.length - line.trimStart().length;
    return line === "" ? "" : " ".repeat(column) + line.slice(Math.min(space, old));
  });
  return [code + first, ...moved].join("\n");
}
