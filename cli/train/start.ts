/** A new run: opens what it needs, makes its folder once all is well, and trains. */
import { basename, extname, join } from "node:path";
import type { SourceFile } from "../../compiler/source/span.ts";
import type { ChosenTask } from "../data/task.ts";
import { UsageError } from "../errors.ts";
import { version } from "../package.ts";
import type { RunConfig } from "./config.ts";
import type { Context } from "./context.ts";
import type { NetworkRequest, OpenedNetwork } from "./network.ts";
import { resumeCommand } from "./report.ts";
import { type Contents, nameOf, RunFolder } from "./run-folder.ts";
import { type Ended, NetworkHolder, runSession } from "./session.ts";
import { DEFAULTS, type Settings, taskChoice } from "./settings.ts";
import { specFiles } from "./spec-files.ts";

export interface Run {
  readonly config: RunConfig;
  readonly ended: Ended;
}

/** Makes the folder of a run. */
export type Place = (config: RunConfig, contents: Contents) => Promise<RunFolder>;

/** A folder at `out`; where that is left out, a new one in `runs/`. */
export const placeAt =
  (out: string | undefined): Place =>
  (config, contents) =>
    out === undefined ? RunFolder.createNext(defaultPath(config), contents) : RunFolder.create(out, contents);

export async function startRun(
  file: SourceFile,
  settings: Settings,
  { options, io, make, signal }: Context,
  place: Place,
): Promise<Run> {
  const task = make.taskFor(taskChoice(settings));
  const request = requestFor(file, settings, task.vocabulary, options.device);
  const network = await NetworkHolder.open(() => make.openNetwork(request, io));
  try {
    checkVocabulary(network.current, task);
    if (settings.weights) await network.takeWeights(settings.weights);
    const config = configOf(file, settings, task, network.current);
    const contents = {
      spec: specFiles(file),
      config,
      ...(task.text && { vocabulary: task.text.toJSON() }),
    };
    const folder = await place(config, contents);
    io.err(`${introduction(config)}run folder: ${folder.path}\n`);
    const { untilAccuracy, keep = DEFAULTS.keep } = options;
    const title = titleOf(config);
    try {
      const ended = await runSession(
        { folder, settings, task, network, keep, untilAccuracy, title },
        io,
        signal,
      );
      return { config, ended };
    } catch (error) {
      if (!(await folder.removeUnused())) io.err(stays(folder.path));
      throw error;
    }
  } finally {
    await network.close();
  }
}

/** What is trained, on what and where. */
export const introduction = ({ network, parameters, device, task, settings }: RunConfig): string => {
  const start = settings.weights ? `, from ${settings.weights}` : "";
  return `${network}, ${parameters.toLocaleString("en")} parameters${start}, on ${device}\n${task.description}\n`;
};

/** What to do once the trouble that ended a run is over. */
export const stays = (path: string): string =>
  `what was saved stays in ${path}; to go on from there: ${resumeCommand(path)}\n`;

export const requestFor = (
  file: SourceFile,
  { network, seed, clip, weightDecay, storage }: Settings,
  vocabulary: number,
  device: NetworkRequest["device"],
): NetworkRequest => ({
  file,
  network: network ?? undefined,
  vocabulary,
  seed,
  clip: clip === 0 ? Number.POSITIVE_INFINITY : clip,
  weightDecay,
  storage,
  device,
});

export const titleOf = ({ network, task }: RunConfig): string => `${network} on ${task.name}`;

/** `runs/deltanet-mqar-2026-01-31`, which a number is put after. */
export const defaultPath = ({ network, task, created }: RunConfig): string =>
  join("runs", nameOf(network, task.name, created.slice(0, 10)));

function checkVocabulary({ name, trainable }: OpenedNetwork, task: ChosenTask): void {
  if (trainable.vocabulary >= task.vocabulary) return;
  throw new UsageError(
    `${name} has a vocabulary of ${trainable.vocabulary}, and the task has tokens up to ${task.vocabulary - 1}`,
    [`give the network a vocabulary of at least ${task.vocabulary}`],
  );
}

const configOf = (
  file: SourceFile,
  settings: Settings,
  task: ChosenTask,
  { name, device, trainable }: OpenedNetwork,
): RunConfig => ({
  miras: version,
  node: process.version,
  created: new Date().toISOString(),
  file: file.path,
  network: name,
  parameters: trainable.parameters,
  vocabulary: trainable.vocabulary,
  task: {
    name: settings.task ?? stem(settings.data?.[0] ?? "text"),
    description: task.description,
    vocabulary: task.vocabulary,
  },
  device,
  settings,
});

/** `tale` of `texts/tale.txt` */
const stem = (path: string): string => basename(path, extname(path));
