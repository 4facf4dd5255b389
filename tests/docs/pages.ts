/** The pages for users, and the blocks of code in them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const root = join(import.meta.dirname, "../..");

export interface Block {
  readonly page: string;
  readonly line: number;
  readonly language: string;
  /** What follows the language: `miras wrong`. */
  readonly marks: readonly string[];
  readonly text: string;
}

/** `README.md`, and what is in docs/ but the page of diagnostics, whose wrong programs have a test of their own. */
export const pages: readonly string[] = [
  "README.md",
  "CONTRIBUTING.md",
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md") && name !== "errors.md")
    .sort()
    .map((name) => `docs/${name}`),
];

export const pageText = (page: string): string => readFileSync(join(root, page), "utf8");

const FENCE = /^```(\S+)([^\n]*)\n(.*?)^```$/gms;

export const blocksOf = (page: string, text = pageText(page)): Block[] =>
  [...text.matchAll(FENCE)].map(({ 1: language = "", 2: marks = "", 3: body = "", index }) => ({
    page,
    line: text.slice(0, index).split("\n").length,
    language,
    marks: marks.trim().split(/\s+/).filter(Boolean),
    text: body,
  }));

/** A page with what stands between `<!-- NAME: generated -->` and `<!-- end -->` made anew. */
export function withGenerated(text: string, name: string, made: string): string {
  const [open, end] = [`<!-- ${name}: generated -->`, "<!-- end -->"];
  const from = text.indexOf(open) + open.length;
  const to = text.indexOf(end, from);
  if (from < open.length || to < 0) throw new Error(`there is no part \`${name}\``);
  return `${text.slice(0, from)}\n\n${made.trim()}\n\n${text.slice(to)}`;
}
