/**
 * Snapshots of a run on disk. Each is one safetensors file, `step-N.safetensors`, so that it is there whole or not at
 * all: the weights by their names, what the optimizer carries as `optimizer/NAME`, and in the metadata where the run is.
 */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { explain, FileError, readTensors, writeWhole } from "../../runtime/node/files.ts";
import { type Tensor, writeSafetensors } from "../../runtime/safetensors.ts";
import type { Weights } from "../../runtime/trainable.ts";
import type { Progress, Snapshot } from "../../runtime/training/snapshot.ts";

/** Begins the names of what is no weight. */
export const OPTIMIZER = "optimizer/";
const NAME = /^step-(\d+)\.safetensors$/;
const fileOf = (step: number): string => `step-${step}.safetensors`;

/** Writes a snapshot, and then removes those that need not be kept any longer. */
export async function saveCheckpoint(folder: string, snapshot: Snapshot, keep: number): Promise<void> {
  await writeWhole(join(folder, fileOf(snapshot.progress.step)), encoded(snapshot));
  await removeOld(folder, snapshot.progress, keep);
}

/**
 * Removes all snapshots but the last `keep`, which are at least one, and the best. What comes later than where the run
 * is could not be read when the run went on from there.
 */
export async function removeOld(folder: string, { step, best }: Progress, keep: number): Promise<void> {
  const all = await stepsIn(folder);
  const kept = all.filter((other) => other <= step).slice(-keep);
  for (const other of all)
    if (!kept.includes(other) && other !== best?.step) await rm(join(folder, fileOf(other)), { force: true });
}

export interface Loaded {
  readonly snapshot: Snapshot;
  readonly path: string;
  /** What is wrong with the later ones, which cannot be read. */
  readonly damaged: readonly string[];
}

/** The last snapshot that can be read. Throws FileError where there are some and none can. */
export async function lastCheckpoint(folder: string): Promise<Loaded | undefined> {
  const damaged: string[] = [];
  for (const step of (await stepsIn(folder)).reverse()) {
    const path = join(folder, fileOf(step));
    try {
      return { snapshot: await readCheckpoint(path), path, damaged };
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      damaged.push(error.message);
    }
  }
  if (damaged.length > 0) throw new FileError(damaged.join("\n"));
  return undefined;
}

/** The snapshot with the least validation loss; undefined if there has been no validation. */
export async function bestCheckpoint(folder: string): Promise<Loaded | undefined> {
  const last = await lastCheckpoint(folder);
  const best = last?.snapshot.progress.best;
  if (last === undefined || !best || best.step === last.snapshot.progress.step) return last;
  const path = join(folder, fileOf(best.step));
  return { snapshot: await readCheckpoint(path), path, damaged: [] };
}

/** The steps to which there are snapshots, in order. */
async function stepsIn(folder: string): Promise<number[]> {
  const entries = await readdir(folder).catch((error: unknown) => {
    throw explain("read", folder, error);
  });
  const steps = entries.map((entry) => Number(NAME.exec(entry)?.[1] ?? Number.NaN));
  return steps.filter(Number.isInteger).sort((a, b) => a - b);
}

function encoded({ progress, position, weights, optimizer }: Snapshot): Uint8Array {
  const moments = [...optimizer.moments].map(([name, tensor]) => [OPTIMIZER + name, tensor] as const);
  const state: State = { progress, position, optimizerStep: optimizer.step };
  return writeSafetensors([...weights, ...moments], new Map([["miras", JSON.stringify(state)]]));
}

interface State {
  readonly progress: Progress;
  readonly position: unknown;
  readonly optimizerStep: number;
}

async function readCheckpoint(path: string): Promise<Snapshot> {
  const { tensors, metadata } = await readTensors(path);
  const text = metadata.get("miras");
  if (text === undefined)
    throw new FileError(`cannot read ${path}: it has no state of a run; it is not a checkpoint of miras`);
  const { progress, position, optimizerStep } = JSON.parse(text) as State;
  const weights = new Map<string, Weights>();
  const moments = new Map<string, Weights>();
  for (const [name, tensor] of tensors) {
    if (name.startsWith(OPTIMIZER)) moments.set(name.slice(OPTIMIZER.length), single(tensor));
    else weights.set(name, single(tensor));
  }
  return { progress, position, weights, optimizer: { step: optimizerStep, moments } };
}

const single = ({ shape, data }: Tensor): Weights => ({ shape, data: Float32Array.from(data) });
