/** The results as Markdown that reads as well in a terminal, and as JSON. */
import { type DriftRow, regimes, SHAPE } from "./drift.ts";
import { type Form, forms } from "./forms.ts";
import { grouped } from "./grouped.ts";
import { load } from "./machine.ts";
import { BOUND, type Row } from "./race.ts";
import { ourBest, type Race, type Rates, type Results, ratesOf, titleOf } from "./results.ts";
import { digits, firstLine, power, table } from "./tables.ts";
import { D, H } from "./task.ts";
import { profileSection, trainingSection } from "./training/report.ts";

/** A page with a heading for each section that was measured. */
export function markdown(results: Results, charts: readonly Chart[]): string {
  const { machine, races, drifts, decoding, compiling, cold, training, profiles, faults } = results;
  return [
    `# ${machine.adapter}`,
    "",
    `${machine.processor}, Node.js ${machine.node}, ${machine.date}, commit ${machine.commit}. Load at the start ${machine.load}, at the end ${load()}.`,
    "",
    "All in f32. `npm run bench` makes this page.",
    "",
    ...(machine.load > machine.processors / 2 ? [BUSY, ""] : []),
    ...charts.flatMap(({ title, file }) => [`![${title}](${file})`, ""]),
    ...(races.length > 0 ? timeSections(results) : []),
    ...(drifts.length > 0 ? driftSection(drifts) : []),
    ...(decoding.length > 0 ? decodingSection(decoding) : []),
    ...(compiling.length > 0 ? compilingSection(compiling) : []),
    ...(cold.length > 0 ? coldSection(cold) : []),
    ...(training.length > 0 ? trainingSection(training) : []),
    ...profiles.flatMap(profileSection),
    ...(faults.length > 0 ? ["## Faults", "", ...faults.map((fault) => `- ${firstLine(fault)}`), ""] : []),
  ].join("\n");
}

export interface Chart {
  readonly title: string;
  /** Beside the page. */
  readonly file: string;
}

/** For tools: the same numbers without the prose. */
export function json(results: Results): string {
  const { machine, products, races, drifts, decoding, compiling, cold, training, profiles, faults } = results;
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
  const drifted = drifts.flatMap(({ workload, regime, T, moves, errors }) =>
    errors.map(({ form, ...error }) => ({
      spec: workload.name,
      gates: regime.name,
      T,
      moves,
      who: form.name,
      ...error,
    })),
  );
  const decoded = decoding.flatMap(({ workload, rows }) =>
    rows.map(({ decoder, ...row }) => ({ spec: workload.name, who: decoder.name, ...row })),
  );
  const trained = training.flatMap(({ spec, B, T, parameters, rows }) =>
    rows.map(({ trainer, ...row }) => ({ network: spec.name, B, T, parameters, who: trainer.name, ...row })),
  );
  const all = {
    machine,
    products,
    rows: named,
    drift: drifted,
    decoding: decoded,
    compiling,
    cold: cold.map(({ form, ...row }) => ({ ...row, form: form.name })),
    training: trained,
    profiles,
    faults,
  };
  return `${JSON.stringify(all, undefined, 2)}\n`;
}

/** Two forms round in other orders: beyond this an error has gathered that the first form does not gather. */
const BEYOND = 2;

const BUSY =
  "**The machine was busy with other work.** Times are longer than it needs, ratios waver, and a run on the machine alone would say more.";

function timeSections(results: Results): string[] {
  const { races, products } = results;
  return [
    "## Times",
    "",
    `B = 1, H = ${H}, dk = dv = ${D}. Medians of warm runs taken in turn, each until the device is done, and where the machine has other work the least time says more; every result agrees with f64 to an RMS ratio of ${BOUND} or is not timed.`,
    "",
    ...summary(races),
    ...workloadsOf(races).flatMap((of) => raceTable(of, results)),
    "### What they include",
    "",
    ...includes(races.flatMap((race) => race.rows)),
    "",
    "`cold` is one measurement: from the spec's text or the model to the end of the first run, what the driver compiles included. The driver's cache on disk is off, but what compiled at one length may be warm at the next.",
    "",
    "### Matrix products",
    "",
    "The best rate of plain WGSL here, by the least time of its runs; rows above are a part of it by their least time. The recurrences hold their state in registers and use each number they load more than once, so a part above 1 is possible.",
    "",
    ...table(
      ["product", "GFLOP/s", "error"],
      products.map((p) => [p.kernel, digits(p.gflops), power(p.error)]),
    ),
  ];
}

function decodingSection(decoding: Results["decoding"]): string[] {
  return [
    "## Decoding, one token a call",
    "",
    `B = 1, H = ${H}, dk = dv = ${D}; the median of the calls.`,
    "",
    ...table(
      ["spec", "who", "µs a token", "error", "includes"],
      decoding.flatMap(({ workload, rows }) =>
        rows.map((row) => [
          workload.name,
          row.decoder.name,
          ...(row.kind === "timed"
            ? [digits(row.microseconds), power(row.error), row.decoder.includes]
            : ["—", "—", firstLine(row.why)]),
        ]),
      ),
    ),
  ];
}

function compilingSection(compiling: Results["compiling"]): string[] {
  return [
    "## Compile time, text to WGSL, warm",
    "",
    ...table(
      ["spec", "ms"],
      compiling.map(({ spec, milliseconds, why }) => [
        spec,
        milliseconds === undefined ? firstLine(why) : digits(milliseconds),
      ]),
    ),
  ];
}

function coldSection(cold: Results["cold"]): string[] {
  return [
    "## Cold compile time, kernel by kernel",
    "",
    "From a kernel's WGSL to the end of its first run, over one tile, with the driver's cache on disk off: what Dawn and the driver compile. Medians of three such runs, each of a text that neither has seen; the milliseconds of all kernels are those of one after the other.",
    "",
    ...table(
      ["spec", "form", "kernels", "all ms", "slowest ms", "slowest kernel"],
      cold.map(({ spec, form, kernels: [slowest, ...others], why }) =>
        slowest
          ? [
              spec,
              form.name,
              String(1 + others.length),
              digits(others.reduce((n, k) => n + k.milliseconds, slowest.milliseconds)),
              digits(slowest.milliseconds),
              slowest.name,
            ]
          : [spec, form.name, "—", "—", "—", firstLine(why)],
      ),
    ),
  ];
}

function driftSection(drifts: readonly DriftRow[]): string[] {
  const [first, ...others] = forms;
  const errorOf = ({ errors }: DriftRow, form: Form) => errors.find((e) => e.form === form);
  const cells = (row: DriftRow, form: Form): string[] => {
    const error = errorOf(row, form);
    if (error?.kind === "measured") return [power(error.all), power(error.last)];
    return [firstLine(error?.why ?? ""), ""];
  };
  const ratio = (row: DriftRow, form: Form): string => {
    const [own, base] = [errorOf(row, form), first && errorOf(row, first)];
    if (own?.kind !== "measured" || base?.kind !== "measured") return "—";
    const times = own.last / base.last;
    return times > BEYOND ? `**${digits(times)}×**` : `${digits(times)}×`;
  };
  return [
    "## Error over the length",
    "",
    `Against f64, B = 1, H = ${SHAPE.H}, dk = dv = ${SHAPE.D}: RMS(error) / RMS(result), over all tokens and over the last eighth of them, where what has gathered shows. A form's error over the last eighth that is more than ${BEYOND} times that of the ${first?.name} form is bold.`,
    "",
    ...regimes.map(({ name, gates }) => `- ${name}: ${gates}.`),
    "",
    `Where an error is above ${BOUND}, the last column says how far f64 itself moves when every input is off by half a unit in the last place of an f32.`,
    "",
    ...table(
      [
        "spec",
        "gates",
        "T",
        ...forms.flatMap(({ name }) => [`${name}, all`, "last eighth"]),
        ...others.map(({ name }) => `${name} over ${first?.name}`),
        "f64 moves",
      ],
      drifts.map((row) => [
        row.workload.name,
        row.regime.name,
        String(row.T),
        ...forms.flatMap((form) => cells(row, form)),
        ...others.map((form) => ratio(row, form)),
        row.moves === undefined ? "" : power(row.moves),
      ]),
    ),
  ];
}

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
    "### Their time over that of our fastest form",
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
        power(row.error),
      ];
    });
  });
  return [
    `### ${titleOf(first.workload)}`,
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
