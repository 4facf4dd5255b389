/** Tables in Markdown, and the numbers in them. */

/** Columns of one width, so that the source is a table too. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...all.map((row) => (row[i] ?? "").length)));
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, i) => (cells[i] ?? "").padEnd(width)).join(" | ")} |`;
  return [line(head), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...rows.map(line), ""];
}

export const digits = (x: number): string => (x >= 100 ? x.toFixed(0) : x.toPrecision(x < 1 ? 2 : 3));
export const power = (x: number): string => x.toExponential(1);
export const firstLine = (text: string): string => (text.split("\n", 1)[0] ?? "").replaceAll("|", "\\|");
