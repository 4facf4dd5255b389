/** Lines in a terminal: braille dots for the lines, a mark of its own for each series' points. */
import type { Colors } from "./io.ts";

export interface Series {
  readonly name: string;
  /** In order of x; y that is not finite leaves a gap. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface PlotOptions {
  readonly columns: number;
  readonly rows: number;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly colors: Colors;
}

export const MARKS = ["●", "▲", "■", "◆", "○", "△", "□", "◇"];
type Paint = (text: string) => string;
export const paints = (c: Colors): Paint[] => [c.cyan, c.yellow, c.magenta, c.green, c.blue, c.red];

/** A scale over round numbers that holds all of the values, from 0. */
export function scaleFor(values: readonly number[]): { top: number; ticks: readonly number[] } {
  const largest = Math.max(0, ...values.filter(Number.isFinite));
  if (largest === 0) return { top: 1, ticks: [0, 0.5, 1] };
  const rough = largest / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((m) => m * power >= rough) ?? 10) * power;
  const n = Math.ceil(largest / step - 1e-9);
  return { top: n * step, ticks: Array.from({ length: n + 1 }, (_, i) => Number((i * step).toPrecision(6))) };
}

/** y over log x. */
export function plot(series: readonly Series[], options: PlotOptions): string {
  const { rows, colors } = options;
  const all = series.flatMap((s) => s.points);
  const { top, ticks } = scaleFor(all.map(([, y]) => y));
  const labels = ticks.map(String);
  const margin = Math.max(...labels.map((l) => l.length)) + 1;
  const width = Math.max(16, options.columns - margin - 2);
  const xs = [...new Set(all.map(([x]) => x))].sort((a, b) => a - b);
  const low = Math.log(xs[0] ?? 1);
  const span = Math.log(xs.at(-1) ?? 1) - low || 1;
  const canvas = new Canvas(width, rows);
  const dotX = (x: number): number => Math.round(((Math.log(x) - low) / span) * (2 * width - 3)) + 1;
  const dotY = (y: number): number => Math.round((1 - y / top) * (4 * rows - 1));
  for (const [i, s] of series.entries()) {
    const dots = s.points.filter(([, y]) => Number.isFinite(y)).map(([x, y]) => [dotX(x), dotY(y)] as const);
    for (const [n, dot] of dots.entries())
      if (n > 0) canvas.line(dots[n - 1] as readonly [number, number], dot, i);
  }
  // Marks over lines, the first series on top.
  for (const [i, s] of [...series.entries()].reverse()) {
    for (const [x, y] of s.points)
      if (Number.isFinite(y)) canvas.mark(dotX(x), dotY(y), MARKS[i % MARKS.length] as string, i);
  }
  const paint = paints(colors);
  const rowOf = new Map(
    ticks.map((t, i) => [Math.min(rows - 1, Math.floor(dotY(t) / 4)), labels[i] as string]),
  );
  const lines = canvas
    .text((i, text) => (paint[i % paint.length] as Paint)(text))
    .map((line, r) => {
      const label = rowOf.get(r);
      return `${colors.dim(`${(label ?? "").padStart(margin)}${label === undefined ? "│" : "┤"}`)}${line}`.trimEnd();
    });
  const axis = Array<string>(width).fill("─");
  const under = Array<string>(width + 8).fill(" ");
  let free = 0;
  for (const x of xs) {
    const column = Math.floor(dotX(x) / 2);
    axis[column] = "┬";
    const text = String(x);
    const start = Math.max(0, column - Math.floor((text.length - 1) / 2));
    if (start < free) continue;
    for (const [j, character] of [...text].entries()) under[start + j] = character;
    free = start + text.length + 1;
  }
  const pad = " ".repeat(margin);
  return [
    `${pad} ${colors.dim(options.yLabel)}`,
    ...lines,
    colors.dim(`${pad}└${axis.join("")}`),
    colors.dim(`${pad} ${under.join("").trimEnd()}  ${options.xLabel}`),
  ].join("\n");
}

/** Cells of two by four dots, as braille has them. */
class Canvas {
  readonly #width: number;
  readonly #dots: Uint8Array;
  readonly #owner: Int16Array;
  readonly #marks = new Map<number, string>();
  readonly #height: number;

  constructor(width: number, height: number) {
    this.#width = width;
    this.#height = height;
    this.#dots = new Uint8Array(width * height);
    this.#owner = new Int16Array(width * height).fill(-1);
  }

  #cell(x: number, y: number): number {
    return Math.floor(y / 4) * this.#width + Math.floor(x / 2);
  }

  line([x0, y0]: readonly [number, number], [x1, y1]: readonly [number, number], owner: number): void {
    const steps = Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0), 1);
    for (let i = 0; i <= steps; i++) {
      const x = Math.round(x0 + ((x1 - x0) * i) / steps);
      const y = Math.round(y0 + ((y1 - y0) * i) / steps);
      const cell = this.#cell(x, y);
      this.#dots[cell] = (this.#dots[cell] ?? 0) | (BITS[y % 4]?.[x % 2] ?? 0);
      this.#owner[cell] = owner;
    }
  }

  mark(x: number, y: number, mark: string, owner: number): void {
    const cell = this.#cell(x, y);
    this.#marks.set(cell, mark);
    this.#owner[cell] = owner;
  }

  text(paint: (owner: number, text: string) => string): string[] {
    return Array.from({ length: this.#height }, (_, row) =>
      Array.from({ length: this.#width }, (__, column) => {
        const cell = row * this.#width + column;
        const dots = this.#dots[cell] ?? 0;
        const text = this.#marks.get(cell) ?? (dots === 0 ? " " : String.fromCodePoint(0x2800 + dots));
        const owner = this.#owner[cell] ?? -1;
        return owner < 0 ? text : paint(owner, text);
      }).join(""),
    );
  }
}

/** The bit of each dot in a braille character, by row and column. */
const BITS = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
] as const;
