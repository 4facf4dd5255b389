/** The same plot as a self-contained SVG. */
import { type Series, scaleFor } from "./plot.ts";
import { COLORS, dots, drawing, escapeXml, polyline, round, text } from "./svg.ts";

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
  const grid = ticks.flatMap((t) => [
    line(LEFT, y(t), right, y(t), t === 0 ? "#555" : "#e3e3e3"),
    text([LEFT - 8, y(t) + 4], String(t), { anchor: "end" }),
  ]);
  const under = xs.flatMap((v) => [
    line(x(v), floor, x(v), floor + 5, "#555"),
    text([x(v), floor + 20], String(v), { anchor: "middle" }),
  ]);
  const names = namePlaces(series.map((s) => y(s.points.findLast(([, v]) => Number.isFinite(v))?.[1] ?? 0)));
  const curves = series.flatMap(({ name, points }, i) => {
    const color = COLORS[i % COLORS.length] as string;
    const at = points.filter(([, v]) => Number.isFinite(v)).map(([a, b]) => [x(a), y(b)] as const);
    const label = text([right + 12, (names[i] ?? 0) + 4], name, { fill: color, size: 13 });
    return [polyline(at, color), ...dots(at, color, 3.5), label];
  });
  return drawing({ width: WIDTH, height: HEIGHT, title }, [
    text([LEFT, 28], title, { fill: "#111", size: 17 }),
    text([LEFT, 47], subtitle),
    ...grid,
    ...under,
    text([(LEFT + right) / 2, HEIGHT - 12], xLabel, { anchor: "middle", fill: "#333", size: 13 }),
    `<text transform="translate(18 ${(TOP + floor) / 2}) rotate(-90)" text-anchor="middle" fill="#333" font-size="13">${escapeXml(yLabel)}</text>`,
    ...curves,
  ]);
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
