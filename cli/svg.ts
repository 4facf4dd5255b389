/** The same plot as a self-contained SVG. */
import { type Series, scaleFor } from "./plot.ts";

export interface ChartOptions {
  readonly title: string;
  readonly subtitle: string;
  readonly xLabel: string;
  readonly yLabel: string;
}

const WIDTH = 720;
const HEIGHT = 440;
const LEFT = 64;
const RIGHT = 160;
const TOP = 72;
const BOTTOM = 56;
/** Least distance between two names at the right. */
const NAME = 17;

/** Told apart by people with any colour vision (Okabe and Ito). */
export const COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"];

export function chart(series: readonly Series[], { title, subtitle, xLabel, yLabel }: ChartOptions): string {
  const all = series.flatMap((s) => s.points);
  const { top, ticks } = scaleFor(all.map(([, y]) => y));
  const xs = [...new Set(all.map(([x]) => x))].sort((a, b) => a - b);
  const low = Math.log(xs[0] ?? 1);
  const span = Math.log(xs.at(-1) ?? 1) - low || 1;
  const right = WIDTH - RIGHT;
  const floor = HEIGHT - BOTTOM;
  const x = (v: number): number => round(LEFT + ((Math.log(v) - low) / span) * (right - LEFT));
  const y = (v: number): number => round(floor - (v / top) * (floor - TOP));
  const line = (x1: number, y1: number, x2: number, y2: number, stroke: string): string =>
    `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${stroke}"/>`;
  const text = (
    at: readonly [number, number],
    anchor: string,
    fill: string,
    content: string,
    size = 12,
  ): string =>
    `<text x="${at[0]}" y="${at[1]}" text-anchor="${anchor}" fill="${fill}" font-size="${size}">${escapeXml(content)}</text>`;
  const grid = ticks.flatMap((t) => [
    line(LEFT, y(t), right, y(t), t === 0 ? "#555" : "#e3e3e3"),
    text([LEFT - 8, y(t) + 4], "end", "#555", String(t)),
  ]);
  const under = xs.flatMap((v) => [
    line(x(v), floor, x(v), floor + 5, "#555"),
    text([x(v), floor + 20], "middle", "#555", String(v)),
  ]);
  const names = namePlaces(series.map((s) => y(s.points.findLast(([, v]) => Number.isFinite(v))?.[1] ?? 0)));
  const curves = series.flatMap(({ name, points }, i) => {
    const color = COLORS[i % COLORS.length] as string;
    const dots = points.filter(([, v]) => Number.isFinite(v)).map(([a, b]) => [x(a), y(b)] as const);
    return [
      `<polyline points="${dots.map((d) => d.join(",")).join(" ")}" fill="none" stroke="${color}" stroke-width="2"/>`,
      ...dots.map(([a, b]) => `<circle cx="${a}" cy="${b}" r="3.5" fill="${color}"/>`),
      text([right + 12, (names[i] ?? 0) + 4], "start", color, name, 13),
    ];
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="system-ui, sans-serif" role="img" aria-label="${escapeXml(title)}">
${[
  `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
  text([LEFT, 28], "start", "#111", title, 17),
  text([LEFT, 47], "start", "#555", subtitle),
  ...grid,
  ...under,
  text([(LEFT + right) / 2, HEIGHT - 12], "middle", "#333", xLabel, 13),
  `<text transform="translate(18 ${(TOP + floor) / 2}) rotate(-90)" text-anchor="middle" fill="#333" font-size="13">${escapeXml(yLabel)}</text>`,
  ...curves,
].join("\n")}
</svg>
`;
}

/** Where the names stand: by the ends of their curves, moved apart where these are close. */
function namePlaces(ends: readonly number[]): number[] {
  const order = [...ends.keys()].sort((a, b) => (ends[a] as number) - (ends[b] as number));
  const places = [...ends];
  let least = TOP;
  for (const i of order) {
    places[i] = Math.max(least, ends[i] as number);
    least = (places[i] as number) + NAME;
  }
  return places;
}

const round = (v: number): number => Math.round(v * 10) / 10;

export const escapeXml = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c] ?? c);
