/** Lines over the length, both scales logarithmic: a panel for each thing that is compared. */
import { dots, drawing, polyline, round, text } from "../cli/svg.ts";
import type { Machine } from "./machine.ts";

export interface Plot {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Panel {
  readonly title: string;
  /** By the name of what was measured. */
  readonly lines: ReadonlyMap<string, readonly Point[]>;
}

export interface Point {
  readonly T: number;
  readonly value: number;
}

const PANEL = { width: 300, height: 230, left: 52, right: 14, top: 34, bottom: 34 };
const COLUMNS = 3;
const HEAD = 70;
const LEGEND = 20;
/** About the width of one. */
const LETTER = 7;
/** Told apart by people with any colour vision (Okabe and Ito). */
const COLORS = ["#0072b2", "#56b4e9", "#000000", "#d55e00", "#009e73", "#cc79a7", "#e69f00"];

export function chart({ title, panels }: Plot, machine: Machine): string {
  const names = [...new Set(panels.flatMap(({ lines }) => [...lines.keys()]))];
  const color = (name: string): string => COLORS[names.indexOf(name) % COLORS.length] as string;
  const width = COLUMNS * PANEL.width;
  const height = HEAD + LEGEND + Math.ceil(panels.length / COLUMNS) * PANEL.height;
  return drawing({ width, height, title }, [
    text([16, 26], title, { size: 17, fill: "#111" }),
    text([16, 46], `${machine.adapter}; ${machine.date}, ${machine.commit}`),
    ...names.map((name, i) => {
      const before = names.slice(0, i).reduce((sum, each) => sum + LETTER * (each.length + 4), 0);
      return text([16 + before, HEAD], `● ${name}`, { fill: color(name) });
    }),
    ...panels.map((panel, i) => {
      const at = [(i % COLUMNS) * PANEL.width, HEAD + LEGEND + Math.floor(i / COLUMNS) * PANEL.height];
      return `<g transform="translate(${at.join(" ")})">\n${drawn(panel, color)}\n</g>`;
    }),
  ]);
}

function drawn({ title, lines }: Panel, color: (name: string) => string): string {
  const all = [...lines.values()].flat();
  const lengths = [...new Set(all.map(({ T }) => T))].sort((a, b) => a - b);
  const powers = all.map(({ value }) => Math.log10(value));
  const low = Math.floor(Math.min(...powers));
  const high = Math.max(low + 1, Math.ceil(Math.max(...powers)));
  const { left, top } = PANEL;
  const right = PANEL.width - PANEL.right;
  const floor = PANEL.height - PANEL.bottom;
  const along = Math.log2((lengths.at(-1) ?? 2) / (lengths[0] ?? 1)) || 1;
  const x = (T: number): number =>
    round(left + 8 + (Math.log2(T / (lengths[0] ?? 1)) / along) * (right - left - 16));
  const y = (value: number): number =>
    round(floor - ((Math.log10(value) - low) / (high - low)) * (floor - top));
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
  return [
    text([left, 20], title, { size: 13, fill: "#111" }),
    ...ticks.map((tick) => `<path d="M${left} ${y(tick)}H${right}" stroke="#e3e3e3"/>`),
    ...ticks.map((tick) => text([left - 6, y(tick) + 4], label(tick), { anchor: "end" })),
    ...lengths.map((T) => text([x(T), floor + 18], String(T), { anchor: "middle" })),
    ...[...lines].flatMap(([name, points]) => {
      const at = points.map(({ T, value }) => [x(T), y(value)] as const);
      return [polyline(at, color(name)), ...dots(at, color(name))];
    }),
  ].join("\n");
}

/** A power of ten. */
const label = (tick: number): string =>
  tick < 1e-3 ? tick.toExponential(0) : String(Number(tick.toPrecision(1)));
