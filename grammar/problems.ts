/** Gathers what is wrong with the syntax of a file, so that one root cause gives one diagnostic. */
import type { Diagnostic, Diagnostics, Edit, Fix, Label } from "../compiler/source/diagnostic.ts";
import type { SourceFile, Span } from "../compiler/source/span.ts";

/** More than this helps nobody. */
const MOST = 100;

export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly labels: readonly [Label, ...Label[]];
  readonly notes?: readonly string[];
  readonly fix?: Fix;
  /** Whether the item no longer says what was meant; by default, where no edit repairs it. */
  readonly garbles?: boolean;
  /** What is written so throughout is told once, with every place. */
  readonly habit?: string;
}

/** Further places of a habit that are shown. */
const SHOWN = 3;

/** What is written so throughout: where among the diagnostics it is told, and its further places. */
interface Habit {
  readonly at: number;
  readonly more: Label[];
  readonly edits: Edit[];
  times: number;
}

export class Problems {
  readonly file: SourceFile;
  readonly #found: Diagnostic[] = [];
  /** Where each item begins, in order of the text. */
  readonly #starts: number[] = [];
  /** The items with a problem of their own. */
  readonly #blamed = new Set<number>();
  /** Those among them whose values would only mislead. */
  readonly #garbled = new Set<number>();
  readonly #habits = new Map<string, Habit>();

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
    const { garbles, habit, ...told } = problem;
    const item = this.#itemAt(offset);
    this.#blamed.add(item);
    if (garbles ?? !problem.fix?.edits.length) this.#garbled.add(item);
    const known = habit === undefined ? undefined : this.#habits.get(habit);
    if (known) {
      known.times++;
      known.edits.push(...(problem.fix?.edits ?? []));
      if (known.more.length < SHOWN) known.more.push({ span: problem.labels[0].span, text: "and here" });
      return;
    }
    if (habit !== undefined) {
      this.#habits.set(habit, {
        at: this.#found.length,
        more: [],
        times: 1,
        edits: [...(problem.fix?.edits ?? [])],
      });
    }
    this.#found.push({ severity: "error", notes: [], ...told });
  }

  /** Whether the item at `offset` has a problem after which nothing can be said of its value. */
  isGarbled(offset: number): boolean {
    return this.#garbled.has(this.#itemAt(offset));
  }

  /** Reports a problem that may follow from another one: nothing, if the item has one already. */
  reportFirst(offset: number, problem: Problem): void {
    const item = this.#itemAt(offset);
    if (!this.#blamed.has(item)) this.report(offset, problem);
    else if (problem.garbles ?? !problem.fix?.edits.length) this.#garbled.add(item);
  }

  flush(diagnostics: Diagnostics): void {
    for (const { at, more, times, edits } of this.#habits.values()) {
      const told = this.#found[at] as Diagnostic;
      const hidden = times - 1 - more.length;
      this.#found[at] = {
        ...told,
        labels: [...told.labels, ...more],
        notes:
          hidden > 0
            ? [...told.notes, `likewise in ${hidden} more ${hidden === 1 ? "place" : "places"}`]
            : told.notes,
        ...(told.fix && { fix: { ...told.fix, edits } }),
      };
    }
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
