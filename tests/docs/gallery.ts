/** docs/gallery.md: every spec of specs/, what it chooses, what follows from it, and what was proved. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Page, pageOf } from "../../cli/explain/page.ts";
import { classOf } from "../../cli/explain/parallel.ts";
import { asTex } from "../../cli/explain/tex.ts";
import { choiceText } from "../../cli/words.ts";
import { tileForm } from "../../compiler/form/tiles.ts";
import type { Model } from "../../compiler/pipeline.ts";
import { compileText } from "../support/specs.ts";
import { root } from "./pages.ts";

interface Entry {
  readonly path: string;
  /** The comment at the head of the file, as one paragraph. */
  readonly comment: string;
  readonly text: string;
  readonly models: readonly Model[];
}

function entriesIn(folder: string): Entry[] {
  const names = readdirSync(join(root, folder)).filter((name) => name.endsWith(".miras"));
  return names.sort().map((name) => {
    const path = `${folder}/${name}`;
    const source = readFileSync(join(root, path), "utf8");
    const [head = ""] = /^(?:\/\/.*\n)*/.exec(source) ?? [];
    const { models, diagnostics } = compileText(source, path);
    if (diagnostics.all.length > 0) throw new Error(`${path}: ${diagnostics.all[0]?.message}`);
    const comment = head
      .replace(/^\/\/ ?/gm, "")
      .replaceAll("\n", " ")
      .trim();
    return { path, comment, text: source.slice(head.length).trim(), models };
  });
}

/** `arXiv 2412.06464` as a link. */
const linked = (text: string): string =>
  text.replace(/arXiv (\d{4}\.\d{4,5})/g, "[arXiv $1](https://arxiv.org/abs/$1)");

const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
const code = (text: string): string => `\`${text}\``;
const anchor = (name: string): string => `[${name}](#${name.toLowerCase()})`;

const KINDS = ["memory", "bias", "retention", "algorithm"] as const;

const chosen = ({ spec }: Model): string[] =>
  KINDS.map((kind) => {
    const choice = spec.choices.find((c) => c.kind === kind);
    return choice ? code(choiceText(choice, spec)) : "";
  });

const COLUMNS = ["model", ...KINDS, "chunk", "class"];

const table = (entries: readonly Entry[]): string =>
  [
    row(COLUMNS),
    row(COLUMNS.map(() => "---")),
    ...entries.flatMap(({ models }) =>
      models.map((m) =>
        row([anchor(m.spec.name), ...chosen(m), String(m.spec.chunk ?? ""), classOf(tileForm(m.rule))]),
      ),
    ),
  ].join("\n");

/** The page without the steps through a memory that is too deep for one line; `miras explain` has them. */
function shorter(page: Page): Page {
  const isDeep = page.sections.some((s) => s.key === "read");
  return isDeep
    ? { ...page, sections: page.sections.filter((s) => s.key !== "read" && s.key !== "gradient") }
    : page;
}

function proved(page: Page): string[] {
  const rows = page.sections.find((s) => s.key === "expected")?.rows ?? [];
  return rows.flatMap((r) => (r.kind === "fact" ? [`- ${code(r.text)}: ${r.note ?? ""}`] : []));
}

function modelText(model: Model): string {
  const page = pageOf(model);
  const claims = [...proved(page), `- parallel form: ${classOf(page.form)}`];
  const tex = asTex(shorter(page))
    .replace(/^%.*\n/gm, "")
    .replace(/^ *%.*\n/gm, "");
  return [`\`\`\`math\n${tex}\`\`\``, claims.join("\n")].join("\n\n");
}

function entryText({ path, comment, text, models }: Entry): string {
  const [first, ...others] = models;
  if (!first) throw new Error(`${path} has no model`);
  return [
    `### ${first.spec.name}`,
    linked(comment),
    `[\`${path}\`](../${path})`,
    `\`\`\`miras\n${text}\n\`\`\``,
    modelText(first),
    ...others.flatMap((m) => [`#### ${m.spec.name}`, modelText(m)]),
  ].join("\n\n");
}

export function galleryPage(): string {
  const published = entriesIn("specs");
  const variants = entriesIn("specs/variants");
  return `# Gallery

Every model of \`specs/\`: what it is, its four choices, its file, the rule that the compiler derives, how each \`expect\`
was proved (symbolically, or in f64 at random points), and how the tokens of a tile can be computed together. The rule is
what \`miras explain FILE --tex\` prints, less the steps through memories that are deep. This page is generated; \`npm run
docs\` writes it.

A tile is some tokens in a row, and its form is exact: however long a tile is, the result is the same. The compiler proves
one of these classes, from the operations of the rule alone:

| class | what a token writes into the memory |
| --- | --- |
| associative | does not depend on the memory |
| triangular | is affine in what it reads of the memory: a tile solves one triangular system |
| substitution | follows from what it reads in any other way: a tile is solved by forward substitution |
| frozen | depends on the memory where the chunk starts |
| streaming | is the token itself, which is kept as it is |
| sequential | cannot be had for many tokens at once, and the page says why |

${table(published)}

Of these there is no publication, or none that is all of it:

${table(variants)}

## Published models

${published.map(entryText).join("\n\n")}

## Variants

${variants.map(entryText).join("\n\n")}
`;
}
