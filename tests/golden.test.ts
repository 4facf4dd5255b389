/** What each stage of the compiler makes of each spec, word for word. `npx vitest run -u` writes them anew. */
import { join } from "node:path";
import pc from "picocolors";
import { describe, expect, test } from "vitest";
import { layOut } from "../cli/explain/layout.ts";
import { pageOf } from "../cli/explain/page.ts";
import { STAGES, stageText } from "../cli/explain/stages.ts";
import { asTex } from "../cli/explain/tex.ts";
import { compile } from "../compiler/pipeline.ts";
import { prelude, specFile, specNames } from "./support/specs.ts";

const plain = pc.createColors(false);

/** One spec of each shape that the later stages know; what those say of the others is tested by its numbers. */
const IN_FULL: ReadonlySet<string> = new Set([
  "deltanet",
  "gated_deltanet",
  "gla",
  "linear_attention",
  "titans",
  "yaad",
]);

describe.each(specNames)("%s", (name) => {
  const { models } = compile(specFile(name), prelude);
  const golden = (stage: string): string => join(import.meta.dirname, "golden", name, `${stage}.txt`);
  const all = (text: (model: (typeof models)[number]) => string): string => models.map(text).join("\n");

  test("explain", async () => {
    await expect(all((m) => layOut(pageOf(m), plain))).toMatchFileSnapshot(golden("explain"));
  });

  if (!IN_FULL.has(name)) return;

  test.each(STAGES)("%s", async (stage) => {
    await expect(all((m) => stageText(m, stage))).toMatchFileSnapshot(golden(stage));
  });

  test("tex", async () => {
    await expect(all((m) => asTex(pageOf(m)))).toMatchFileSnapshot(golden("tex"));
  });
});
