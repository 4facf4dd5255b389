/** Writes down what training does, and tells of it on stderr. */
import type { Batch } from "../../runtime/data/batch.ts";
import type { DeviceError } from "../../runtime/device.ts";
import type { StepRecord } from "../../runtime/training/divergence.ts";
import type { Observer } from "../../runtime/training/loop.ts";
import type { Progress as Place, Snapshot, ValidationRecord } from "../../runtime/training/snapshot.ts";
import { type Io, Progress } from "../io.ts";
import { removeOld, saveCheckpoint } from "./checkpoints.ts";
import { curves } from "./curves.ts";
import { Metrics } from "./metrics.ts";
import type { RunFolder } from "./run-folder.ts";
import { duration, figure, rate, share } from "./words.ts";

export interface Recording {
  readonly folder: RunFolder;
  /** Steps of the whole run. */
  readonly steps: number;
  /** How many of the last snapshots to keep. */
  readonly keep: number;
  /** Over the curves. */
  readonly title: string;
  readonly subtitle: string;
}

/** The rate on the line of progress is that of so many steps. */
const RECENT = 20;

export class Recorder implements Observer {
  readonly #recording: Recording;
  readonly #metrics: Metrics;
  readonly #io: Io;
  readonly #line: Progress;
  /** What `Io.now` was when the run would have started, had it never stopped. */
  readonly #start: number;
  /** From where the time that is left is counted. */
  #first: { readonly step: number; readonly at: number };
  /** When the last thing was done that takes time. */
  #since: number;
  #recent: { readonly tokens: number; readonly seconds: number }[] = [];
  #tokens: number;
  /** Of the steps of this session. */
  readonly #sum = { tokens: 0, seconds: 0 };

  private constructor(recording: Recording, metrics: Metrics, from: Place, io: Io) {
    this.#recording = recording;
    this.#metrics = metrics;
    this.#io = io;
    this.#line = new Progress(io);
    this.#since = io.now();
    this.#start = this.#since - 1000 * metrics.seconds;
    this.#first = { step: from.step, at: this.#since };
    this.#tokens = from.tokens;
  }

  /** Goes on writing from there. */
  static async open(recording: Recording, from: Place, io: Io): Promise<Recorder> {
    const { folder, keep } = recording;
    await removeOld(folder.checkpoints, from, keep);
    return new Recorder(recording, await Metrics.open(folder.metrics, from), from, io);
  }

  /** Seconds of training so far, over all sessions. */
  get seconds(): number {
    return (this.#io.now() - this.#start) / 1000;
  }

  /** Tokens read in all. */
  get tokens(): number {
    return this.#tokens;
  }

  /** In the steps of this session, without what is done between them; NaN before the first one. */
  get tokensPerSecond(): number {
    return this.#sum.tokens / this.#sum.seconds;
  }

  async stepped(record: StepRecord): Promise<void> {
    const seconds = this.#lap();
    const tokens = record.tokens - this.#tokens;
    this.#tokens = record.tokens;
    this.#sum.tokens += tokens;
    this.#sum.seconds += seconds;
    this.#recent = [...this.#recent, { tokens, seconds }].slice(-RECENT);
    this.#metrics.add({
      kind: "step",
      ...record,
      tokensPerSecond: tokens / seconds,
      seconds: this.seconds,
    });
    this.#line.say(this.#told(record));
    // So that Ctrl-C is heard even where a step never waits for anything.
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** The batches of a validation, of which the line of progress tells as they are taken. */
  *telling(batches: Iterable<Batch>): Iterable<Batch> {
    let n = 0;
    for (const batch of batches) {
      this.#line.say(`validation, batch ${++n}`);
      yield batch;
    }
  }

  validated(record: ValidationRecord): void {
    this.#metrics.add({ kind: "validation", ...record, seconds: this.seconds });
    const best = record.isBest ? ", the best so far" : "";
    this.say(
      `step ${record.step}: validation loss ${figure(record.loss)}, accuracy ${share(record.accuracy)}${best}`,
    );
    this.#lap();
  }

  async keep(snapshot: Snapshot): Promise<void> {
    const { folder, keep } = this.#recording;
    // The lines up to a snapshot are there whenever it is.
    this.#metrics.sync();
    await saveCheckpoint(folder.checkpoints, snapshot, keep);
    await this.draw();
    this.#lap();
  }

  async recovered(error: DeviceError, step: number, back: Place): Promise<void> {
    await this.#metrics.backTo(back);
    this.#tokens = back.tokens;
    this.#first = { step: back.step, at: this.#io.now() };
    this.say(
      `${error.message.split("\n", 1)[0]}, after step ${step}; a device was opened anew, and training goes on from step ${back.step}`,
    );
    this.#lap();
  }

  /** A line on stderr that stays. */
  say(text: string): void {
    this.#line.clear();
    this.#io.err(`${text}\n`);
  }

  /** Takes the line of progress away, and writes nothing more. */
  close(): void {
    this.#line.clear();
    this.#metrics.close();
  }

  /** The curves of what has been measured so far. */
  async draw(): Promise<void> {
    const { folder, title, subtitle } = this.#recording;
    await folder.writeCurves(curves(title, subtitle, this.#metrics.lines));
  }

  /** Seconds since the last time. */
  #lap(): number {
    const now = this.#io.now();
    const seconds = (now - this.#since) / 1000;
    this.#since = now;
    return seconds;
  }

  #told({ step, loss, accuracy, gradientNorm }: StepRecord): string {
    const { steps } = this.#recording;
    const sum = (of: "tokens" | "seconds"): number =>
      this.#recent.reduce((total, each) => total + each[of], 0);
    const spent = (this.#io.now() - this.#first.at) / 1000;
    const left = (spent / (step - this.#first.step)) * (steps - step);
    return [
      `step ${step}/${steps}`,
      `loss ${figure(loss)}`,
      `accuracy ${share(accuracy)}`,
      `gradient ${figure(gradientNorm)}`,
      `${rate(sum("tokens") / sum("seconds"))} tokens/s`,
      `${duration(left)} left`,
    ].join(", ");
  }
}
