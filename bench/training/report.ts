/** Training, as sections of the report. */
import { digits, firstLine, power, table } from "../tables.ts";
import type { StepProfile } from "./profile.ts";
import { LATER_BOUND, LOSS_BOUND, NORM_BOUND, type TrainingRace, type TrainingRow } from "./race.ts";
import { OPTIMIZER } from "./task.ts";

export function trainingSection(races: readonly TrainingRace[]): string[] {
  const { clip, weightDecay } = OPTIMIZER;
  const rows = races.flatMap((race) => {
    const own = race.rows.find(({ trainer }) => trainer.ours);
    return race.rows.map((row) => [
      race.spec.name,
      `${race.B} × ${race.T}`,
      row.trainer.name,
      ...cells(race, row, own?.kind === "timed" ? own : undefined),
    ]);
  });
  return [
    "## Training",
    "",
    `Steps of whole networks of \`specs/nets\`: the logits, the loss, its gradient, and AdamW after clipping at ${clip}, with a decay of ${weightDecay}. All start from the same weights and learn from the same tokens. A row is timed only where its first loss is that of the f64 interpreter to ${power(LOSS_BOUND)}, the norm of its first gradient is ours to ${power(NORM_BOUND)}, and its next two steps give our losses and norms to ${power(LATER_BOUND)}. Medians of warm steps taken in turn, each until its loss is read.`,
    "",
    "Above 1× the other is slower than miras, below it is faster.",
    "",
    ...table(
      [
        "network",
        "B × T",
        "who",
        "ms a step",
        "least to most",
        "tokens/s",
        "over ours",
        "first step ms",
        "loss from f64",
        "from ours",
      ],
      rows,
    ),
    ...included(races),
    "",
    "The first step is from the network to its first loss, what is compiled included; where this section runs alone, the driver may have shaders of an earlier run on disk.",
    "",
  ];
}

function cells({ B, T }: TrainingRace, row: TrainingRow, own: { readonly milliseconds: number } | undefined) {
  if (row.kind === "not timed") return [firstLine(row.why), "", "", "", "", "", ""];
  return [
    digits(row.milliseconds),
    `${digits(row.least)} to ${digits(row.most)}`,
    digits((1000 * B * T) / row.milliseconds),
    own ? `${digits(row.milliseconds / own.milliseconds)}×` : "—",
    String(Math.round(row.cold)),
    power(row.error),
    row.trainer.ours ? "" : power(row.apart),
  ];
}

function included(races: readonly TrainingRace[]): string[] {
  const trainers = races.flatMap(({ rows }) => rows.map(({ trainer }) => trainer));
  return [...new Set(trainers)].map(({ name, includes }) => `- ${name}: ${includes}.`);
}

export function profileSection({ network, kernels, milliseconds, slowest }: StepProfile): string[] {
  return [
    `### Where the time of a step goes: ${network}`,
    "",
    `Each of its ${kernels} kernels alone, again and again: ${digits(milliseconds)} ms together.`,
    "",
    ...table(
      ["kernel", "of", "workgroups", "ms", "share"],
      slowest.map((k) => [
        k.kernel,
        k.sequence,
        k.groups.join(" × "),
        digits(k.milliseconds),
        `${((100 * k.milliseconds) / milliseconds).toFixed(1)} %`,
      ]),
    ),
  ];
}
