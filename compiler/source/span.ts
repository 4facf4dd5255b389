/** A source text with a name, and half-open ranges of it. */

export interface SourceFile {
  /** As the user named it: what diagnostics print. */
  readonly path: string;
  readonly text: string;
}

/** UTF-16 offsets `[start, end)` into `file.text`. */
export interface Span {
  readonly file: SourceFile;
  readonly start: number;
  readonly end: number;
}

export const textOf = (span: Span): string => span.file.text.slice(span.start, span.end);

/** The smallest span that holds both; they must lie in one file. */
export const join = (a: Span, b: Span): Span => ({
  file: a.file,
  start: Math.min(a.start, b.start),
  end: Math.max(a.end, b.end),
});
