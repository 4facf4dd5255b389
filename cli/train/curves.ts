/** The curves of a run as a self-contained SVG: loss and accuracy over the steps, of training and of validation. */
import { scaleFor } from "../plot.ts";
import { COLORS, dots, drawing, type Point, polyline, round, text } from "../svg.ts";
import type { Line } from "./metrics.ts";

interface Panel {
  readonly label: string;
  readonly training: readonly Point[];
  readonly validation: readonly Point[];
  readonly top: number;
  readonly ticks: readonly number[];
}

const WIDTH = 920;
const HEIGHT = 400;
const PANEL = { width: 400, left: 52, top: 84, bottom: 346 };
/** Training is drawn as the mean of so many stretches of steps, so that single batches do not hide its course. */
const STRETCHES = 200;
const [TRAINING, VALIDATION] = COLORS as [string, string];

export function curves(title: string, subtitle: string, lines: readonly Line[]): string {
  const last = lines.at(-1)?.step ?? 1;
  const panels = [panelOf("loss, nats", "loss", lines), panelOf("accuracy", "accuracy", lines)];
  return drawing({ width: WIDTH, height: HEIGHT, title }, [
    text([16, 26], title, { size: 17, fill: "#111" }),
    text([16, 46], subtitle),
    text([PANEL.left, 70], "● training", { fill: TRAINING }),
    text([PANEL.left + 84, 70], "● validation", { fill: VALIDATION }),
    ...panels.map(
      (panel, i) => `<g transform="translate(${(i * WIDTH) / 2} 0)">\n${drawn(panel, last)}\n</g>`,
    ),
  ]);
}

function panelOf(label: string, of: "loss" | "accuracy", lines: readonly Line[]): Panel {
  const points = (kind: Line["kind"]): Point[] =>
    lines.flatMap((line) =>
      line.kind === kind && Number.isFinite(line[of]) ? [[line.step, line[of]] as const] : [],
    );
  const training = means(points("step"));
  const validation = points("validation");
  const { top, ticks } =
    of === "accuracy"
      ? { top: 1, ticks: [0, 0.25, 0.5, 0.75, 1] }
      : scaleFor([...training, ...validation].map(([, y]) => y));
  return { label, training, validation, top, ticks };
}

/** At most so many points, each the mean of those near it. */
function means(points: readonly Point[]): Point[] {
  const size = Math.ceil(points.length / STRETCHES);
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  return Array.from({ length: Math.ceil(points.length / Math.max(1, size)) }, (_, i) => {
    const near = points.slice(i * size, (i + 1) * size);
    return [mean(near.map(([x]) => x)), mean(near.map(([, y]) => y))] as const;
  });
}

function drawn({ label, training, validation, top, ticks }: Panel, last: number): string {
  const right = PANEL.left + PANEL.width - 40;
  const x = (step: number): number => round(PANEL.left + (step / last) * (right - PANEL.left));
  const y = (value: number): number => round(PANEL.bottom - (value / top) * (PANEL.bottom - PANEL.top));
  const at = (points: readonly Point[]): Point[] => points.map(([a, b]) => [x(a), y(b)]);
  const under = scaleFor([last]).ticks.filter((tick) => tick <= last);
  return [
    ...ticks.flatMap((tick) => [
      `<path d="M${PANEL.left} ${y(tick)}H${right}" stroke="${tick === 0 ? "#555" : "#e3e3e3"}"/>`,
      text([PANEL.left - 8, y(tick) + 4], String(tick), { anchor: "end" }),
    ]),
    ...under.map((tick) => text([x(tick), PANEL.bottom + 18], String(tick), { anchor: "middle" })),
    text([(PANEL.left + right) / 2, PANEL.bottom + 40], "steps", { anchor: "middle", fill: "#333" }),
    text([right, PANEL.top - 14], label, { anchor: "end", size: 13, fill: "#111" }),
    polyline(at(training), TRAINING),
    polyline(at(validation), VALIDATION),
    ...dots(at(validation), VALIDATION),
  ].join("\n");
}
