/** What the renderer draws, in colour and without: golden files with the escapes made visible. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Diagnostic, Label } from "../../compiler/source/diagnostic.ts";
import { renderDiagnostics } from "../../compiler/source/render.ts";
import type { SourceFile } from "../../compiler/source/span.ts";

const file = (text: string, path = "mine.miras"): SourceFile => ({ path, text });

/** A label on the first `words` of a file, or on nothing at its end. */
function on(source: SourceFile, words: string, text = ""): Label {
  const start = words === "" ? source.text.length : source.text.indexOf(words);
  return { span: { file: source, start, end: start + words.length }, text };
}

const diagnostic = (labels: Diagnostic["labels"], more: Partial<Diagnostic> = {}): readonly Diagnostic[] => [
  { severity: "error", code: "shape-mismatch", message: "`a` does not fit `b`", labels, notes: [], ...more },
];

const model = file(`model Mine {
  memory  matrix
  bias    mine(delta)
  output = norm(read(q)) +
    read(k) * v
}
`);
const prelude = file("// Biases.\n\nbias mine(y, v) = sum(y - v)\n", "specs/prelude/biases.miras");
const tabs = file("model\tM {\n\tlet a\t=\tk + v\n}\n");
const wide = file("fn 数(x) = 数(値) + 😀 + é + 😀\u200b + z\n");
const unended = file("model M {\n  memory matrix");

const cases: Readonly<Record<string, readonly Diagnostic[]>> = {
  "multi-label": diagnostic(
    [
      on(model, "read(q)", "[dv]"),
      on(model, "norm(read(q))", "the whole of it"),
      on(model, "q", "[dk]"),
      on(model, "mine(delta)", "chosen here"),
    ],
    { notes: ["first fact", "second fact\nin two lines"], fix: { text: "write one of them", edits: [] } },
  ),
  "multi-line": diagnostic([
    on(model, "norm(read(q)) +\n    read(k) * v", "all of this"),
    on(model, "{\n  memory  matrix\n", "and this"),
  ]),
  "several-files": diagnostic(
    [on(model, "mine(delta)", "chosen here"), on(prelude, "mine", "defined here")],
    {
      severity: "warning",
      fix: { text: "choose another one", edits: [] },
    },
  ),
  tabs: diagnostic([on(tabs, "=", "after tabs"), on(tabs, "v", "the end"), on(tabs, "\tM", "a tab itself")]),
  wide: diagnostic([on(wide, "値", "wide"), on(wide, "😀 + é", "an emoji"), on(wide, "z", "after them all")]),
  "end-of-file": diagnostic([on(unended, "", "expected `}`"), on(unended, "{", "opened here")]),
  "end-of-an-ended-file": diagnostic([on(model, "", "expected more")]),
  "empty-file": diagnostic([on(file(""), "", "nothing here")]),
};

const ESCAPES: Readonly<Record<string, string>> = {
  1: "bold",
  22: "/bold",
  31: "red",
  32: "green",
  33: "yellow",
  34: "blue",
  36: "cyan",
  39: "/color",
};

const sequence = new RegExp(`${String.fromCharCode(27)}\\[(\\d+)m`, "g");
const visible = (text: string): string =>
  text.replace(sequence, (_, code: string) => `‹${ESCAPES[code] ?? code}›`);

describe.each(Object.entries(cases))("%s", (name, diagnostics) => {
  const golden = (kind: string): string => join(import.meta.dirname, "render", `${name}.${kind}.txt`);

  it("without colour", async () => {
    await expect(`${renderDiagnostics(diagnostics, { color: false })}\n`).toMatchFileSnapshot(
      golden("plain"),
    );
  });

  it("in colour, which changes no character", async () => {
    const colored = renderDiagnostics(diagnostics, { color: true });
    await expect(`${visible(colored)}\n`).toMatchFileSnapshot(golden("color"));
    expect(colored.replace(sequence, "")).toBe(renderDiagnostics(diagnostics, { color: false }));
  });
});
