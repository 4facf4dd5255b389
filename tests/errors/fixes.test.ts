/** The fixes that a tool can apply: none does harm, and what is fixed stays fixed. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Diagnostic, Fix } from "../../compiler/source/diagnostic.ts";
import { applyEdits, applyFixes } from "../../compiler/source/fixes.ts";
import { lineText, positionOf } from "../../compiler/source/lines.ts";
import type { SourceFile } from "../../compiler/source/span.ts";
import { file, miras, scratch } from "../cli/support.ts";
import { compileText } from "../support/specs.ts";

const diagnose = ({ path, text }: SourceFile): readonly Diagnostic[] =>
  compileText(text, path).diagnostics.all;

const programs = ["syntax", "check"].flatMap((folder) =>
  readdirSync(join(import.meta.dirname, folder))
    .filter((name) => name.endsWith(".miras"))
    .map((name) => join(folder, name)),
);

/** A diagnostic with its line, whose number a fix may change. */
const known = ({ code, message, labels: [{ span }] }: Diagnostic): string =>
  [code, message, lineText(span.file, positionOf(span.file, span.start).line)].join("\n");

describe.each(programs)("%s", (name) => {
  const bad = { path: name, text: readFileSync(join(import.meta.dirname, name), "utf8") };
  const before = diagnose(bad);
  const fixable = before.filter((d) => d.fix && d.fix.edits.length > 0);

  it.runIf(fixable.length > 0)("is better after its fixes, and the same after them again", () => {
    const { text, diagnostics } = applyFixes(bad, diagnose);
    // A fix that is left would bring more errors to light than it repairs.
    const harmful = diagnostics.filter((d) => d.fix && d.fix.edits.length > 0);
    for (const { fix } of harmful) {
      const worse = diagnose({ path: name, text: applyEdits(text, fix?.edits ?? []) });
      expect(worse.length).toBeGreaterThan(diagnostics.length);
    }
    const left = new Set(diagnostics.filter((d) => !harmful.includes(d)).map(known));
    for (const d of fixable) expect(left).not.toContain(known(d));
    expect(diagnostics.length).toBeLessThanOrEqual(before.length);
    expect(diagnostics).toEqual(diagnose({ path: name, text }));
    expect(applyFixes({ path: name, text }, diagnose).applied).toEqual([]);
  });
});

describe("applyFixes", () => {
  const text = "abcdef";
  const source = { path: "f.miras", text };
  const error = (at: SourceFile, fix?: Fix): Diagnostic => ({
    severity: "error",
    code: "c",
    message: "m",
    labels: [{ span: { file: at, start: 0, end: 1 }, text: "" }],
    notes: [],
    ...(fix && { fix }),
  });
  const replace = (at: SourceFile, start: number, end: number, insert: string): Fix => ({
    text: "do",
    edits: [{ span: { file: at, start, end }, insert }],
  });

  it("makes those that overlap one after the other", () => {
    const said: string[] = [];
    const { text: fixed, applied } = applyFixes(source, (at) => {
      said.push(at.text);
      const a = at.text.startsWith("abc") ? [error(at, replace(at, 0, 3, "x"))] : [];
      const d = at.text.indexOf("cd");
      const b = at.text.indexOf("f");
      return [
        ...a,
        ...(d >= 0 ? [error(at, replace(at, d, d + 2, "y"))] : []),
        ...(b >= 0 ? [error(at, replace(at, b, b + 1, "z\n"))] : []),
      ];
    });
    expect(said).toEqual(["abcdef", "xdez\n"]);
    expect(fixed).toBe("xdez\n");
    expect(applied.map(({ line, before, after }) => [line, before, after])).toEqual([
      [1, "abcdef", "xdef"],
      [1, "abcdef", "abcdez\n"],
    ]);
  });

  it("leaves out a fix that does harm, and makes the others", () => {
    const { text: fixed, diagnostics } = applyFixes(source, (at) => {
      if (at.text.includes("!")) return [error(at), error(at), error(at)];
      return [
        error(at, replace(at, 1, 2, "!")),
        ...(at.text.includes("f") ? [error(at, replace(at, 5, 6, "F"))] : []),
      ];
    });
    expect(fixed).toBe("abcdeF");
    expect(diagnostics).toHaveLength(1);
  });

  it("ends, even where fixes undo each other or never end", () => {
    const flip = (at: SourceFile) => [error(at, replace(at, 0, 1, at.text[0] === "a" ? "A" : "a"))];
    expect(applyFixes(source, flip).text).toBe("Abcdef");
    const grow = (at: SourceFile) => [error(at, replace(at, 0, 0, "+"))];
    expect(applyFixes(source, grow).text).toBe("++++++++++abcdef");
  });

  it("changes no other file", () => {
    const other = { path: "prelude.miras", text: "abcdef" };
    expect(applyFixes(source, () => [error(source, replace(other, 0, 1, "x"))]).applied).toEqual([]);
  });
});

const BAD = `model Mine {
  memory     matrx
  bias       L2
  retention  decay(alpha)
  algorithm  gd(beta)
  gate alpha in (1, 0)
  gate beta in (0, 1)
}
`;

describe("check --fix", () => {
  it("repairs the file and says what it changed", async () => {
    const path = file("bad.miras", BAD);
    const { code, out } = await miras("check", path, "--fix");
    expect(code).toBe(0);
    expect(out).toContain(`fixed ${path}:2: memory     matrx → memory     matrix\n`);
    expect(out).toContain(`fixed ${path}:6: gate alpha in (1, 0) → gate alpha in (0, 1)\n`);
    expect(out).toContain("1 model in 1 file: no errors");
    expect(readFileSync(path, "utf8")).toBe(
      BAD.replace("matrx", "matrix").replace("L2", "l2").replace("(1, 0)", "(0, 1)"),
    );
  });

  it("leaves what it cannot repair, for tools too", async () => {
    const path = file("bad.miras", `${BAD}bias mine(y, v) = sum(y * w)\n`);
    const { code, out } = await miras("check", path, "--fix", "--json");
    const { ok, fixes, diagnostics } = JSON.parse(out);
    expect(code).toBe(1);
    expect(ok).toBe(false);
    expect(fixes).toHaveLength(3);
    expect(fixes[0]).toMatchObject({
      file: path,
      line: 2,
      code: "unknown-choice",
      after: "  memory     matrix",
    });
    expect(diagnostics).toMatchObject([{ code: "unknown-name" }]);
  });

  it("does not touch a clean file, nor one that is no text", async () => {
    const bytes = Buffer.concat([Buffer.from(BAD), Buffer.from([0x2f, 0x2f, 0xff])]);
    const path = file("bytes.miras", bytes);
    expect(await miras("check", path, "--fix")).toMatchObject({
      code: 2,
      err: expect.stringContaining("is not UTF-8 throughout"),
    });
    expect(readFileSync(path)).toEqual(bytes);
    const clean = file("clean.miras", "fn f(x) = x\n");
    expect((await miras("check", clean, "--fix")).out).not.toContain("fixed");
    expect(readFileSync(scratch("clean.miras"), "utf8")).toBe("fn f(x) = x\n");
  });
});
