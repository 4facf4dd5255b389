/** Lines and columns of a source file. */
import type { SourceFile } from "./span.ts";

/** Both from 1; the column counts UTF-16 units, as editors do. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

const cache = new WeakMap<SourceFile, readonly number[]>();

/** The offset at which each line begins. */
function lineStarts(file: SourceFile): readonly number[] {
  const known = cache.get(file);
  if (known) return known;
  const starts = [0];
  for (const { index, 0: end } of file.text.matchAll(/\r\n|\n|\r/g)) starts.push(index + end.length);
  cache.set(file, starts);
  return starts;
}

export function positionOf(file: SourceFile, offset: number): Position {
  const starts = lineStarts(file);
  let low = 0;
  let high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return { line: low + 1, column: Math.max(0, offset - (starts[low] ?? 0)) + 1 };
}

/** The text of a line, without its end. */
export function lineText(file: SourceFile, line: number): string {
  const starts = lineStarts(file);
  return file.text.slice(starts[line - 1] ?? file.text.length, starts[line]).replace(/[\r\n]+$/, "");
}
