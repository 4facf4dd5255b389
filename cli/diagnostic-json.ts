/** Diagnostics for tools. */
import type { Diagnostic, Label } from "../compiler/source/diagnostic.ts";
import { positionOf } from "../compiler/source/lines.ts";
import type { Span } from "../compiler/source/span.ts";

const place = (span: Span) => {
  const start = positionOf(span.file, span.start);
  const end = positionOf(span.file, span.end);
  return {
    file: span.file.path,
    line: start.line,
    column: start.column,
    endLine: end.line,
    endColumn: end.column,
  };
};

const labelJson = ({ span, text }: Label) => ({ ...place(span), text });

/** Lines and columns from 1, in UTF-16 units; the end is just past the last character. */
export const diagnosticJson = (d: Diagnostic) => ({
  severity: d.severity,
  code: d.code,
  message: d.message,
  ...place(d.labels[0].span),
  labels: d.labels.map(labelJson),
  notes: d.notes,
  fix: d.fix
    ? { text: d.fix.text, edits: d.fix.edits.map((e) => ({ ...place(e.span), insert: e.insert })) }
    : null,
});
