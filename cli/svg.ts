/** Pieces of a drawing as SVG: what all charts here are made of. */

export type Point = readonly [x: number, y: number];

/** Told apart by people with any colour vision (Okabe and Ito). */
export const COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"];

export interface TextStyle {
  readonly size?: number;
  readonly fill?: string;
  readonly anchor?: "start" | "middle" | "end";
}

/** A whole drawing, with a name for who does not see it. */
export const drawing = (
  { width, height, title }: { readonly width: number; readonly height: number; readonly title: string },
  parts: readonly string[],
): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" role="img" aria-label="${escapeXml(title)}">
${[`<rect width="${width}" height="${height}" fill="#fff"/>`, ...parts].join("\n")}
</svg>
`;

export const text = (
  [x, y]: Point,
  content: string,
  { size = 12, fill = "#555", anchor = "start" }: TextStyle = {},
): string =>
  `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="${fill}" font-size="${size}">${escapeXml(content)}</text>`;

/** A line through points. */
export const polyline = (points: readonly Point[], color: string, width = 2): string =>
  `<polyline points="${points.map((p) => p.map(round).join(",")).join(" ")}" fill="none" stroke="${color}" stroke-width="${width}"/>`;

export const dots = (points: readonly Point[], color: string, radius = 3): string[] =>
  points.map(([x, y]) => `<circle cx="${round(x)}" cy="${round(y)}" r="${radius}" fill="${color}"/>`);

export const round = (v: number): number => Math.round(v * 10) / 10;

export const escapeXml = (content: string): string =>
  content.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c] ?? c);
