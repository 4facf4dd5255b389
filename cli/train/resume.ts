/** Goes on with a run from its last snapshot, with the spec and the settings that it was made with. */
import { UsageError } from "../errors.ts";
import { readSource } from "../files.ts";
import { version } from "../package.ts";
import { lastCheckpoint } from "./checkpoints.ts";
import { configIn, type RunConfig } from "./config.ts";
import type { Context } from "./context.ts";
import { RunFolder } from "./run-folder.ts";
import { NetworkHolder, runSession } from "./session.ts";
import { DEFAULTS, differences, type Settings, taskChoice } from "./settings.ts";
import { specChanges, specFiles } from "./spec-files.ts";
import { introduction, type Run, requestFor, stays, titleOf } from "./start.ts";

/** `path` is the spec, where it is given again: it should still be the run's. */
export async function resumeRun(run: string, path: string | undefined, context: Context): Promise<Run> {
  const { options, io, make, signal } = context;
  const folder = await RunFolder.open(run);
  const config = await configIn(folder);
  const file = await folder.spec();
  const changed = [
    ...(path === undefined ? [] : specChanges(path, specFiles(readSource(path)), await folder.specFiles())),
    ...differences(config.settings, options),
  ];
  if (changed.length > 0)
    throw new UsageError(`${run} can only go on as it began`, [
      ...changed,
      "leave these out to go on with the run, or start a new one without --resume",
    ]);
  const settings: Settings = config.settings;
  const task = make.taskFor({ ...taskChoice(settings), ...(options.data && { data: options.data }) });
  const request = requestFor(file, settings, task.vocabulary, options.device);
  const network = await NetworkHolder.open(() => make.openNetwork(request, io));
  try {
    await folder.removeTemporary();
    const last = await lastCheckpoint(folder.checkpoints);
    for (const message of last?.damaged ?? []) io.err(`${io.errColors.yellow("note:")} ${message}\n`);
    for (const note of notes(config, network.current.device))
      io.err(`${io.errColors.yellow("note:")} ${note}\n`);
    io.err(introduction(config));
    io.err(`going on with ${run} after step ${last?.snapshot.progress.step ?? 0} of ${settings.steps}\n`);
    const { untilAccuracy, keep = DEFAULTS.keep } = options;
    const title = titleOf(config);
    const from = last?.snapshot;
    if (from === undefined && settings.weights) await network.takeWeights(settings.weights);
    const session = { folder, settings, task, network, from, keep, untilAccuracy, title };
    const ended = await runSession(session, io, signal).catch((error: unknown) => {
      if (!(error instanceof UsageError)) io.err(stays(run));
      throw error;
    });
    return { config, ended };
  } finally {
    await network.close();
  }
}

/** Why the numbers may be a little other than without the stop. */
function notes({ miras, device }: RunConfig, now: string): string[] {
  return [
    ...(device === now
      ? []
      : [`the run was started on ${device}, and goes on on ${now}: numbers may differ in their last bits`]),
    ...(miras === version
      ? []
      : [`the run was started by miras ${miras}, and this is ${version}: numbers may differ`]),
  ];
}
