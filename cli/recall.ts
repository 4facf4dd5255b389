/** `miras recall`: what memories are for, with no training. */
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { tensorsOf } from "../compiler/math/expr.ts";
import type { Model } from "../compiler/pipeline.ts";
import { writeWhole } from "../runtime/node/files.ts";
import type { Backend } from "./backend.ts";
import { chart } from "./chart.ts";
import { type DeviceName, onBackend } from "./choose.ts";
import { modelsOf } from "./compile.ts";
import { EXIT, UsageError } from "./errors.ts";
import { type Io, Progress } from "./io.ts";
import { MARKS, paints, plot, type Series } from "./plot.ts";
import { type Chosen, chooseGates } from "./recall/gates.ts";
import { type Recall, Recaller } from "./recall/measure.ts";
import { count } from "./words.ts";

export interface RecallOptions {
  readonly pairs: readonly number[];
  readonly dk: number;
  readonly dv?: number;
  readonly seed: number;
  readonly draws: number;
  readonly noise: number;
  readonly outliers: number;
  readonly device?: DeviceName;
  readonly svg?: string;
  readonly json?: boolean;
}

interface Measured {
  readonly name: string;
  readonly model: Model;
  readonly gates: Chosen;
  readonly recalls: readonly Recall[];
}

export async function recall(paths: readonly string[], options: RecallOptions, io: Io): Promise<number> {
  const models = paths.flatMap((path) => {
    const found = modelsOf(path, io);
    if (found.length === 0) throw new UsageError(`${path} defines no model`);
    return found;
  });
  const dv = options.dv ?? options.dk;
  for (const { spec } of models) {
    const [pair] = spec.equalities.required;
    if (pair && dv !== options.dk) {
      throw new UsageError(
        `${spec.name} requires ${pair.join(" = ")}; leave out --dv, or give both one size`,
      );
    }
  }
  for (const { spec } of models) {
    const inputs = new Set(spec.inputs.filter((i) => i.role === "input").map((i) => i.tensor));
    if ([...tensorsOf(spec.key)].some((t) => inputs.has(t))) continue;
    io.err(
      `${io.errColors.yellow("note:")} ${spec.name} takes no key: its own is made of gates, which are the same for every pair here, so that it cannot tell them apart\n`,
    );
  }
  if (options.svg !== undefined && !existsSync(dirname(options.svg))) {
    throw new UsageError(`the directory of ${options.svg} does not exist; create it, or check the path`);
  }
  const task = { dk: options.dk, dv, noise: options.noise, outliers: options.outliers };
  await onBackend(options.device, io, async (backend) => {
    if (!options.json) io.out(heading(options, dv, backend, io));
    const progress = new Progress(io);
    const measured: Measured[] = [];
    for (const model of models) {
      const name = nameOf(model, models);
      const recaller = new Recaller(model, backend, task);
      // Seeds from the other end, so that the gates are not chosen on what is measured.
      const gates = await chooseGates(model.rule, recaller, options.pairs, ~options.seed >>> 0, (tried, of) =>
        progress.say(`${name}: choosing gates, ${tried} of ${of}`),
      );
      const seeds = Array.from({ length: options.draws }, (_, i) => options.seed * 1000 + i);
      const recalls: Recall[] = [];
      for (const pairs of options.pairs) {
        progress.say(`${name}: recalling ${count(pairs, "pair")}`);
        recalls.push(await recaller.run(pairs, seeds, gates.setting));
      }
      measured.push({ name, model, gates, recalls });
    }
    progress.clear();
    io.out(options.json ? asJson(measured, options, dv, backend) : asText(measured, io));
    if (options.svg !== undefined) await writeSvg(options.svg, measured, options, dv, backend, io);
  });
  return EXIT.well;
}

/** The model's name; with its file, where two have one name. */
function nameOf({ spec }: Model, all: readonly Model[]): string {
  const isShared = all.filter((m) => m.spec.name === spec.name).length > 1;
  return isShared ? `${spec.name} (${spec.definition.span.file.path})` : spec.name;
}

const spoilt = ({ noise, outliers }: RecallOptions): string =>
  [
    ...(noise > 0 ? [`, noise of ${noise}`] : []),
    ...(outliers > 0 ? [`, ${+(outliers * 100).toPrecision(3)} % of the values ten times too large`] : []),
  ].join("");

function heading(options: RecallOptions, dv: number, backend: Backend, io: Io): string {
  const c = io.outColors;
  return `${c.bold("recall")} on ${backend.name}
random unit keys of ${options.dk}, values of ${dv}, mean of ${count(options.draws, "draw")}, seed ${options.seed}${spoilt(options)}
`;
}

const series = (measured: readonly Measured[]): Series[] =>
  measured.map(({ name, recalls }) => ({ name, points: recalls.map((r) => [r.pairs, r.error] as const) }));

const ROWS = 14;
const WIDEST = 100;

function asText(measured: readonly Measured[], io: Io): string {
  const c = io.outColors;
  const paint = paints(c);
  const colored = (i: number, text: string): string =>
    (paint[i % paint.length] as (t: string) => string)(text);
  const widths = measured.map((m) => Math.max(14, m.name.length));
  const head = measured.map((m, i) => colored(i, m.name.padStart(widths[i] as number)));
  const rows = (measured[0]?.recalls ?? []).map(({ pairs }, n) => {
    const cells = measured.map(({ recalls }, i) => {
      const { error, matched } = recalls[n] as Recall;
      return `${figure(error)}  ${`${Math.round(matched * 100)} %`.padStart(5)}`.padStart(
        widths[i] as number,
      );
    });
    return `${String(pairs).padStart(5)}  ${cells.join("  ")}`;
  });
  const columns = Math.min(io.columns ?? 80, WIDEST);
  const legend = measured.map(
    ({ name, gates }, i) => `  ${colored(i, `${MARKS[i % MARKS.length]} ${name}`)}${settings(gates)}`,
  );
  return `
${c.dim("error of what is read back, RMS(read − value) / RMS(value), and how many reads are nearest to the right value")}

${c.dim("pairs")}  ${head.join("  ")}
${rows.join("\n")}

${plot(series(measured), { columns, rows: ROWS, xLabel: "pairs", yLabel: "error", colors: c })}

${legend.join("\n")}
`;
}

const figure = (x: number): string =>
  Number.isFinite(x) ? (x >= 100 ? x.toExponential(0) : x.toFixed(3)) : "diverges";

function settings({ setting, pairs }: Chosen): string {
  if (setting.size === 0) return "";
  const values = [...setting].map(([name, value]) => `${name} = ${+value.toPrecision(4)}`).join(", ");
  return `  ${values}, chosen on a separate draw of ${pairs.join(" and ")} pairs`;
}

const asJson = (
  measured: readonly Measured[],
  options: RecallOptions,
  dv: number,
  backend: Backend,
): string =>
  `${JSON.stringify(
    {
      device: backend.name,
      dk: options.dk,
      dv,
      seed: options.seed,
      draws: options.draws,
      noise: options.noise,
      outliers: options.outliers,
      memories: measured.map(({ model, gates, recalls }) => ({
        model: model.spec.name,
        file: model.spec.definition.span.file.path,
        gates: Object.fromEntries(gates.setting),
        gatesChosenOnPairs: gates.pairs,
        results: recalls.map((r) => ({ ...r, error: Number.isFinite(r.error) ? r.error : null })),
      })),
    },
    undefined,
    2,
  )}\n`;

async function writeSvg(
  path: string,
  measured: readonly Measured[],
  options: RecallOptions,
  dv: number,
  backend: Backend,
  io: Io,
): Promise<void> {
  const svg = chart(series(measured), {
    title: "Recall without training",
    subtitle: `random unit keys of ${options.dk}, values of ${dv}, ${count(options.draws, "draw")}${spoilt(options)}; ${backend.name}`,
    xLabel: "pairs written",
    yLabel: "RMS(read − value) / RMS(value)",
  });
  await writeWhole(path, new TextEncoder().encode(svg));
  io.err(`${path}: written\n`);
}
