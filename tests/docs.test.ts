/**
 * The pages for users say what is so: every program in them is compiled, every command is known, and what is
 * generated is current. `npm run docs` writes it anew.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { classOf } from "../cli/explain/parallel.ts";
import { tileForm } from "../compiler/form/tiles.ts";
import { rerun } from "./docs/console.ts";
import { galleryPage } from "./docs/gallery.ts";
import { operationsTable } from "./docs/operations.ts";
import { type Block, blocksOf, pages, pageText, root, withGenerated } from "./docs/pages.ts";
import { compileText, specModel, specNames } from "./support/specs.ts";

/** A fragment is what stands in this model in place of its dots; a choice that it makes is made instead. */
const FRAGMENT_MODEL = `model Example {
  memory     matrix
  bias       l2
  retention  none
  algorithm  gd(0.1)
  …
}
`;

const CHOICE = /^\s*(memory|bias|retention|algorithm)\b/;

function programOf({ marks, text }: Block): string {
  if (!marks.includes("fragment")) return text;
  const chosen = new Set(text.split("\n").map((line) => CHOICE.exec(line)?.[1]));
  const model = FRAGMENT_MODEL.split("\n").filter((line) => {
    const choice = CHOICE.exec(line)?.[1];
    return choice === undefined || !chosen.has(choice);
  });
  return model.join("\n").replace("…", text);
}

const programs = pages.flatMap((page) => blocksOf(page)).filter((b) => b.language === "miras");

describe.each(programs)("$page, line $line", (block) => {
  const wrong = block.marks.indexOf("wrong");
  it(wrong < 0 ? "is clean" : "is told as wrong", () => {
    const codes = compileText(programOf(block)).diagnostics.all.map((d) => `${d.code}: ${d.message}`);
    if (wrong < 0) expect(codes).toEqual([]);
    else expect(codes[0]).toMatch(new RegExp(`^${block.marks[wrong + 1] ?? ".*"}: `));
  });
});

it("every link within the repository leads somewhere", () => {
  const links = pages.flatMap((page) =>
    [...prose(pageText(page)).matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)].map(([, to = ""]) => ({
      page,
      to,
    })),
  );
  const broken = links.filter(({ page, to }) => !leadsSomewhere(page, to));
  expect(broken).toEqual([]);
});

/** A page without its blocks of code. */
const prose = (text: string): string => text.replace(/^```.*?^```$/gms, "");

function leadsSomewhere(page: string, to: string): boolean {
  const [path = "", heading] = to.split("#");
  const target = path === "" ? page : join(page, "..", path);
  if (heading === undefined || !target.endsWith(".md")) return exists(target);
  return exists(target) && anchors(pageText(target)).has(heading);
}

function exists(path: string): boolean {
  try {
    return readdirSync(join(root, path, "..")).includes(path.split("/").at(-1) as string);
  } catch {
    return false;
  }
}

const anchors = (text: string): Set<string> =>
  new Set(
    [...prose(text).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );

it("README.md has every system, with the class of its form", () => {
  const rows = pageText("README.md").matchAll(/^\| `(\w+)`.*\| (\w+) +\|$/gm);
  const told = new Map([...rows].map(([, name = "", of = ""]) => [name, of]));
  const classes = specNames.map((name): [string, string] => [name, classOf(tileForm(specModel(name).rule))]);
  expect([...told].sort()).toEqual(classes.sort());
});

describe("what is generated is current", () => {
  const docs = (name: string): string => join(root, "docs", name);

  it("docs/gallery.md", async () => {
    await expect(galleryPage()).toMatchFileSnapshot(docs("gallery.md"));
  });

  it("docs/language.md", async () => {
    const page = withGenerated(pageText("docs/language.md"), "operations", operationsTable());
    await expect(page).toMatchFileSnapshot(docs("language.md"));
  });

  it("docs/your-own-loss.md", async () => {
    const page = "docs/your-own-loss.md";
    await expect(await rerun(page, pageText(page))).toMatchFileSnapshot(docs("your-own-loss.md"));
  });
});
