/** Gathers what is wrong with the syntax of a file, so that one root cause gives one diagnostic. */
import type { Diagnostic, Diagnostics, Fix, Label } from "../compiler/source/diagnostic.ts";
import type { SourceFile, Span } from "../compiler/source/span.ts";

/** More than this helps nobody. */
const MOST = 100;

export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly labels: readonly [Label, ...Label[]];
  readonly notes?: readonly string[];
  readonly fix?: Fix;
}

export class Problems {
  readonly file: SourceFile;
  readonly #found: Diagnostic[] = [];
  /** Where each item begins, in order of the text. */
  readonly #starts: number[] = [];
  /** The items with a problem of their own. */
  readonly #blamed = new Set<number>();

  constructor(file: SourceFile) {
    this.file = file;
  }

  span(start: number, end: number): Span {
    return { file: this.file, start, end };
  }

  /** From here on the text belongs to a new item. */
  begin(offset: number): void {
    this.#starts.push(offset);
  }

  /** Reports a problem of the item at `offset`, whatever else is wrong with it. */
  report(offset: number, problem: Problem): void {
    this.#blamed.add(this.#itemAt(offset));
    this.#found.push({ severity: "error", notes: [], ...problem });
  }

  /** Reports a problem that may follow from another one: nothing, if the item has one already. */
  reportFirst(offset: number, problem: Problem): void {
    if (!this.#blamed.has(this.#itemAt(offset))) this.report(offset, problem);
  }

  flush(diagnostics: Diagnostics): void {
    const inOrder = this.#found.toSorted((a, b) => a.labels[0].span.start - b.labels[0].span.start);
    for (const diagnostic of inOrder.slice(0, MOST)) diagnostics.report(diagnostic);
  }

  #itemAt(offset: number): number {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
