/** The formatter on random programs, with random comments, blank lines and spaces. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Diagnostics } from "../../compiler/source/diagnostic.ts";
import type * as ast from "../../grammar/ast.ts";
import { format } from "../../grammar/format.ts";
import { parse } from "../../grammar/parse.ts";
import { print } from "../../grammar/print.ts";
import { lex } from "../../grammar/tokens.ts";
import { TEXTS } from "./syntax-texts.ts";
import { bare, expr, tree } from "./syntax-trees.ts";

function read(text: string): ast.File | undefined {
  const diagnostics = new Diagnostics();
  const file = parse({ path: "test.miras", text }, diagnostics);
  return diagnostics.hasErrors ? undefined : file;
}

const formatted = (text: string): string | undefined =>
  format({ path: "test.miras", text }, new Diagnostics());

/** The comments of a text, but for the spaces around their lines. */
const comments = (text: string): string[] =>
  lex(text).comments.map(({ image }) =>
    image
      .split(/\r\n|\n|\r/)
      .map((line) => line.trim())
      .join("\n"),
  );

/** What must hold of any text; whether it could be read. */
function holdsOf(text: string): boolean {
  const file = read(text);
  const once = formatted(text);
  expect(once === undefined).toBe(file === undefined);
  if (once === undefined) return false;
  expect(bare(read(once))).toEqual(bare(file));
  expect(comments(once)).toEqual(comments(text));
  expect(formatted(once)).toBe(once);
  expect(once).not.toMatch(/\r|[^\S\n]\n|\n\n\n|^\n|\n\n$|[^\n]$/);
  return true;
}

const piece = fc.constantFrom(
  " ",
  "   ",
  "\t",
  "\n",
  "\r\n",
  "\n\n\n",
  "// c\n",
  " // a longer one, with 'signs' { (  \r\n",
  "/* c */",
  " /* a */ /* b */ ",
  "/* of\n     two lines */",
  "\n\n  /* of\r\n\r\n  three */\n",
);

/** What stands between two tokens in place of what is printed there. */
const gap = fc.oneof(
  { weight: 6, arbitrary: fc.constant(undefined) },
  {
    weight: 1,
    arbitrary: fc.array(piece, { minLength: 1, maxLength: 3 }).map((pieces) => ` ${pieces.join("")}`),
  },
);

/** The text with other gaps; a `'` stays with its name. */
function scattered(text: string, gaps: readonly (string | undefined)[]): string {
  let end = 0;
  const parts = lex(text).tokens.map(({ image, startOffset }, i) => {
    const printed = text.slice(end, startOffset);
    end = startOffset + image.length;
    return (image === "'" ? printed : (gaps[i % gaps.length] ?? printed)) + image;
  });
  return parts.join("") + (gaps[0] ?? text.slice(end));
}

const gaps = fc.array(gap, { minLength: 1, maxLength: 200 });

describe("format", () => {
  it.each(TEXTS)("keeps all of the examples", (text) => {
    expect(holdsOf(text)).toBe(true);
  });

  it("keeps all of random programs as they are printed", () => {
    fc.assert(
      fc.property(tree, (file) => {
        expect(holdsOf(print(file))).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it("keeps all of random programs with comments, blank lines and spaces", () => {
    let readable = 0;
    fc.assert(
      fc.property(tree, gaps, (file, between) => {
        if (holdsOf(scattered(print(file), between))) readable++;
      }),
      { numRuns: 1000 },
    );
    // Where a line begins with a word of the language, that can begin an item.
    expect(readable).toBeGreaterThan(750);
  });

  it("keeps all of the examples with comments, blank lines and spaces", () => {
    fc.assert(
      fc.property(fc.constantFrom(...TEXTS), gaps, (text, between) => {
        holdsOf(scattered(text, between));
      }),
      { numRuns: 300 },
    );
  });

  it("forgets how a text without comments was laid out", () => {
    fc.assert(
      fc.property(expr, fc.array(fc.constantFrom(" ", "\n", "\t "), { minLength: 1 }), (e, spaces) => {
        const file = read("fn f() = 0");
        const [f] = file?.definitions ?? [];
        if (f?.kind !== "fn") return;
        const text = print({ ...file, definitions: [{ ...f, body: e }] } as ast.File);
        const other = scattered(text, spaces);
        fc.pre(read(other) !== undefined);
        expect(formatted(other)).toBe(formatted(text));
      }),
      { numRuns: 300 },
    );
  });

  it("reads any string without throwing", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
        holdsOf(text);
      }),
    );
  });
});
