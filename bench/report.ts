/** The results as Markdown that reads as well in a terminal, and as JSON. */
import { grouped } from "./grouped.ts";
import { load } from "./machine.ts";
import { BOUND, type Row } from "./race.ts";
import { ourBest, type Race, type Rates, type Results, ratesOf, titleOf } from "./results.ts";
import { D, H } from "./task.ts";

export function markdown(results: Results, chart: string | undefined): string {
  const { machine, products, races, decoding, compiling, faults } = results;
  return [
    `# ${machine.adapter}`,
    "",
    `${machine.processor}, Node.js ${machine.node}, ${machine.date}, commit ${machine.commit}. Load at the start ${machine.load}, at the end ${load()}.`,
    "",
    `Forward, B = 1, H = ${H}, dk = dv = ${D}, f32. Medians of warm runs taken in turn, each until the device is done, and where the machine has other work the least time says more; every result agrees with f64 to an RMS ratio of ${BOUND} or is not timed. \`npm run bench\` makes this page.`,
    "",
    ...(machine.load > machine.processors / 2 ? [BUSY, ""] : []),
    ...(chart ? [`![Time a token over the length](${chart})`, ""] : []),
    ...summary(races),
    ...workloadsOf(races).flatMap((of) => raceTable(of, results)),
    "## What times include",
    "",
    ...includes(races.flatMap((race) => race.rows)),
    "",
    "`cold` is one measurement: from the spec's text or the model to the end of the first run, what the driver compiles included. The driver's cache on disk is off, but what compiled at one length may be warm at the next.",
    "",
    "## Matrix products",
    "",
    "The best rate of plain WGSL here, by the least time of its runs; rows above are a part of it by their least time. The recurrences hold their state in registers and use each number they load more than once, so a part above 1 is possible.",
    "",
    ...table(
      ["product", "GFLOP/s", "error"],
      products.map((p) => [p.kernel, digits(p.gflops), p.error.toExponential(1)]),
    ),
    "## Decoding, one token a call",
    "",
    ...table(
      ["spec", "who", "µs a token", "error", "includes"],
      decoding.flatMap(({ workload, rows }) =>
        rows.map((row) =>
          row.kind === "timed"
            ? [
                workload.name,
                row.decoder.name,
                digits(row.microseconds),
                row.error.toExponential(1),
                row.decoder.includes,
              ]
            : [workload.name, row.decoder.name, "—", "—", firstLine(row.why)],
        ),
      ),
    ),
    "## Compile time, text to WGSL, warm",
    "",
    ...table(
      ["spec", "ms"],
      compiling.map(({ spec, milliseconds, why }) => [
        spec,
        milliseconds === undefined ? firstLine(why) : digits(milliseconds),
      ]),
    ),
    ...(faults.length > 0 ? ["## Faults", "", ...faults.map((fault) => `- ${firstLine(fault)}`), ""] : []),
  ].join("\n");
}

/** For tools: the same numbers without the prose. */
export function json({ machine, products, races, decoding, compiling, faults }: Results): string {
  const named = races.flatMap((race) =>
    race.rows.map(({ contender, ...row }) => ({
      spec: race.workload.name,
      class: race.workload.tileClass,
      T: race.T,
      load: race.load,
      who: contender.name,
      ...row,
      ...(row.kind === "timed" ? ratesOf(race, row, { heads: H, width: D, products }) : {}),
    })),
  );
  const decoded = decoding.flatMap(({ workload, rows }) =>
    rows.map(({ decoder, ...row }) => ({ spec: workload.name, who: decoder.name, ...row })),
  );
  return `${JSON.stringify({ machine, products, rows: named, decoding: decoded, compiling, faults }, undefined, 2)}\n`;
}

const BUSY =
  "**The machine was busy with other work.** Times are longer than it needs, ratios waver, and a run on the machine alone would say more.";

/** How many times our time each of the others takes, the rows where we lose among them. */
function summary(races: readonly Race[]): string[] {
  const lengths = [...new Set(races.map(({ T }) => T))].sort((a, b) => a - b);
  const others = [
    ...new Set(
      races.flatMap(({ rows }) => rows.filter((r) => !r.contender.ours).map((r) => r.contender.name)),
    ),
  ];
  const rows = workloadsOf(races).flatMap((of) =>
    others.map((other) => [
      of[0]?.workload.name ?? "",
      other,
      ...lengths.map((T) => {
        const race = of.find((r) => r.T === T);
        const row = race?.rows.find((r) => r.contender.name === other);
        const ours = race && ourBest(race);
        return row?.kind === "timed" && ours !== undefined ? `${digits(row.milliseconds / ours)}×` : "—";
      }),
    ]),
  );
  const some = rows.filter((row) => row.slice(2).some((cell) => cell !== "—"));
  return [
    "## Their time over that of our fastest form",
    "",
    "Below 1× the other is faster.",
    "",
    ...table(["spec", "who", ...lengths.map((T) => `T = ${T}`)], some),
  ];
}

function raceTable(of: readonly Race[], { products }: Results): string[] {
  const [first] = of;
  if (!first) return [];
  const { counted } = first.workload;
  const rows = of.flatMap((race) => {
    const ours = ourBest(race);
    return race.rows.map((row) => {
      const start = [String(race.T), row.contender.name];
      if (row.kind === "not timed") return [...start, firstLine(row.why), "", "", "", "", "", "", ""];
      const rates = ratesOf(race, row, { heads: H, width: D, products });
      return [
        ...start,
        digits(row.milliseconds),
        `${digits(row.least)} to ${digits(row.most)}`,
        ours === undefined ? "—" : `${digits(row.milliseconds / ours)}×`,
        ...rateCells(rates),
        String(Math.round(row.cold)),
        row.error.toExponential(1),
      ];
    });
  });
  return [
    `## ${titleOf(first.workload)}`,
    "",
    `Arithmetic: ${counted}.`,
    "",
    ...table(
      [
        "T",
        "who",
        "ms",
        "least to most",
        "over ours",
        "µs a token",
        "GFLOP/s",
        "of product",
        "cold ms",
        "error",
      ],
      rows,
    ),
  ];
}

const rateCells = ({ microsecondsPerToken, gflops, ofProduct }: Rates): string[] => [
  digits(microsecondsPerToken),
  digits(gflops),
  digits(ofProduct),
];

function includes(rows: readonly Row[]): string[] {
  const said = new Map(rows.map(({ contender }) => [contender.name, contender.includes]));
  return [...said].map(([name, what]) => `- ${name}: ${what}.`);
}

const workloadsOf = (races: readonly Race[]): Race[][] => [
  ...grouped(races, ({ workload }) => workload).values(),
];

/** Columns of one width, so that the source is a table too. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...all.map((row) => (row[i] ?? "").length)));
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, i) => (cells[i] ?? "").padEnd(width)).join(" | ")} |`;
  return [line(head), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...rows.map(line), ""];
}

const digits = (x: number): string => (x >= 100 ? x.toFixed(0) : x.toPrecision(x < 1 ? 2 : 3));
const firstLine = (text: string): string => (text.split("\n", 1)[0] ?? "").replaceAll("|", "\\|");
