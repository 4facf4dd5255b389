import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Diagnostics } from "../../compiler/source/diagnostic.ts";
import { renderDiagnostics } from "../../compiler/source/render.ts";
import type * as ast from "../../grammar/ast.ts";
import { parse } from "../../grammar/parse.ts";
import { print, printExpr } from "../../grammar/print.ts";
import { lex } from "../../grammar/tokens.ts";
import { TEXTS } from "./syntax-texts.ts";
import { bare, expr, hasInvalid, tree } from "./syntax-trees.ts";

function read(text: string): { file: ast.File; diagnostics: Diagnostics } {
  const diagnostics = new Diagnostics();
  return { file: parse({ path: "test.miras", text }, diagnostics), diagnostics };
}

function readWell(text: string): ast.File {
  const { file, diagnostics } = read(text);
  expect(renderDiagnostics(diagnostics.all, { color: false })).toBe("");
  return file;
}

/** What must hold of any text. */
function holdsOf(text: string): void {
  const { file, diagnostics } = read(text);
  renderDiagnostics(diagnostics.all, { color: true });
  for (const { labels, message } of diagnostics.all) {
    expect(message).not.toMatch(/undefined|NaN/);
    for (const { span } of labels) {
      expect(span.start).toBeGreaterThanOrEqual(0);
      expect(span.end).toBeGreaterThanOrEqual(span.start);
      expect(span.end).toBeLessThanOrEqual(text.length);
    }
  }
  if (diagnostics.hasErrors) return;
  expect(hasInvalid(file)).toBe(false);
  // Nothing was dropped: the tree has all the signs and names of the text.
  const again = readWell(print(file));
  expect(bare(again)).toEqual(bare(file));
  expect(significant(print(file))).toEqual(significant(text));
}

/** The tokens of a text but for parentheses, and for `loss` and braces, which a `bias` can do without. */
const significant = (text: string): string[] =>
  lex(text)
    .tokens.filter(({ image }) => !/^[(){}]$|^loss$/.test(image))
    .map(({ image, tokenType }) =>
      tokenType.name === "NumberLiteral" ? String(Number(image)) : sign(image, tokenType.name),
    );

const SIGNS: Readonly<Record<string, string>> = {
  Minus: "-",
  Times: "*",
  AtMost: "<=",
  AtLeast: ">=",
  Prime: "'",
};
const sign = (image: string, type: string): string => SIGNS[type] ?? image;

describe("parse", () => {
  it.each(TEXTS)("reads the examples", (text) => {
    readWell(text);
  });

  it("reads any string without throwing", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), holdsOf), { numRuns: 500 });
  });

  it("reads lone surrogates and control characters without throwing", () => {
    const unit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));
    fc.assert(
      fc.property(
        fc.array(unit, { maxLength: 100 }).map((units) => units.join("")),
        holdsOf,
      ),
      { numRuns: 500 },
    );
  });

  it("reads any row of tokens without throwing", () => {
    const images = TEXTS.flatMap((text) => lex(text).tokens.map(({ image }) => image));
    const token = fc.constantFrom(
      ...new Set([...images, "1e999", "1.2.3", "$", "≤", "/*", "//", "\n", "\n"]),
    );
    const soup = fc.array(fc.tuple(token, fc.constantFrom(" ", " ", "\n", "")), { maxLength: 60 });
    fc.assert(
      fc.property(
        soup.map((parts) => parts.flat().join("")),
        holdsOf,
      ),
      { numRuns: 3000 },
    );
  });

  it("reads mutations of the examples without throwing", () => {
    const pieces = TEXTS.map((text) => text.split(/(\s+|\b)/));
    const mutation = fc.record({
      at: fc.nat(),
      remove: fc.nat(3),
      insert: fc.constantFrom(
        "",
        "(",
        ")",
        "{",
        "}",
        "]",
        "=",
        "model ",
        "let ",
        " x ",
        "'",
        "é",
        "@",
        "\n",
        "3",
        ".",
        ":",
      ),
    });
    const mutated = fc
      .tuple(fc.constantFrom(...pieces), fc.array(mutation, { minLength: 1, maxLength: 4 }))
      .map(([text, mutations]) => {
        const copy = [...text];
        for (const { at, remove, insert } of mutations) copy.splice(at % (copy.length + 1), remove, insert);
        return copy.join("");
      });
    fc.assert(fc.property(mutated, holdsOf), { numRuns: 2000 });
  });

  it("says little when a single token is missing from an example", () => {
    for (const text of TEXTS) {
      for (const { startOffset, image } of lex(text).tokens) {
        const less = text.slice(0, startOffset) + text.slice(startOffset + image.length);
        holdsOf(less);
        expect(read(less).diagnostics.all.length, less).toBeLessThanOrEqual(2);
      }
    }
  });

  it("bounds the depth of a tree", () => {
    const nested: Record<string, (n: number) => string> = {
      parentheses: (n) => `${"(".repeat(n)}x${")".repeat(n)}`,
      calls: (n) => `${"f(".repeat(n)}x${")".repeat(n)}`,
      minuses: (n) => `${"-".repeat(n)}x`,
      powers: (n) => `x${" ^ x".repeat(n)}`,
      sums: (n) => `x${" + x".repeat(n)}`,
      pipes: (n) => `x${" |> f".repeat(n)}`,
      unclosed: (n) => "(".repeat(n),
    };
    for (const [name, make] of Object.entries(nested)) {
      for (const n of [600, 100_000]) {
        const { diagnostics } = read(`fn f(x) = ${make(n)}\nfn g(x) = x +`);
        expect(
          diagnostics.all.map((d) => d.code),
          name,
        ).toEqual(["too-deep", "syntax-unexpected"]);
      }
    }
  });

  it("reads and prints what is as deep as may be on half of the usual stack", () => {
    const program = `
      import { parse } from "./grammar/parse.ts";
      import { print } from "./grammar/print.ts";
      const all = [];
      for (const value of ["-f(2 ^ ".repeat(100) + "x" + ")".repeat(100), "x" + " ^ -x".repeat(250), "x" + " + x".repeat(500)]) {
        print(parse({ path: "deep.miras", text: "fn f(x) = " + value }, { report: (each) => all.push(each) }));
      }
      process.stdout.write(JSON.stringify(all.map((each) => each.code)));`;
    const flags = ["--stack-size=492", "--import", "tsx", "--input-type=module", "--eval", program];
    expect(execFileSync(process.execPath, flags, { encoding: "utf8" })).toBe("[]");
  });

  it("refuses what is too large to be a spec", () => {
    const { diagnostics } = read("x".repeat(1_000_001));
    expect(diagnostics.all.map((d) => d.code)).toEqual(["file-too-large"]);
  });

  it("gives up on a large file of errors in good time", () => {
    for (const unit of [
      "fn f(x) = x 3\n",
      "$ ",
      "(",
      "model ",
      "}",
      "let x\n",
      "f(a=b)",
      "read(",
      "{",
      "a ",
    ]) {
      const { diagnostics } = read(unit.repeat(Math.floor(200_000 / unit.length)));
      expect(diagnostics.hasErrors, unit).toBe(true);
    }
  });
});

describe("print", () => {
  it("is undone by parse, for expressions", () => {
    fc.assert(
      fc.property(expr, (e) => {
        const [definition] = readWell(`fn f() = ${printExpr(e)}`).definitions;
        expect(bare(definition && "body" in definition && definition.body)).toEqual(bare(e));
      }),
      { numRuns: 1000 },
    );
  });

  it("is undone by parse, for files", () => {
    fc.assert(
      fc.property(tree, (file) => {
        expect(bare(readWell(print(file)))).toEqual(bare(file));
      }),
      { numRuns: 1000 },
    );
  });

  it.each(TEXTS)("changes nothing the second time", (text) => {
    const once = print(readWell(text));
    expect(print(readWell(once))).toBe(once);
  });

  it("prints the examples as they were written", () => {
    expect(print(readWell(TEXTS[0] ?? ""))).toBe((TEXTS[0] ?? "").replace(/^\/\/.*\n/, ""));
  });
});
