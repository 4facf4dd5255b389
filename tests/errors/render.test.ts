import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Diagnostic, Label } from "../../compiler/source/diagnostic.ts";
import { positionOf } from "../../compiler/source/lines.ts";
import { renderDiagnostic, renderDiagnostics } from "../../compiler/source/render.ts";
import type { SourceFile } from "../../compiler/source/span.ts";

const plain = { color: false };

const file = (text: string, path = "titans.miras"): SourceFile => ({ path, text });

/** A label on the nth occurrence of a word. */
function at(source: SourceFile, word: string, text: string, nth = 0): Label {
  let start = source.text.indexOf(word);
  for (let i = 0; i < nth; i++) start = source.text.indexOf(word, start + 1);
  return { span: { file: source, start, end: start + word.length }, text };
}

const error = (labels: Diagnostic["labels"], more: Partial<Diagnostic> = {}): Diagnostic => ({
  severity: "error",
  code: "shape-mismatch",
  message: "the memory's output does not fit",
  labels,
  notes: [],
  ...more,
});

describe("renderDiagnostic", () => {
  it("shows both sides, the facts and the repair", () => {
    const source = file(`model Titans {
  // A memory of two layers.

  input v [dv] = project
  input q = project

  memory mlp

  bias l2
}
`);
    const diagnostic = error(
      [
        at(source, "l2", "this reads a prediction of length dk"),
        at(source, "v", "`l2` compares against this: length dv"),
      ],
      {
        message: "the memory's output does not fit the target of `l2`",
        notes: [
          "W1 is [dk, expand * dk], from `memory mlp` on line 7",
          "dk and dv are different dimensions here",
        ],
        fix: { text: "add `require dv = dk`, or give `mlp` an output dimension", edits: [] },
      },
    );
    expect(`\n${renderDiagnostic(diagnostic, plain)}\n`).toBe(`
error[shape-mismatch]: the memory's output does not fit the target of \`l2\`
  ┌─ titans.miras:9:8
4 │   input v [dv] = project
  │         - \`l2\` compares against this: length dv
9 │   bias l2
  │        ^^ this reads a prediction of length dk
  = W1 is [dk, expand * dk], from \`memory mlp\` on line 7
  = dk and dv are different dimensions here
  fix: add \`require dv = dk\`, or give \`mlp\` an output dimension
`);
  });

  it("gives labels on one line a row each", () => {
    const source = file("let a = k @ v");
    const labels: Diagnostic["labels"] = [
      at(source, "@", "contracts nothing"),
      at(source, "k", "length dk"),
      at(source, "v", "length dv"),
    ];
    expect(`\n${renderDiagnostic(error(labels), plain)}\n`).toBe(`
error[shape-mismatch]: the memory's output does not fit
  ┌─ titans.miras:1:11
1 │ let a = k @ v
  │         - length dk
  │           ^ contracts nothing
  │             - length dv
`);
  });

  it("shows labels of two files apart, with one margin", () => {
    const source = file(`${"\n".repeat(11)}bias l2`);
    const prelude = file("bias l2(y, v) = y", "prelude/bias.miras");
    const labels: Diagnostic["labels"] = [at(source, "l2", "used here"), at(prelude, "l2", "defined here")];
    expect(`\n${renderDiagnostic(error(labels, { severity: "warning" }), plain)}\n`).toBe(`
warning[shape-mismatch]: the memory's output does not fit
   ┌─ titans.miras:12:6
12 │ bias l2
   │      ^^ used here
   ┌─ prelude/bias.miras:1:6
 1 │ bias l2(y, v) = y
   │      -- defined here
`);
  });

  it("keeps the columns under tabs, wide and unprintable characters", () => {
    const source = file("\t数\u0301\u001b[1m x\r\ny");
    const labels: Diagnostic["labels"] = [at(source, "x", ""), at(source, "数", "wide")];
    expect(`\n${renderDiagnostic(error(labels), plain)}\n`).toBe(`
error[shape-mismatch]: the memory's output does not fit
  ┌─ titans.miras:1:9
1 │     数··[1m x
  │     -- wide
  │             ^
`);
  });

  it("underlines the first line of a span, and a place between characters", () => {
    const source = file("let a = f(\n  x)\n");
    const { start } = at(source, "f(", "").span;
    const labels: Diagnostic["labels"] = [
      { span: { file: source, start, end: start + 7 }, text: "all of this" },
      { span: { file: source, start: source.text.length, end: source.text.length }, text: "the end" },
    ];
    expect(`\n${renderDiagnostic(error(labels), plain)}\n`).toBe(`
error[shape-mismatch]: the memory's output does not fit
  ┌─ titans.miras:1:9
1 │ let a = f(
  │         ^^ all of this
3 │
  │ - the end
`);
  });

  it("shows a long line around its label", () => {
    const source = file(`let a = ${"b + ".repeat(100)}here${" + c".repeat(100)}`);
    const [, , line = "", mark = ""] = renderDiagnostic(error([at(source, "here", "look")]), plain).split(
      "\n",
    );
    expect(line.length).toBeLessThan(170);
    expect(mark.indexOf("^^^^ look")).toBe(line.indexOf("here"));
  });

  it("sets further lines of a note under its first", () => {
    const source = file("x");
    const text = renderDiagnostic(error([at(source, "x", "")], { notes: ["first\nsecond"] }), plain);
    expect(text).toContain("  = first\n    second");
  });

  it("has colour only when asked for", () => {
    const source = file("x");
    const diagnostic = error([at(source, "x", "here")], { notes: ["n"], fix: { text: "f", edits: [] } });
    const control = String.fromCharCode(27);
    const colored = renderDiagnostic(diagnostic, { color: true });
    expect(colored).toContain(`${control}[31m`);
    const stripped = colored.replaceAll(new RegExp(`${control}\\[\\d+m`, "g"), "");
    expect(stripped).toBe(renderDiagnostic(diagnostic, plain));
  });

  it("lets no control character of the source through", () => {
    const unit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));
    const text = fc.array(unit, { maxLength: 30 }).map((units) => units.join(""));
    fc.assert(
      fc.property(text, text, fc.nat(), fc.nat(), (source, message, a, b) => {
        const [start = 0, end = 0] = [a, b].map((n) => n % (source.length + 1)).sort((x, y) => x - y);
        const span = { file: file(source), start, end };
        const shown = renderDiagnostics([error([{ span, text: message }], { message })], plain);
        expect(shown.replaceAll("\n", "")).not.toMatch(/\p{C}/u);
      }),
    );
  });
});

describe("positionOf", () => {
  it("counts lines and columns from one, whatever ends a line", () => {
    const source = file("a\nbc\r\n\rd");
    const positions = [0, 1, 2, 4, 6, 7, 8].map((offset) => positionOf(source, offset));
    expect(positions.map(({ line, column }) => [line, column])).toEqual([
      [1, 1],
      [1, 2],
      [2, 1],
      [2, 3],
      [3, 1],
      [4, 1],
      [4, 2],
    ]);
  });
});
