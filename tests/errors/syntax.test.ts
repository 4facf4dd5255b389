import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { explanations } from "../../compiler/messages/index.ts";
import { type Diagnostic, Diagnostics } from "../../compiler/source/diagnostic.ts";
import { applyEdits } from "../../compiler/source/fixes.ts";
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
    for (const { fix, message, labels } of all) {
      if (!fix || fix.edits.length === 0) continue;
      const rest = diagnose(`${name}.miras`, applyEdits(text, fix.edits));
      // What was hidden behind it may be told now.
      expect(rest.length, message).toBeLessThanOrEqual(all.length);
      const stays = rest.some(
        (d) => d.message === message && d.labels[0].span.start === labels[0].span.start,
      );
      expect(stays, message).toBe(false);
    }
  });
});
