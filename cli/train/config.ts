/** `config.json` of a run folder: what the run was made with, and is gone on with. */
import { UsageError } from "../errors.ts";
import type { RunFolder } from "./run-folder.ts";
import type { Settings } from "./settings.ts";

export interface RunConfig {
  /** Versions of miras and of Node. */
  readonly miras: string;
  readonly node: string;
  /** When it was started, in ISO 8601. */
  readonly created: string;
  /** The path of the file as it was given; its text is in `spec.miras`. */
  readonly file: string;
  readonly network: string;
  /** How many numbers are learned. */
  readonly parameters: number;
  /** The network's. */
  readonly vocabulary: number;
  readonly task: { readonly name: string; readonly description: string; readonly vocabulary: number };
  /** What it ran on. */
  readonly device: string;
  readonly settings: Settings;
}

/** Throws UsageError where the file is not what was written. */
export async function configIn(folder: RunFolder): Promise<RunConfig> {
  const config = await folder.config();
  const { settings, task } = Object(config) as Partial<RunConfig>;
  if (typeof settings?.steps !== "number" || typeof task?.name !== "string")
    throw new UsageError(`the config.json of ${folder.path} is not that of a run`);
  return config as RunConfig;
}
