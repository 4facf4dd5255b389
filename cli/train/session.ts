/** Trains a run in its folder, from its start or from its last snapshot, until it ends or is interrupted. */
import type { Trainable } from "../../runtime/trainable.ts";
import { type Outcome, trainLoop } from "../../runtime/training/loop.ts";
import { atStart, type Snapshot, SnapshotError } from "../../runtime/training/snapshot.ts";
import type { ChosenTask } from "../data/task.ts";
import { UsageError } from "../errors.ts";
import type { Io } from "../io.ts";
import type { OpenedNetwork } from "./network.ts";
import { Recorder } from "./recorder.ts";
import type { RunFolder } from "./run-folder.ts";
import { type Settings, scheduleOf } from "./settings.ts";

export interface Session {
  readonly folder: RunFolder;
  readonly settings: Settings;
  readonly task: ChosenTask;
  readonly network: NetworkHolder;
  readonly from?: Snapshot | undefined;
  readonly keep: number;
  readonly untilAccuracy?: number | undefined;
  /** Over the curves. */
  readonly title: string;
}

export interface Ended {
  readonly outcome: Outcome;
  readonly folder: RunFolder;
  /** Tokens read in all, and seconds of training, over all sessions. */
  readonly tokens: number;
  readonly seconds: number;
  /** In the steps of this session alone, validations left out; NaN without steps. */
  readonly tokensPerSecond: number;
}

/** The network of a run: one at a time, opened anew where its device is lost. */
export class NetworkHolder {
  readonly #open: () => Promise<OpenedNetwork>;
  #opened: OpenedNetwork | undefined;

  private constructor(open: () => Promise<OpenedNetwork>, opened: OpenedNetwork) {
    this.#open = open;
    this.#opened = opened;
  }

  static async open(open: () => Promise<OpenedNetwork>): Promise<NetworkHolder> {
    return new NetworkHolder(open, await open());
  }

  get current(): OpenedNetwork {
    if (this.#opened === undefined) throw new Error("the network is closed");
    return this.#opened;
  }

  /** Starts from the weights of a file. */
  async takeWeights(path: string): Promise<void> {
    const { trainable, weightsIn } = this.current;
    await trainable.restore(await weightsIn(path));
  }

  async reopen(): Promise<Trainable> {
    // What is lost may refuse even to be closed.
    await this.close().catch(() => {});
    this.#opened = await this.#open();
    return this.#opened.trainable;
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.close();
  }
}

export async function runSession(session: Session, io: Io, signal: AbortSignal): Promise<Ended> {
  const { folder, settings, task, network, from, keep, untilAccuracy, title } = session;
  const { steps, accumulate, evaluateEvery, checkpointEvery, lr, seed } = settings;
  const subtitle = `learning rate ${lr}, seed ${seed}; ${network.current.device}`;
  const recorder = await Recorder.open(
    { folder, steps, keep, title, subtitle },
    from?.progress ?? atStart,
    io,
  );
  try {
    const outcome = await trainLoop(
      {
        ...scheduleOf(settings),
        trainable: network.current.trainable,
        task: {
          description: task.description,
          vocabulary: task.vocabulary,
          training: task.training,
          validation: () => recorder.telling(task.validation()),
        },
        accumulate,
        evaluateEvery,
        checkpointEvery,
        untilAccuracy,
        from,
        reopen: () => network.reopen(),
      },
      recorder,
      signal,
    ).catch((error: unknown) => {
      if (!(error instanceof SnapshotError)) throw error;
      throw new UsageError(`${folder.path} cannot be gone on with: ${error.message}`, [
        "the spec, the data or the checkpoint is not the one that the run was made with",
      ]);
    });
    await recorder.draw();
    const { seconds, tokens, tokensPerSecond } = recorder;
    return { outcome, folder, seconds, tokens, tokensPerSecond };
  } finally {
    recorder.close();
  }
}
