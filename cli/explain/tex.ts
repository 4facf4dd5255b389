/** The page's mathematics as one TeX `align*` block, each section under a comment. */
import { wrap } from "../words.ts";
import { showName } from "./notation.ts";
import type { Page } from "./page.ts";
import { type Equation, rightSide, type Words } from "./rows.ts";

export const leftTex = ({ left }: Equation): string =>
  typeof left === "string" ? (left === "" ? "" : showName(left, "tex")) : left.tex;

export const rightTex = (row: Equation, page: Page): string => rightSide(row, page.spec, "tex").join(" = ");

export function asTex(page: Page): string {
  const lines: string[] = [];
  for (const { title, rows } of page.sections) {
    const told = rows.filter((r) => r.kind !== "fact");
    if (told.length === 0) continue;
    lines.push(`  % ${title}`);
    const said = told.flatMap((row) => (row.kind === "words" ? says(row) : [equals(row, page)]));
    lines.push(...said.map((line) => `  ${line} \\\\`));
  }
  const last = lines.pop();
  if (last !== undefined) lines.push(last.replace(/ \\\\$/, ""));
  return `% ${page.name}, ${page.path}\n\\begin{align*}\n${lines.join("\n")}\n\\end{align*}\n`;
}

/** TeX breaks no line by itself. */
const WIDEST = 90;

const says = ({ text }: Words): string[] =>
  wrap(text, WIDEST)
    .split("\n")
    .map((line) => `& \\text{${texText(line)}}`);

function equals(row: Equation, page: Page): string {
  const note = row.note === undefined ? "" : ` && \\text{${texText(row.note)}}`;
  return `${leftTex(row)} &= ${rightTex(row, page)}${note}`;
}

const SYMBOLS: Readonly<Record<string, string>> = {
  "₀": "$^{(0)}$",
  "∇": "$\\nabla$",
  ℓ: "$\\ell$",
  "∂": "$\\partial$",
  "−": "$-$",
  ᵀ: "$^{\\top}$",
  ₜ: "$_t$",
};

const texText = (text: string): string =>
  text
    .replace(/[₀ₜ∇ℓ∂−ᵀ_#%&$]/g, (c) => SYMBOLS[c] ?? `\\${c}`)
    .replace(/[α-ω]/g, (letter) => `$${showName(letter, "tex")}$`);
