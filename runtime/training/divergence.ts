/** Whether training still makes sense; where it does not, what went wrong and in which tensors. */
import type { Trainable, Weights } from "../trainable.ts";
import type { Snapshot } from "./snapshot.ts";

/** What one step gave. */
export interface StepRecord {
  /** Counted from 1. */
  readonly step: number;
  /** Tokens read so far, those of this step included. */
  readonly tokens: number;
  /** Nats. */
  readonly loss: number;
  /** Of the places that count, how many were right. */
  readonly accuracy: number;
  readonly learningRate: number;
  /** ‖∇‖₂ before clipping. */
  readonly gradientNorm: number;
}

/** A tensor with elements that are NaN or infinite. */
export interface SickTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** How many these are. */
  readonly notFinite: number;
  /** The first of them, in the order of the data. */
  readonly first: number;
}

/** How the RMS of a tensor grew. */
export interface GrownTensor {
  readonly name: string;
  readonly before: number;
  readonly now: number;
}

/** A training that makes no sense any more. */
export interface Breakdown {
  readonly cause: Cause;
  /** Steps done when it showed. */
  readonly step: number;
  /** The last steps, in order; where a step showed it, that one is the last. */
  readonly records: readonly StepRecord[];
  /** Of the first step, where there was one. */
  readonly firstLoss: number | null;
  /** Weights that are not finite now, in the network's order. */
  readonly weights: readonly SickTensor[];
  /** The same of what the optimizer carries. */
  readonly moments: readonly SickTensor[];
  /** How many tensors of weights there are. */
  readonly tensors: number;
  /** Weights that are finite and grew most, relative to what they were at `since`; the most first. */
  readonly grown: readonly GrownTensor[];
  /** The step of the last snapshot, all of whose weights are finite. */
  readonly since: number;
}

/** What is not finite; or that the loss has stayed far above that of guessing, and of the first step. */
export type Cause = "loss" | "gradient" | "validation" | "weights" | "diverged";

/** A loss is high above this many times the larger of the first loss and that of guessing. */
const HIGH = 1.5;
/** A run has diverged after so many steps with a high loss: one bad batch or a short spike does not make it so. */
const PATIENCE = 25;

export const isHigh = (loss: number, first: number, vocabulary: number): boolean =>
  loss > HIGH * Math.max(first, Math.log(vocabulary));

/** What is wrong with a step, the last of `highFor` in a row that had a high loss. */
export function causeIn({ loss, gradientNorm }: StepRecord, highFor: number): Cause | undefined {
  if (!Number.isFinite(loss)) return "loss";
  if (!Number.isFinite(gradientNorm)) return "gradient";
  return highFor >= PATIENCE ? "diverged" : undefined;
}

export const areFinite = (weights: ReadonlyMap<string, Weights>): boolean =>
  [...weights.values()].every(({ data }) => data.every(Number.isFinite));

const MOST_GROWN = 5;

/** Looks through all tensors. */
export async function diagnose(
  found: Pick<Breakdown, "cause" | "step" | "records" | "firstLoss">,
  trainable: Trainable,
  last: Snapshot,
): Promise<Breakdown> {
  const weights = await trainable.weights();
  const { moments } = await trainable.optimizer();
  const grown = [...weights].flatMap(([name, { data }]) => {
    const [before, now] = [rms(last.weights.get(name)?.data), rms(data)];
    return now > before && Number.isFinite(now) ? [{ name, before, now }] : [];
  });
  grown.sort((a, b) => b.now / b.before - a.now / a.before);
  return {
    ...found,
    weights: sick(weights),
    moments: sick(moments),
    tensors: weights.size,
    grown: grown.slice(0, MOST_GROWN),
    since: last.progress.step,
  };
}

function sick(tensors: ReadonlyMap<string, Weights>): SickTensor[] {
  return [...tensors].flatMap(([name, { shape, data }]) => {
    const first = data.findIndex((x) => !Number.isFinite(x));
    if (first < 0) return [];
    const notFinite = data.reduce((n, x) => n + (Number.isFinite(x) ? 0 : 1), 0);
    return [{ name, shape, notFinite, first }];
  });
}

const rms = (data: Float32Array = new Float32Array()): number =>
  Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / Math.max(1, data.length));
