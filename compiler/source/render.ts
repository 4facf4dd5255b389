/** Diagnostics as text for people: the source lines in question, what is where, why, and the repair. */
import pc from "picocolors";
import type { Diagnostic, Label } from "./diagnostic.ts";
import { lineText, positionOf } from "./lines.ts";
import type { SourceFile } from "./span.ts";

export interface RenderOptions {
  readonly color: boolean;
}

const TAB = 4;
/** A longer source line is shown in part. */
const WIDEST = 160;
/** What is kept before the label then. */
const LEAD = 40;

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u4dbf\u4e00-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
/** What would move the cursor, hide, or join its neighbour. */
const UNPRINTABLE = /[\p{C}\p{M}\p{Zl}\p{Zp}]/u;

/** A message may quote the source, and the source may hold anything. */
const harmless = (text: string): string => text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "·");

interface Cell {
  readonly text: string;
  /** The UTF-16 index at which it begins in its line, and the column at which it is shown. */
  readonly index: number;
  readonly units: number;
  readonly column: number;
  readonly width: number;
}

/** A source line as the terminal will show it. */
function layOut(line: string): Cell[] {
  const cells: Cell[] = [];
  let index = 0;
  let column = 0;
  for (const character of line) {
    const isTab = character === "\t";
    const isHidden = !isTab && UNPRINTABLE.test(character);
    const width = isTab ? TAB - (column % TAB) : !isHidden && WIDE.test(character) ? 2 : 1;
    const text = isTab ? " ".repeat(width) : isHidden ? "·" : character;
    cells.push({ text, index, units: character.length, column, width });
    index += character.length;
    column += width;
  }
  return cells;
}

/** A label on the line where it begins, in UTF-16 indices of that line. */
interface Mark {
  readonly line: number;
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly isPrimary: boolean;
  readonly paint: (text: string) => string;
}

function toMark({ span, text }: Label, isPrimary: boolean, paint: Mark["paint"]): Mark {
  const { line, column } = positionOf(span.file, span.start);
  const start = column - 1;
  return { line, start, end: start + Math.max(0, span.end - span.start), text, isPrimary, paint };
}

/** The part of a line that is shown, and the column where it begins. */
function excerpt(
  cells: readonly Cell[],
  around: Mark | undefined,
): { text: string; from: number; to: number } {
  const last = cells.at(-1);
  const width = last ? last.column + last.width : 0;
  const wanted = around ? Math.max(0, columnOf(cells, around.start) - LEAD) : 0;
  const from = width <= WIDEST ? 0 : wanted;
  const to = width <= WIDEST ? width : Math.min(width, from + WIDEST);
  const shown = cells.filter((cell) => cell.column >= from && cell.column + cell.width <= to);
  const first = shown[0]?.column ?? from;
  const text = shown.map((cell) => cell.text).join("");
  return {
    text: (from > 0 ? "…" : "") + text + (to < width ? "…" : ""),
    from: first - (from > 0 ? 1 : 0),
    to,
  };
}

/** Where the character at a UTF-16 index is shown; past the end, where the next one would be. */
function columnOf(cells: readonly Cell[], index: number): number {
  const cell = cells.findLast((each) => each.index <= index);
  if (!cell) return 0;
  return index < cell.index + cell.units ? cell.column : cell.column + cell.width;
}

type Colors = ReturnType<typeof pc.createColors>;

class Renderer {
  readonly #colors: Colors;

  constructor({ color }: RenderOptions) {
    this.#colors = pc.createColors(color);
  }

  render(diagnostic: Diagnostic): string {
    const { severity, code, message, labels, notes, fix } = diagnostic;
    const c = this.#colors;
    const paint = severity === "error" ? c.red : c.yellow;
    const files = [...new Set(labels.map((label) => label.span.file))];
    const lines = labels.map((label) => positionOf(label.span.file, label.span.start).line);
    const margin = String(Math.max(...lines)).length;
    const indent = " ".repeat(margin + 1);
    return [
      `${c.bold(paint(`${severity}[${code}]`))}${c.bold(`: ${harmless(message)}`)}`,
      ...files.flatMap((file) => this.#file(file, labels, margin, paint)),
      ...notes.map((note) => `${indent}${c.cyan("=")} ${this.#text(note, margin + 3)}`),
      ...(fix ? [`${indent}${c.green(c.bold("fix:"))} ${this.#text(fix.text, margin + 6)}`] : []),
    ].join("\n");
  }

  /** Further lines of a text stand under its first one. */
  #text(text: string, indent: number): string {
    return text
      .split("\n")
      .map(harmless)
      .join(`\n${" ".repeat(indent)}`);
  }

  /** The lines of one file, in order. */
  #file(file: SourceFile, labels: readonly Label[], margin: number, primary: Mark["paint"]): string[] {
    const own = labels.filter((label) => label.span.file === file);
    const [first] = own;
    if (!first) return [];
    const { line, column } = positionOf(file, first.span.start);
    const marks = own.map((label) => {
      const isPrimary = label === labels[0];
      return toMark(label, isPrimary, isPrimary ? primary : this.#colors.blue);
    });
    const shown = [...new Set(marks.map((mark) => mark.line))].sort((a, b) => a - b);
    const gutter = this.#colors.cyan("┌─");
    return [
      `${" ".repeat(margin + 1)}${gutter} ${harmless(file.path)}:${line}:${column}`,
      ...shown.flatMap((number) =>
        this.#line(
          file,
          number,
          marks.filter((mark) => mark.line === number),
          margin,
        ),
      ),
    ];
  }

  /** One source line and a row for each label on it. */
  #line(file: SourceFile, number: number, marks: readonly Mark[], margin: number): string[] {
    const cells = layOut(lineText(file, number));
    const last = cells.at(-1);
    const isLong = last !== undefined && last.column + last.width > WIDEST;
    const inOrder = marks.toSorted((a, b) => a.start - b.start);
    const bar = this.#colors.cyan("│");
    const source = (around: Mark | undefined) => {
      const { text } = excerpt(cells, around);
      return `${this.#colors.cyan(String(number).padStart(margin))} ${bar} ${text}`.trimEnd();
    };
    const row = (mark: Mark) => `${" ".repeat(margin)} ${bar} ${this.#mark(cells, mark)}`;
    if (isLong) return inOrder.flatMap((mark) => [source(mark), row(mark)]);
    return [source(undefined), ...inOrder.map(row)];
  }

  #mark(cells: readonly Cell[], mark: Mark): string {
    const { from, to } = excerpt(cells, mark);
    const start = columnOf(cells, mark.start);
    const end = Math.min(columnOf(cells, mark.end), to);
    const line = (mark.isPrimary ? "^" : "-").repeat(Math.max(1, end - start));
    const text = harmless(mark.text);
    return `${" ".repeat(Math.max(0, start - from))}${mark.paint(text === "" ? line : `${line} ${text}`)}`;
  }
}

export const renderDiagnostic = (diagnostic: Diagnostic, options: RenderOptions): string =>
  new Renderer(options).render(diagnostic);

/** All of them, set apart by empty lines. */
export const renderDiagnostics = (diagnostics: readonly Diagnostic[], options: RenderOptions): string =>
  diagnostics.map((diagnostic) => renderDiagnostic(diagnostic, options)).join("\n\n");
