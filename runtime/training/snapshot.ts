/** All that a run needs to go on from one of its steps as if it had never stopped. */
import type { BatchSource } from "../data/batch.ts";
import type { Trainable, Weights } from "../trainable.ts";

export interface ValidationRecord {
  /** Steps done. */
  readonly step: number;
  /** Tokens read in training so far. */
  readonly tokens: number;
  readonly loss: number;
  readonly accuracy: number;
  /** Whether no validation before it had as low a loss. */
  readonly isBest: boolean;
}

/** Where a run is, as JSON. */
export interface Progress {
  /** Steps done. */
  readonly step: number;
  /** Tokens read by them. */
  readonly tokens: number;
  /** The loss of the first step. */
  readonly firstLoss: number | null;
  /** Steps in a row, up to this one, with a loss so high that the run may have diverged. */
  readonly highFor: number;
  /** Whether this step's validation is still to be done. */
  readonly validationIsDue: boolean;
  /** The last one. */
  readonly validation: ValidationRecord | null;
  /** The one with the least loss. */
  readonly best: ValidationRecord | null;
}

export interface Snapshot {
  readonly progress: Progress;
  /** Of the training batches: what `BatchSource.position` gave. */
  readonly position: unknown;
  readonly weights: ReadonlyMap<string, Weights>;
  readonly optimizer: { readonly step: number; readonly moments: ReadonlyMap<string, Weights> };
}

export const atStart: Progress = {
  step: 0,
  tokens: 0,
  firstLoss: null,
  highFor: 0,
  validationIsDue: false,
  validation: null,
  best: null,
};

export async function takeSnapshot(
  trainable: Trainable,
  source: BatchSource,
  progress: Progress,
): Promise<Snapshot> {
  return {
    progress,
    position: structuredClone(source.position()),
    weights: await trainable.weights(),
    optimizer: await trainable.optimizer(),
  };
}

/** A snapshot of another network, or of other batches. */
export class SnapshotError extends Error {
  override readonly name = "SnapshotError";
}

/** Throws SnapshotError where the snapshot does not fit. */
export async function restoreSnapshot(
  { weights, optimizer, position }: Snapshot,
  trainable: Trainable,
  source: BatchSource,
): Promise<void> {
  try {
    await trainable.restore(weights, optimizer);
    source.restore(structuredClone(position));
  } catch (error) {
    throw error instanceof RangeError ? new SnapshotError(error.message, { cause: error }) : error;
  }
}
