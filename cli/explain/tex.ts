/** The page's mathematics as one TeX `align*` block, each section under a comment. */
import { showName } from "./notation.ts";
import { type Equation, type Page, rightSide } from "./page.ts";

export const leftTex = ({ left }: Equation): string =>
  typeof left === "string" ? (left === "" ? "" : showName(left, "tex")) : left.tex;

export const rightTex = (row: Equation, page: Page): string => rightSide(row, page.spec, "tex").join(" = ");

export function asTex(page: Page): string {
  const lines: string[] = [];
  for (const { title, rows } of page.sections) {
    const equations = rows.filter((r) => r.kind === "equation");
    if (equations.length === 0) continue;
    lines.push(`  % ${title}`);
    for (const e of equations) {
      const note = e.note === undefined ? "" : ` && \\text{${texText(e.note)}}`;
      lines.push(`  ${leftTex(e)} &= ${rightTex(e, page)}${note} \\\\`);
    }
  }
  const last = lines.pop();
  if (last !== undefined) lines.push(last.replace(/ \\\\$/, ""));
  return `% ${page.name}, ${page.path}\n\\begin{align*}\n${lines.join("\n")}\n\\end{align*}\n`;
}

const SYMBOLS: Readonly<Record<string, string>> = {
  "₀": "$_0$",
  "∇": "$\\nabla$",
  ℓ: "$\\ell$",
  "∂": "$\\partial$",
};

const texText = (text: string): string => text.replace(/[₀∇ℓ∂_#%&$]/g, (c) => SYMBOLS[c] ?? `\\${c}`);
