import type { Span } from "./span.ts";

/** A place that a diagnostic points at; the primary label comes first. */
export interface Label {
  readonly span: Span;
  /** What is there, in a few words; empty for a bare underline. */
  readonly text: string;
}

/** A replacement that a tool can apply: the text of `span` becomes `insert`. */
export interface Edit {
  readonly span: Span;
  readonly insert: string;
}

/** The repair, in words, and as edits where a tool could make it. */
export interface Fix {
  readonly text: string;
  readonly edits: readonly Edit[];
}

/** One problem with a program: what, where (both sides), why, and the repair. */
export interface Diagnostic {
  readonly severity: "error" | "warning";
  /** A stable code from `compiler/messages`, such as `shape-mismatch`. */
  readonly code: string;
  readonly message: string;
  /** The first is the primary one. Never empty. */
  readonly labels: readonly [Label, ...Label[]];
  /** Facts that explain the problem: where each side came from. */
  readonly notes: readonly string[];
  readonly fix?: Fix;
}

/** Collects the diagnostics of one run. */
export class Diagnostics {
  readonly all: Diagnostic[] = [];

  report(diagnostic: Diagnostic): void {
    this.all.push(diagnostic);
  }

  get hasErrors(): boolean {
    return this.all.some((d) => d.severity === "error");
  }
}

/**
 * A bug of the compiler, never of the user's program. The command line turns it into a
 * message that says so and how to report it.
 */
export class InternalError extends Error {
  override readonly name = "InternalError";
}
