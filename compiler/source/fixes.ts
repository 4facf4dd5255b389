/** Applies the fixes of diagnostics to a text, as far as that helps. */
import type { Diagnostic, Edit } from "./diagnostic.ts";
import { lineText, positionOf } from "./lines.ts";
import type { SourceFile } from "./span.ts";

/** A fix may bring to light what another one repairs; more rounds than this have no end. */
const MOST_ROUNDS = 10;

/** A line, or a few, that a fix changed. */
export interface AppliedFix {
  readonly diagnostic: Diagnostic;
  /** Where it begins, in the text to which it was applied. */
  readonly line: number;
  /** The lines that it changes, before and after. */
  readonly before: string;
  readonly after: string;
}

export interface Fixed {
  readonly text: string;
  readonly applied: readonly AppliedFix[];
  /** What is left. */
  readonly diagnostics: readonly Diagnostic[];
}

type Candidate = Diagnostic & { readonly fix: NonNullable<Diagnostic["fix"]> };

/** Makes edits that do not overlap. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  const parts: string[] = [];
  let end = text.length;
  // From the end, so that the places of the others stay what they are.
  for (const { span, insert } of edits.toSorted((a, b) => b.span.start - a.span.start)) {
    parts.push(text.slice(span.end, end), insert);
    end = span.start;
  }
  return [...parts, text.slice(0, end)].reverse().join("");
}

/** Round by round, until no fix is left that helps. No round leaves more errors than there were. */
export function applyFixes(file: SourceFile, diagnose: (file: SourceFile) => readonly Diagnostic[]): Fixed {
  const seen = new Set([file.text]);
  const applied: AppliedFix[] = [];
  let now = file;
  let diagnostics = diagnose(file);

  /** Makes a step if it helps, and never back to where it was. */
  const step = (fixes: readonly Candidate[]): boolean => {
    const text = applyEdits(
      now.text,
      fixes.flatMap((d) => d.fix.edits),
    );
    if (seen.has(text)) return false;
    const next = { path: file.path, text };
    const rest = diagnose(next);
    if (errorsIn(rest) > errorsIn(diagnostics)) return false;
    seen.add(text);
    applied.push(...fixes.flatMap((d) => changes(now, d)).sort((a, b) => a.line - b.line));
    now = next;
    diagnostics = rest;
    return true;
  };

  for (let round = 0; round < MOST_ROUNDS; round++) {
    const all = candidates(diagnostics, now);
    if (all.length === 0) break;
    // Where one of them does harm, the first that does none is made, and the others are looked at again.
    if (!step(apart(all)) && !all.some((fix) => step([fix]))) break;
  }
  return { text: now.text, applied, diagnostics };
}

const errorsIn = (diagnostics: readonly Diagnostic[]): number =>
  diagnostics.filter((d) => d.severity === "error").length;

/** Those with edits, all of them within the file: a definition of the prelude is not the author's to change. */
const candidates = (diagnostics: readonly Diagnostic[], file: SourceFile): Candidate[] =>
  diagnostics.filter(
    (d): d is Candidate =>
      d.fix !== undefined &&
      d.fix.edits.length > 0 &&
      d.fix.edits.every(({ span }) => span.file.path === file.path && span.file.text === file.text) &&
      areApart(d.fix.edits),
  );

/** As many as can be made at once. */
function apart(fixes: readonly Candidate[]): Candidate[] {
  const chosen: Candidate[] = [];
  for (const fix of fixes) {
    if (areApart([...chosen, fix].flatMap((d) => d.fix.edits))) chosen.push(fix);
  }
  return chosen;
}

/** Whether no two edits overlap, or begin or end where another inserts. */
function areApart(edits: readonly Edit[]): boolean {
  const inOrder = edits.map(({ span }) => span).toSorted((a, b) => a.start - b.start || a.end - b.end);
  return inOrder.every((span, i) => {
    const before = inOrder[i - 1];
    if (!before) return true;
    const touches = span.start === span.end || before.start === before.end;
    return touches ? before.end < span.start : before.end <= span.start;
  });
}

/** Each run of lines that a fix changes, before and after it. */
function changes(file: SourceFile, diagnostic: Candidate): AppliedFix[] {
  const runs: { first: number; last: number; from: number; to: number; edits: Edit[] }[] = [];
  for (const edit of diagnostic.fix.edits.toSorted((a, b) => a.span.start - b.span.start)) {
    const first = positionOf(file, edit.span.start);
    const last = positionOf(file, edit.span.end);
    const to = edit.span.end - (last.column - 1) + lineText(file, last.line).length;
    const run = runs.at(-1);
    if (run && first.line <= run.last) {
      run.edits.push(edit);
      run.last = last.line;
      run.to = to;
    } else {
      const from = edit.span.start - (first.column - 1);
      runs.push({ first: first.line, last: last.line, from, to, edits: [edit] });
    }
  }
  return runs.map(({ first, from, to, edits }) => {
    const before = file.text.slice(from, to);
    const within = edits.map(({ span, insert }) => ({
      span: { file, start: span.start - from, end: span.end - from },
      insert,
    }));
    return { diagnostic, line: first, before, after: applyEdits(before, within) };
  });
}
