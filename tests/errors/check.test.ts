/** Bad programs that parse, each with what its author is told; every fix that a tool can apply helps. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { messages } from "../../compiler/messages/index.ts";
import { applyEdits } from "../../compiler/source/fixes.ts";
import { renderDiagnostics } from "../../compiler/source/render.ts";
import { compileText } from "../support/specs.ts";

const directory = join(import.meta.dirname, "check");
const programs = readdirSync(directory)
  .filter((name) => name.endsWith(".miras"))
  .map((name) => basename(name, ".miras"));

const told = new Set<string>();

describe.each(programs)("%s", (name) => {
  const text = readFileSync(join(directory, `${name}.miras`), "utf8");
  const diagnose = (program: string) => compileText(program, `${name}.miras`).diagnostics.all;
  const all = diagnose(text);
  for (const d of all) told.add(d.code);

  it("is told well", async () => {
    expect(all.length).toBeGreaterThan(0);
    await expect(`${renderDiagnostics(all, { color: false })}\n`).toMatchFileSnapshot(
      join(directory, `${name}.txt`),
    );
  });

  it("has fixes that fix", () => {
    for (const { fix, code, labels } of all) {
      if (!fix || fix.edits.length === 0) continue;
      const rest = diagnose(applyEdits(text, fix.edits));
      // One wrong name in many places is told of once, in the first of them.
      const stays = rest.some((d) => d.code === code && d.labels[0].span.start === labels[0].span.start);
      expect(stays, code).toBe(false);
    }
  });
});

it("every diagnostic of the checker is met", () => {
  // A file without a model is the command line's to refuse.
  const elsewhere = new Set(["no-model"]);
  const missed = Object.keys(messages).filter((code) => !told.has(code) && !elsewhere.has(code));
  expect(missed).toEqual([]);
});
