/**
 * The training loop: steps with a schedule, validations, snapshots. It knows neither files nor clocks, and is
 * deterministic: from a snapshot it goes on exactly as it would have without stopping.
 */
import type { Task } from "../data/batch.ts";
import { DeviceError } from "../device.ts";
import type { Trainable } from "../trainable.ts";
import {
  areFinite,
  type Breakdown,
  type Cause,
  causeIn,
  diagnose,
  isHigh,
  type StepRecord,
} from "./divergence.ts";
import { accuracyOf, measureAll } from "./measure.ts";
import { inOneShape } from "./padding.ts";
import { learningRateAt, type Schedule } from "./schedule.ts";
import {
  atStart,
  type Progress,
  restoreSnapshot,
  type Snapshot,
  takeSnapshot,
  type ValidationRecord,
} from "./snapshot.ts";

export interface Training extends Schedule {
  readonly trainable: Trainable;
  readonly task: Task;
  /** Batches of one step, whose gradients are averaged. */
  readonly accumulate: number;
  /** Steps between validations. There is one after the last step, too; with 0 only there. */
  readonly evaluateEvery: number;
  /** Steps between snapshots that are kept. The same holds; besides, whatever is the best so far is kept. */
  readonly checkpointEvery: number;
  /** Ends the run once a validation is as accurate. */
  readonly untilAccuracy?: number | undefined;
  /** Goes on from here. */
  readonly from?: Snapshot | undefined;
  /**
   * Opens the network anew after its device was lost; whoever gives this closes the old one and the new one.
   * Without it a lost device ends the run.
   */
  readonly reopen?: (() => Promise<Trainable>) | undefined;
}

/** Told of what happens; the loop waits for what it gives back. What it throws ends the run. */
export interface Observer {
  stepped(record: StepRecord): void | Promise<void>;
  validated(record: ValidationRecord): void | Promise<void>;
  /** Keeps a snapshot where it outlasts the run. */
  keep(snapshot: Snapshot): void | Promise<void>;
  /** The device was lost after `step` steps; training goes on from where it was at the last snapshot. */
  recovered(error: DeviceError, step: number, back: Progress): void | Promise<void>;
}

export type Outcome = {
  /** Steps done. */
  readonly step: number;
  readonly validation: ValidationRecord | null;
  readonly best: ValidationRecord | null;
} & (
  | { readonly kind: "finished" | "reached" | "interrupted" }
  | { readonly kind: "broken"; readonly breakdown: Breakdown }
);

/** So often in a row a device may be lost without a step between that had not been done before. */
export const MOST_LOSSES = 3;

/** A breakdown tells of so many steps. */
const REMEMBERED = 6;

/**
 * Trains to the last step, or until the signal comes: the step that is being done is then finished and a snapshot
 * kept. Throws SnapshotError where `from` does not fit, what the network, the task or the observer throws, and the
 * DeviceError of a device that is lost again and again.
 */
export async function trainLoop(
  training: Training,
  observer: Observer,
  signal: AbortSignal,
): Promise<Outcome> {
  const { reopen } = training;
  const run = await Run.start(training, observer, signal);
  let furthest = -1;
  let losses = 0;
  let lost: DeviceError | undefined;
  for (;;) {
    try {
      if (lost !== undefined && reopen !== undefined) await run.recover(lost, reopen);
      lost = undefined;
      return await run.on();
    } catch (error) {
      if (!(error instanceof DeviceError) || error.kind !== "lost" || reopen === undefined) throw error;
      losses = run.step > furthest ? 1 : losses + 1;
      furthest = Math.max(furthest, run.step);
      if (losses > MOST_LOSSES) throw error;
      lost = error;
    }
  }
}

class Run {
  readonly #training: Training;
  readonly #observer: Observer;
  readonly #signal: AbortSignal;
  #trainable: Trainable;
  #progress: Progress;
  /** The one that the observer keeps, or that of the start. */
  #last: Snapshot;
  /** In order; the last few. */
  #records: readonly StepRecord[] = [];

  private constructor(training: Training, observer: Observer, signal: AbortSignal, first: Snapshot) {
    this.#training = training;
    this.#observer = observer;
    this.#signal = signal;
    this.#trainable = training.trainable;
    this.#progress = first.progress;
    this.#last = first;
  }

  static async start(training: Training, observer: Observer, signal: AbortSignal): Promise<Run> {
    const { from, trainable, task } = training;
    if (from) await restoreSnapshot(from, trainable, task.training);
    const first = from ?? (await takeSnapshot(trainable, task.training, atStart));
    return new Run(training, observer, signal, first);
  }

  /** Steps done. */
  get step(): number {
    return this.#progress.step;
  }

  /** Goes back to the last snapshot on a new device. */
  async recover(error: DeviceError, reopen: () => Promise<Trainable>): Promise<void> {
    const lostAt = this.step;
    this.#progress = this.#last.progress;
    this.#records = this.#records.filter(({ step }) => step <= this.step);
    this.#trainable = await reopen();
    await restoreSnapshot(this.#last, this.#trainable, this.#training.task.training);
    await this.#observer.recovered(error, lostAt, this.#progress);
  }

  /** From where it is to the end. */
  async on(): Promise<Outcome> {
    const { steps, checkpointEvery } = this.#training;
    for (;;) {
      const cause = this.#progress.validationIsDue ? await this.#validate() : undefined;
      if (cause !== undefined) return this.#broken(cause);
      const isReached = this.#isReached();
      const isOver = isReached || this.step >= steps || this.#signal.aborted;
      if (isOver || this.#isDue(checkpointEvery) || this.#isBest()) {
        if (!(await this.#keep())) return this.#broken("weights");
      }
      if (isReached) return this.#outcome("reached");
      if (this.step >= steps && !this.#progress.validationIsDue) return this.#outcome("finished");
      if (this.#signal.aborted) return this.#outcome("interrupted");
      const trouble = await this.#advance();
      if (trouble !== undefined) return this.#broken(trouble);
    }
  }

  /** One step of the optimizer; gives what is wrong with it. */
  async #advance(): Promise<Cause | undefined> {
    const { task, accumulate, evaluateEvery, steps } = this.#training;
    const batches = Array.from({ length: accumulate }, () => task.training.next());
    const tokens = batches.reduce((sum, { B, T }) => sum + B * T, this.#progress.tokens);
    const { step: done, firstLoss, highFor } = this.#progress;
    const step = done + 1;
    const learningRate = learningRateAt(step, this.#training);
    const stepped = await this.#trainable.step(inOneShape(batches), learningRate);
    const { loss, gradientNorm } = stepped;
    const record = { step, tokens, loss, accuracy: accuracyOf(stepped), learningRate, gradientNorm };
    const first = firstLoss ?? loss;
    this.#progress = {
      ...this.#progress,
      step,
      tokens,
      firstLoss: first,
      highFor: isHigh(loss, first, task.vocabulary) ? highFor + 1 : 0,
      validationIsDue: step === steps || (evaluateEvery > 0 && step % evaluateEvery === 0),
    };
    this.#records = [...this.#records, record].slice(-REMEMBERED);
    await this.#observer.stepped(record);
    return causeIn(record, this.#progress.highFor);
  }

  /** Does the validation that is due, unless the signal comes; gives what is wrong with it. */
  async #validate(): Promise<Cause | undefined> {
    const measured = await measureAll(this.#trainable, this.#training.task.validation(), this.#signal);
    if (measured === undefined) return undefined;
    const { step, tokens, best } = this.#progress;
    const { loss, counted } = measured;
    if (counted === 0) {
      this.#progress = { ...this.#progress, validationIsDue: false };
      return undefined;
    }
    const isBest = loss < (best?.loss ?? Number.POSITIVE_INFINITY);
    const validation = { step, tokens, loss, accuracy: accuracyOf(measured), isBest };
    this.#progress = {
      ...this.#progress,
      validationIsDue: false,
      validation,
      best: isBest ? validation : best,
    };
    await this.#observer.validated(validation);
    return Number.isFinite(loss) ? undefined : "validation";
  }

  /** Keeps what there is; nothing where it is kept already. False where weights are not finite, which no snapshot may be. */
  async #keep(): Promise<boolean> {
    if (this.#last.progress === this.#progress) return true;
    const snapshot = await takeSnapshot(this.#trainable, this.#training.task.training, this.#progress);
    if (!areFinite(snapshot.weights)) return false;
    await this.#observer.keep(snapshot);
    this.#last = snapshot;
    return true;
  }

  #isDue(every: number): boolean {
    return this.step > 0 && every > 0 && this.step % every === 0;
  }

  #isBest(): boolean {
    return this.step > 0 && this.#progress.best?.step === this.step;
  }

  #isReached(): boolean {
    const { validation } = this.#progress;
    const { untilAccuracy } = this.#training;
    return (
      untilAccuracy !== undefined && validation?.step === this.step && validation.accuracy >= untilAccuracy
    );
  }

  #outcome<K extends string>(kind: K) {
    const { step, validation, best } = this.#progress;
    return { kind, step, validation, best };
  }

  async #broken(cause: Cause): Promise<Outcome> {
    const { step, firstLoss } = this.#progress;
    const found = { cause, step, records: this.#records, firstLoss };
    const breakdown = await diagnose(found, this.#trainable, this.#last);
    return { ...this.#outcome("broken"), breakdown };
  }
}
