/** Who trains a network: the compiler, or another library. */
import type { Weights } from "../../runtime/trainable.ts";
import type { TrainingTask } from "./task.ts";

export interface Trainer {
  readonly name: string;
  /** What the time of its step includes besides the work, in a few words. */
  readonly includes: string;
  readonly ours: boolean;
  /** A network that starts with these weights, by their names. Throws Unavailable, or whatever went wrong. */
  prepare(task: TrainingTask, weights: ReadonlyMap<string, Weights>): Promise<InTraining>;
}

export interface InTraining {
  /** Forwards, backwards and AdamW, until the device is done; what it gives is of before the update. */
  step(): Promise<StepResult>;
  close(): void;
}

export interface StepResult {
  readonly loss: number;
  /** ‖∇‖₂ before clipping. */
  readonly gradientNorm: number;
}
