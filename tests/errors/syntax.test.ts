import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { explanations } from "../../compiler/messages/index.ts";
import { type Diagnostic, Diagnostics, type Edit } from "../../compiler/source/diagnostic.ts";
import { renderDiagnostics } from "../../compiler/source/render.ts";
import { parse } from "../../grammar/parse.ts";

const directory = join(import.meta.dirname, "syntax");
const programs = readdirSync(directory)
  .filter((name) => name.endsWith(".miras"))
  .map((name) => basename(name, ".miras"));

function diagnose(path: string, text: string): readonly Diagnostic[] {
  const diagnostics = new Diagnostics();
  parse({ path, text }, diagnostics);
  return diagnostics.all;
}

const apply = (text: string, edits: readonly Edit[]): string =>
  edits
    .toSorted((a, b) => b.span.start - a.span.start)
    .reduce((all, { span, insert }) => all.slice(0, span.start) + insert + all.slice(span.end), text);

describe.each(programs)("%s", (name) => {
  const text = readFileSync(join(directory, `${name}.miras`), "utf8");
  const all = diagnose(`${name}.miras`, text);

  it("is told well", async () => {
    expect(all.length).toBeGreaterThan(0);
    await expect(`${renderDiagnostics(all, { color: false })}\n`).toMatchFileSnapshot(
      join(directory, `${name}.txt`),
    );
  });

  it("has codes that can be explained", () => {
    for (const { code } of all) expect(explanations.has(code), code).toBe(true);
  });

  it("has fixes that fix", () => {
    for (const { fix, message } of all) {
      if (!fix) continue;
      const rest = diagnose(`${name}.miras`, apply(text, fix.edits));
      expect(rest.length, message).toBeLessThan(all.length);
    }
  });
});
