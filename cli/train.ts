/** `miras train`: a network learns a task, in a run folder from which it can go on. */
import { taskFor } from "./data/task.ts";
import { EXIT, UsageError } from "./errors.ts";
import { readSource } from "./files.ts";
import type { Io } from "./io.ts";
import type { Context, Factories } from "./train/context.ts";
import { interruption } from "./train/interrupt.ts";
import { openNetwork } from "./train/network.ts";
import { asObject, asText, breakdownNotes, causeOf, isMissed, json } from "./train/report.ts";
import { resumeRun } from "./train/resume.ts";
import { settingsOf, type TrainOptions } from "./train/settings.ts";
import { placeAt, type Run, startRun } from "./train/start.ts";
import { bestOf, ratesOf, type Swept, sweepObject, sweepRuns, sweepText } from "./train/sweep.ts";

export const factories: Factories = { openNetwork, taskFor };

/** `make` says how networks and tasks are had. */
export async function train(
  path: string | undefined,
  options: TrainOptions,
  io: Io,
  make: Factories = factories,
): Promise<number> {
  const { resume, sweep } = options;
  const { signal, release } = interruption(() =>
    io.err(`${io.errIsTerminal ? "\n" : ""}finishing this step and saving; Ctrl-C again quits at once\n`),
  );
  const context: Context = { options, io, make, signal };
  try {
    if (resume !== undefined) return tell(await resumeRun(resume, path, context), options, io);
    if (path === undefined)
      throw new UsageError("there is nothing to train", [
        "give a .miras file with a network, or a run to go on with: --resume RUN",
      ]);
    const file = readSource(path);
    const settings = settingsOf(options);
    if (sweep === undefined)
      return tell(await startRun(file, settings, context, placeAt(options.out)), options, io);
    const swept: Swept[] = [];
    try {
      await sweepRuns(ratesOf(sweep), file, settings, context, (one) => swept.push(one));
    } finally {
      // Where a run fails, those before it have cost as much.
      if (swept.length > 0) io.out(options.json ? json(sweepObject(swept)) : sweepText(swept, io));
    }
    return bestOf(swept) === undefined && !signal.aborted ? EXIT.fails : EXIT.well;
  } finally {
    release();
  }
}

function tell({ config, ended }: Run, { untilAccuracy, json: wantsJson }: TrainOptions, io: Io): number {
  const { outcome, folder } = ended;
  const told = {
    network: config.network,
    task: config.task.name,
    steps: config.settings.steps,
    untilAccuracy,
  };
  if (outcome.kind === "broken") {
    const { breakdown } = outcome;
    const c = io.errColors;
    io.err(
      `${[`${c.red(c.bold("error:"))} training broke down at ${causeOf(breakdown)}`, ...breakdownNotes(breakdown, folder.path)].join("\n  ")}\n`,
    );
  }
  io.out(wantsJson ? json(asObject(ended)) : asText(ended, told, io));
  return outcome.kind === "broken" || isMissed(ended, told) ? EXIT.fails : EXIT.well;
}
