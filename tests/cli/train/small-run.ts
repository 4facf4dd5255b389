/** A run of a few steps on a bigram, with all that is written of it. */
import { existsSync } from "node:fs";
import pc from "picocolors";
import type { Io } from "../../../cli/io.ts";
import { lastCheckpoint } from "../../../cli/train/checkpoints.ts";
import { Recorder } from "../../../cli/train/recorder.ts";
import { RunFolder } from "../../../cli/train/run-folder.ts";
import type { Trainable } from "../../../runtime/trainable.ts";
import { trainLoop } from "../../../runtime/training/loop.ts";
import { atStart } from "../../../runtime/training/snapshot.ts";
import { Bigram, bigramTask } from "../../training/bigram.ts";

const plain = pc.createColors(false);
const io: Io = {
  out: () => {},
  err: () => {},
  readIn: async () => "",
  outColors: plain,
  errColors: plain,
  columns: undefined,
  errIsTerminal: false,
  now: () => performance.now(),
};

export const STEPS = 6;

/** Starts a run, or goes on with it, and gives the network at its end. */
export async function runIn(path: string, isAgain: boolean): Promise<Trainable> {
  const folder =
    isAgain && existsSync(path)
      ? await RunFolder.open(path)
      : await RunFolder.create(path, {
          spec: { spec: "// a spec", imports: new Map([["a.miras", "// another"]]) },
          config: { steps: STEPS },
        });
  await folder.removeTemporary();
  const from = (await lastCheckpoint(folder.checkpoints))?.snapshot;
  const recording = { folder, steps: STEPS, keep: 1, title: "a run", subtitle: "" };
  const recorder = await Recorder.open(recording, from?.progress ?? atStart, io);
  const trainable = new Bigram(7);
  await trainLoop(
    {
      trainable,
      task: bigramTask(),
      steps: STEPS,
      learningRate: 0.05,
      warmup: 1,
      floor: 0.005,
      accumulate: 1,
      evaluateEvery: 2,
      checkpointEvery: 1,
      from,
    },
    recorder,
    new AbortController().signal,
  );
  await recorder.draw();
  recorder.close();
  return trainable;
}
