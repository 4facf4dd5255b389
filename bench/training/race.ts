/**
 * Trainers of one network, in turn: each starts from the same weights and takes a few steps, of which the losses and
 * the norms of the gradients are held to f64 and to ours, and only those that are right are timed, round by round.
 */
import type { Device } from "../../runtime/device.ts";
import { collected } from "../garbage.ts";
import type { NotTimed, Pace } from "../race.ts";
import { median } from "../statistics.ts";
import { started } from "./ours.ts";
import { exactLoss, type NetworkSpec, type TrainingTask } from "./task.ts";
import type { InTraining, StepResult, Trainer } from "./trainer.ts";

export interface TrainingRace {
  readonly spec: NetworkSpec;
  readonly B: number;
  readonly T: number;
  readonly parameters: number;
  readonly rows: readonly TrainingRow[];
}

export type TrainingRow = { readonly trainer: Trainer } & (TimedTraining | NotTimed);

export interface TimedTraining {
  readonly kind: "timed";
  /** How far the first loss is from that of f64, as a part of it. */
  readonly error: number;
  /** The same of the gradients' norms and later losses, from ours. */
  readonly apart: number;
  /** Milliseconds from the start of the preparation to the end of the first step. */
  readonly cold: number;
  readonly milliseconds: number;
  readonly least: number;
  readonly most: number;
  readonly rounds: number;
}

/** Of the first loss, from f64. */
export const LOSS_BOUND = 1e-5;
/** Of the gradient's norm, at the same weights, from ours. */
export const NORM_BOUND = 1e-4;
/** Of the loss and the norm after steps of AdamW, which divides by small numbers, from ours. */
export const LATER_BOUND = 1e-3;
/** Steps that are compared, the first one cold. */
const COMPARED = 3;

/** Ours come first among the trainers, and the others are compared with the first of them. */
export async function trainingRace(
  device: Device,
  task: TrainingTask,
  trainers: readonly Trainer[],
  pace: Pace,
  progress: (what: string) => void,
): Promise<TrainingRace> {
  const drawn = started(device, task);
  const weights = await drawn.weights();
  progress("  its loss in f64");
  const exact = exactLoss(task, weights);
  const rows: TrainingRow[] = [];
  const running: { trainer: Trainer; entrant: Entrant; times: number[] }[] = [];
  let first: readonly StepResult[] | undefined;
  for (const trainer of trainers) {
    let training: InTraining | undefined;
    progress(`  ${trainer.name}`);
    try {
      const begun = performance.now();
      training = await trainer.prepare(task, weights);
      const steps = [await training.step()];
      const cold = performance.now() - begun;
      while (steps.length < COMPARED) steps.push(await training.step());
      first ??= steps;
      const { why, error, apart } = compared(steps, first, exact);
      if (why === undefined) running.push({ trainer, entrant: { training, cold, error, apart }, times: [] });
      else {
        training.close();
        rows.push({ trainer, kind: "not timed", why, fault: true });
      }
    } catch (error) {
      training?.close();
      const isThere = !(error instanceof Error && error.name === "Unavailable");
      rows.push({ trainer, kind: "not timed", why: messageOf(error), fault: isThere && trainer.ours });
    }
  }
  const begun = performance.now();
  for (let round = 0; round < pace.rounds; round++) {
    if (round >= COMPARED && performance.now() - begun > 1000 * pace.seconds) break;
    for (const { entrant, times } of running) {
      await collected();
      const from = performance.now();
      await entrant.training.step();
      times.push(performance.now() - from);
    }
  }
  for (const { trainer, entrant, times } of running) {
    const { training, ...checked } = entrant;
    training.close();
    const [least, most] = [Math.min(...times), Math.max(...times)];
    const milliseconds = median(times);
    rows.push({ trainer, kind: "timed", ...checked, milliseconds, least, most, rounds: times.length });
  }
  rows.sort((a, b) => trainers.indexOf(a.trainer) - trainers.indexOf(b.trainer));
  const { B, T } = task.batch;
  return { spec: task.spec, B, T, parameters: drawn.parameters, rows };
}

interface Entrant {
  readonly training: InTraining;
  readonly cold: number;
  readonly error: number;
  readonly apart: number;
}

function compared(
  steps: readonly StepResult[],
  first: readonly StepResult[],
  exact: number,
): { readonly error: number; readonly apart: number; readonly why?: string } {
  const error = distance(steps[0]?.loss, exact);
  const norm = distance(steps[0]?.gradientNorm, first[0]?.gradientNorm);
  const later = steps.slice(1).map((step, i) => {
    const other = first[i + 1];
    return Math.max(distance(step.loss, other?.loss), distance(step.gradientNorm, other?.gradientNorm));
  });
  const apart = Math.max(norm, ...later);
  const wrong = (what: string, by: number, bound: number): string =>
    `not timed: ${what} ${by.toExponential(1)}, and must be ≤ ${bound}`;
  if (!(error <= LOSS_BOUND)) return { error, apart, why: wrong("its loss is off by", error, LOSS_BOUND) };
  if (!(norm <= NORM_BOUND))
    return { error, apart, why: wrong("its gradient's norm is off by", norm, NORM_BOUND) };
  if (!(apart <= LATER_BOUND))
    return { error, apart, why: wrong("its later steps are off by", apart, LATER_BOUND) };
  return { error, apart };
}

const distance = (got = Number.NaN, want = Number.NaN): number => Math.abs(got - want) / Math.abs(want);

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
