/** Text that may be broken at certain places, and its layout in lines of limited width. */

/** Columns of code; comments may be longer. */
export const WIDTH = 100;
const STEP = 2;

/** Comments that share a line, as the author wrote them. */
export interface Comment {
  /** The first line, and those that follow in a block comment. */
  readonly lines: readonly string[];
  /** The column in which it began. */
  readonly column: number;
  /** Whether it takes all that follows on its line for a part of it. */
  readonly isOpen: boolean;
}

export type Doc =
  | string
  | readonly Doc[]
  | { readonly kind: "line"; readonly flat: string }
  /** Ends its line. One of its `own` also begins it. */
  | { readonly kind: "comment"; readonly comment: Comment; readonly own: boolean }
  | { readonly kind: "nest"; readonly doc: Doc }
  /** Is on one line, or broken at all the lines that are directly in it. */
  | { readonly kind: "group"; readonly doc: Doc; readonly isBroken: boolean };

export interface Line {
  readonly indent: number;
  code: string;
  comment?: Comment;
}

/** A space, or the end of a line. */
export const line: Doc = { kind: "line", flat: " " };
/** Nothing, or the end of a line. */
export const softLine: Doc = { kind: "line", flat: "" };
export const nest = (doc: Doc): Doc => ({ kind: "nest", doc });
export const group = (doc: Doc): Doc => ({ kind: "group", doc, isBroken: mustBreak(doc) });

const isList = (doc: Doc): doc is readonly Doc[] => Array.isArray(doc);

function mustBreak(doc: Doc): boolean {
  if (typeof doc === "string") return false;
  if (isList(doc)) return doc.some(mustBreak);
  if (doc.kind === "nest") return mustBreak(doc.doc);
  return doc.kind === "comment" || (doc.kind === "group" && doc.isBroken);
}

/** The text on one line; undefined if a comment forbids that. */
export function flat(doc: Doc): string | undefined {
  return mustBreak(doc) ? undefined : flatText(doc);
}

function flatText(doc: Doc): string {
  if (typeof doc === "string") return doc;
  if (isList(doc)) return doc.map(flatText).join("");
  if (doc.kind === "line") return doc.flat;
  return doc.kind === "comment" ? "" : flatText(doc.doc);
}

/** Characters, not UTF-16 units. */
export const widthOf = (text: string): number => [...text].length;
export const pad = (text: string, width: number): string =>
  text + " ".repeat(Math.max(0, width - widthOf(text)));
export const widest = (texts: readonly string[]): number =>
  texts.reduce((most, text) => Math.max(most, widthOf(text)), 0);

interface Part {
  readonly doc: Doc;
  readonly indent: number;
  readonly isFlat: boolean;
}

export function layout(doc: Doc, indent: number): Line[] {
  let current: Line = { indent, code: "" };
  const lines = [current];
  const stack: Part[] = [{ doc, indent, isFlat: false }];
  const isFresh = (): boolean => current.code === "" && !current.comment;
  const newLine = (at: number): void => {
    if (isFresh()) lines.pop();
    else current.code = current.code.trimEnd();
    current = { indent: at, code: "" };
    lines.push(current);
  };

  for (let part = stack.pop(); part; part = stack.pop()) {
    const { doc: now, indent: at, isFlat } = part;
    if (now === "") continue;
    if (typeof now === "string") {
      // Nothing but the next line follows a comment.
      if (current.comment) newLine(at);
      current.code += current.code === "" ? now.trimStart() : now;
    } else if (isList(now)) {
      for (const each of now.toReversed()) stack.push({ ...part, doc: each });
    } else if (now.kind === "line") {
      if (isFlat) current.code += now.flat;
      else newLine(at);
    } else if (now.kind === "comment") {
      if ((now.own && !isFresh()) || current.comment?.isOpen) newLine(at);
      current.comment = current.comment ? beside(current.comment, now.comment) : now.comment;
    } else if (now.kind === "nest") {
      stack.push({ ...part, doc: now.doc, indent: at + STEP });
    } else {
      const column = current.comment ? at : current.indent + widthOf(current.code);
      const inner = { indent: at, doc: now.doc, isFlat: true };
      stack.push({ ...inner, isFlat: isFlat || (!now.isBroken && fits(inner, stack, WIDTH - column)) });
    }
  }
  current.code = current.code.trimEnd();
  return lines;
}

/** Whether a part is done on its line, with what follows it up to where that line may end. */
function fits(part: Part, after: readonly Part[], width: number): boolean {
  let room = width;
  let following = after.length;
  const stack = [part];
  while (room >= 0) {
    const top = stack.pop() ?? after[--following];
    if (!top) return true;
    const { doc } = top;
    if (typeof doc === "string") room -= widthOf(doc);
    else if (isList(doc)) for (const each of doc.toReversed()) stack.push({ ...top, doc: each });
    else if (doc.kind === "comment") return true;
    else if (doc.kind === "line") {
      if (!top.isFlat) return true;
      room -= doc.flat.length;
    } else
      stack.push({ ...top, doc: doc.doc, isFlat: top.isFlat || (doc.kind === "group" && !doc.isBroken) });
  }
  return false;
}

/** Two comments on one line. */
const beside = (a: Comment, b: Comment): Comment => ({
  lines: [...a.lines.slice(0, -1), `${a.lines.at(-1) ?? ""} ${b.lines[0] ?? ""}`, ...b.lines.slice(1)],
  column: a.column,
  isOpen: b.isOpen,
});
