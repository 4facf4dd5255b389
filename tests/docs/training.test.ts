/** What docs/training.md shows of files and results is what a run gives. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { DEFAULTS } from "../../cli/train/settings.ts";
import { MOST_LOSSES } from "../../runtime/training/loop.ts";
import { file, mirasMaking, scratch } from "../cli/support.ts";
import { fakes } from "../cli/train/fakes.ts";
import { blocksOf, pageText } from "./pages.ts";

const PAGE = "docs/training.md";

/** Objects and lists with what kind of value each place holds. */
function shapeOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return typeof value;
  if (Array.isArray(value)) return value.map(shapeOf);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, shapeOf(member)]));
}

it("shows the files and the results that there are", async () => {
  const run = scratch("run");
  const text = file("book.txt", "a text to learn from. ".repeat(30));
  const argv = ["train", file("net.miras", "// a network\n"), "--data", text, "--tokenizer", "characters"];
  const sizes = ["--steps", "3", "--batch", "1", "--length", "8"];
  const { out } = await mirasMaking(fakes(), {}, ...argv, ...sizes, "--out", run, "--json");
  const lines = readFileSync(join(run, "metrics.jsonl"), "utf8").trimEnd().split("\n");
  const shown = (mark: string): unknown => {
    const block = blocksOf(PAGE).find(({ language, marks }) => language === "json" && marks.includes(mark));
    return shapeOf(JSON.parse(block?.text ?? ""));
  };
  expect(shown("step")).toEqual(shapeOf(JSON.parse(lines[0] as string)));
  expect(shown("validation")).toEqual(shapeOf(JSON.parse(lines.at(-1) as string)));
  expect(shown("result")).toEqual(shapeOf(JSON.parse(out)));
  const files = [...pageText(PAGE).matchAll(/^\| `([\w.-]+)/gm)].map(([, name]) => name);
  expect(files.sort()).toEqual(readdirSync(run).sort());
});

it("states the numbers that hold", () => {
  const page = pageText(PAGE).replaceAll("\n", " ");
  expect(DEFAULTS.keep).toBe(3);
  expect(page).toContain("the last three checkpoints");
  expect(MOST_LOSSES).toBe(3);
  expect(page).toContain("four times in a row");
});
