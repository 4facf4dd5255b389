/** The training loop, on a network that is followed by hand. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Batch } from "../../runtime/data/batch.ts";
import { DeviceError } from "../../runtime/device.ts";
import type { Stepped, Trainable, Weights } from "../../runtime/trainable.ts";
import type { StepRecord } from "../../runtime/training/divergence.ts";
import { MOST_LOSSES, type Observer, type Training, trainLoop } from "../../runtime/training/loop.ts";
import type { Snapshot, ValidationRecord } from "../../runtime/training/snapshot.ts";
import { Bigram, bigramTask } from "./bigram.ts";

const never = new AbortController().signal;

interface Seen {
  readonly steps: StepRecord[];
  readonly validations: ValidationRecord[];
  readonly kept: Snapshot[];
  readonly recovered: [step: number, back: number][];
}

/** Keeps all that it is told; as a file would, a snapshot takes the place of an older one of its step. */
function watcher(then: Partial<Observer> = {}): { seen: Seen; observer: Observer } {
  const seen: Seen = { steps: [], validations: [], kept: [], recovered: [] };
  const observer: Observer = {
    stepped: (record) => {
      seen.steps.push(record);
      return then.stepped?.(record);
    },
    validated: (record) => {
      seen.validations.push(record);
      return then.validated?.(record);
    },
    keep: (snapshot) => {
      seen.kept.push(snapshot);
      return then.keep?.(snapshot);
    },
    recovered: (error, step, back) => {
      seen.recovered.push([step, back.step]);
      return then.recovered?.(error, step, back);
    },
  };
  return { seen, observer };
}

const training = (changes: Partial<Training> = {}): Training => ({
  trainable: new Bigram(7),
  task: bigramTask(),
  steps: 40,
  learningRate: 0.05,
  warmup: 4,
  floor: 0.005,
  accumulate: 1,
  evaluateEvery: 10,
  checkpointEvery: 20,
  ...changes,
});

const stateOf = async (trainable: Trainable): Promise<unknown> => ({
  weights: await trainable.weights(),
  optimizer: await trainable.optimizer(),
});

describe("a whole run", () => {
  it("learns, validates at intervals, and keeps snapshots at theirs and of the best", async () => {
    const { seen, observer } = watcher();
    const outcome = await trainLoop(training(), observer, never);
    expect(outcome).toMatchObject({ kind: "finished", step: 40 });
    expect(seen.steps.map(({ step }) => step)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
    expect(seen.steps.at(-1)?.tokens).toBe(400);
    expect(seen.validations.map(({ step }) => step)).toEqual([10, 20, 30, 40]);
    expect(seen.validations.every(({ isBest }) => isBest)).toBe(true);
    expect(seen.kept.map(({ progress }) => progress.step)).toEqual([10, 20, 30, 40]);
    expect(outcome.validation?.loss).toBeLessThan((seen.steps[0]?.loss ?? 0) / 2);
    expect(outcome.best).toEqual(seen.validations.at(-1));
  });

  it("keeps what is best by validation, between the intervals too, and not what is worse", async () => {
    const trainable = new Bigram(7);
    const losses = [3, 1, 2, 1, 0.5];
    const measures = { n: 0 };
    trainable.measure = async () => ({
      loss: losses[Math.floor(measures.n++ / 3)] ?? 0,
      correct: 0,
      counted: 1,
    });
    const { seen, observer } = watcher();
    await trainLoop(
      training({ trainable, steps: 5, evaluateEvery: 1, checkpointEvery: 3, warmup: 0 }),
      observer,
      never,
    );
    expect(seen.kept.map(({ progress: { step, best } }) => [step, best?.step])).toEqual([
      [1, 1],
      [2, 2],
      [3, 2],
      [5, 5],
    ]);
  });

  it("averages over the batches of a step", async () => {
    const got: number[] = [];
    const trainable = new Bigram(7);
    const step = trainable.step.bind(trainable);
    trainable.step = (batches, rate) => {
      got.push(batches.length);
      return step(batches, rate);
    };
    const { seen, observer } = watcher();
    await trainLoop(training({ trainable, accumulate: 3, steps: 2, warmup: 0 }), observer, never);
    expect(got).toEqual([3, 3]);
    expect(seen.steps.at(-1)?.tokens).toBe(60);
  });

  it("without intervals validates and keeps at the end", async () => {
    const { seen, observer } = watcher();
    await trainLoop(training({ evaluateEvery: 0, checkpointEvery: 0 }), observer, never);
    expect(seen.validations.map(({ step }) => step)).toEqual([40]);
    expect(seen.kept.map(({ progress }) => progress.step)).toEqual([40]);
  });

  it("ends once a validation is accurate enough", async () => {
    const { seen, observer } = watcher();
    const outcome = await trainLoop(training({ steps: 400, untilAccuracy: 0.9 }), observer, never);
    expect(outcome.kind).toBe("reached");
    expect(outcome.validation?.accuracy).toBeGreaterThanOrEqual(0.9);
    expect(outcome.step).toBeLessThan(400);
    expect(seen.kept.at(-1)?.progress.step).toBe(outcome.step);
    expect(seen.validations.slice(0, -1).every(({ accuracy }) => accuracy < 0.9)).toBe(true);
  });

  it("does not validate where nothing is there to measure", async () => {
    const task = { ...bigramTask(), validation: () => [] };
    const { seen, observer } = watcher();
    const outcome = await trainLoop(training({ task }), observer, never);
    expect(outcome).toMatchObject({ kind: "finished", validation: null, best: null });
    expect(seen.validations).toEqual([]);
  });
});

describe("going on", () => {
  it("from any snapshot comes to the same bits, wherever it was interrupted", async () => {
    const whole = training();
    const { seen: expected, observer } = watcher();
    await trainLoop(whole, observer, never);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 39 }), fc.boolean(), async (at, inValidation) => {
        const stop = new AbortController();
        const first = watcher({
          // The signal comes while the step is told of, or once its validation is.
          [inValidation ? "validated" : "stepped"]: ({ step }: { step: number }) => {
            if (step >= at) stop.abort();
          },
        });
        const halted = await trainLoop(training(), first.observer, stop.signal);
        if (halted.kind === "finished") return;
        expect(halted.kind).toBe("interrupted");
        const from = first.seen.kept.at(-1);
        expect(from?.progress.step).toBe(halted.step);
        const rest = training({ from });
        const second = watcher();
        expect(await trainLoop(rest, second.observer, never)).toMatchObject({ kind: "finished" });
        expect(await stateOf(rest.trainable)).toEqual(await stateOf(whole.trainable));
        expect([...first.seen.steps, ...second.seen.steps]).toEqual(expected.steps);
        expect([...first.seen.validations, ...second.seen.validations]).toEqual(expected.validations);
        expect(second.seen.kept.at(-1)).toEqual(expected.kept.at(-1));
      }),
      { numRuns: 25 },
    );
  });

  it("of a finished run does nothing", async () => {
    const { seen, observer } = watcher();
    await trainLoop(training(), observer, never);
    const again = watcher();
    const outcome = await trainLoop(training({ from: seen.kept.at(-1) }), again.observer, never);
    expect(outcome).toMatchObject({ kind: "finished", step: 40, validation: { step: 40 } });
    expect(again.seen).toEqual({ steps: [], validations: [], kept: [], recovered: [] });
  });
});

/** A bigram that a test can spoil. */
class Spoilt extends Bigram {
  steps = 0;
  readonly spoil: (step: number, stepped: Stepped) => Stepped;
  constructor(spoil: (step: number, stepped: Stepped) => Stepped) {
    super(7);
    this.spoil = spoil;
  }
  override async step(batches: readonly Batch[], rate: number): Promise<Stepped> {
    const stepped = await super.step(batches, rate);
    return this.spoil(++this.steps, stepped);
  }
}

describe("what breaks down", () => {
  it.each([
    ["loss", { loss: Number.NaN }],
    ["gradient", { gradientNorm: Number.POSITIVE_INFINITY }],
  ])("a %s that is not finite", async (cause, change) => {
    const trainable = new Spoilt((step, stepped) => (step === 25 ? { ...stepped, ...change } : stepped));
    const { seen, observer } = watcher();
    const outcome = await trainLoop(training({ trainable }), observer, never);
    expect(outcome).toMatchObject({
      kind: "broken",
      step: 25,
      breakdown: { cause, step: 25, since: 20, weights: [], moments: [], tensors: 2 },
    });
    if (outcome.kind !== "broken") return;
    expect(outcome.breakdown.records.map(({ step }) => step)).toEqual([20, 21, 22, 23, 24, 25]);
    expect(outcome.breakdown.records.at(-1)).toMatchObject(change);
    expect(outcome.breakdown.firstLoss).toBe(seen.steps[0]?.loss);
    expect(seen.kept.map(({ progress }) => progress.step)).toEqual([10, 20]);
  });

  it("names the tensors that are not finite, and where", async () => {
    const trainable = new Bigram(7);
    const step = trainable.step.bind(trainable);
    let n = 0;
    trainable.step = async (batches, rate) => {
      const stepped = await step(batches, rate);
      if (++n !== 3) return stepped;
      const weights = await trainable.weights();
      const { data } = weights.get("table") as Weights;
      data[4] = Number.NaN;
      data[9] = Number.NEGATIVE_INFINITY;
      (weights.get("bias") as Weights).data.fill(100);
      await trainable.restore(weights);
      return { ...stepped, gradientNorm: Number.NaN };
    };
    const outcome = await trainLoop(training({ trainable }), watcher().observer, never);
    expect(outcome).toMatchObject({
      breakdown: {
        cause: "gradient",
        weights: [{ name: "table", shape: [7, 7], notFinite: 2, first: 4 }],
        grown: [{ name: "bias", now: 100 }],
        since: 0,
      },
    });
  });

  it("never keeps weights that are not finite", async () => {
    const trainable = new Bigram(7);
    const weights = trainable.weights.bind(trainable);
    let n = 0;
    trainable.weights = async () => {
      const all = await weights();
      if (n++ >= 2) (all.get("bias") as Weights).data[2] = Number.NaN;
      return all;
    };
    const { seen, observer } = watcher();
    const outcome = await trainLoop(training({ trainable }), observer, never);
    expect(outcome).toMatchObject({ kind: "broken", breakdown: { cause: "weights", step: 20, since: 10 } });
    expect(seen.kept).toHaveLength(1);
  });

  it("a validation that is not finite", async () => {
    const trainable = new Bigram(7);
    trainable.measure = async () => ({ loss: Number.NaN, correct: 0, counted: 4 });
    const outcome = await trainLoop(training({ trainable }), watcher().observer, never);
    expect(outcome).toMatchObject({ kind: "broken", breakdown: { cause: "validation", step: 10, since: 0 } });
  });

  it("a loss that stays far above the first, and no spike", async () => {
    const high = (from: number, to: number) =>
      new Spoilt((step, stepped) => (step >= from && step <= to ? { ...stepped, loss: 9 } : stepped));
    const run = (trainable: Trainable) =>
      trainLoop(training({ trainable, evaluateEvery: 0 }), watcher().observer, never);
    expect(await run(high(5, 28))).toMatchObject({ kind: "finished" });
    expect(await run(high(5, 40))).toMatchObject({
      kind: "broken",
      breakdown: { cause: "diverged", step: 29 },
    });
  });
});

describe("a device that is lost", () => {
  const lost = () => new DeviceError("lost", ["a step"], "gone");
  const losing = (when: (step: number) => boolean): Bigram => {
    const trainable = new Bigram(7);
    const step = trainable.step.bind(trainable);
    let n = 0;
    trainable.step = async (batches, rate) => {
      if (when(++n)) throw lost();
      return step(batches, rate);
    };
    return trainable;
  };

  it("is replaced, and the run comes to the same bits", async () => {
    const whole = training();
    await trainLoop(whole, watcher().observer, never);
    const opened: Trainable[] = [];
    const { seen, observer } = watcher();
    const outcome = await trainLoop(
      training({
        trainable: losing((step) => step === 26),
        reopen: async () => opened[opened.push(new Bigram(7, { seed: 5 })) - 1] as Trainable,
      }),
      observer,
      never,
    );
    expect(outcome.kind).toBe("finished");
    expect(seen.recovered).toEqual([[25, 20]]);
    expect(seen.steps.map(({ step }) => step).slice(24, 27)).toEqual([25, 21, 22]);
    expect(opened).toHaveLength(1);
    expect(await stateOf(opened[0] as Trainable)).toEqual(await stateOf(whole.trainable));
  });

  it("before the first snapshot starts again", async () => {
    const { seen, observer } = watcher();
    const outcome = await trainLoop(
      training({ trainable: losing((s) => s === 4), reopen: async () => new Bigram(7) }),
      observer,
      never,
    );
    expect(outcome.kind).toBe("finished");
    expect(seen.recovered).toEqual([[3, 0]]);
  });

  it("again and again ends the run", async () => {
    const { seen, observer } = watcher();
    const reopen = async () => losing((step) => step === 3);
    await expect(
      trainLoop(training({ trainable: losing((s) => s === 16), reopen }), observer, never),
    ).rejects.toThrow(/the GPU was lost during a step/);
    expect(seen.recovered).toHaveLength(MOST_LOSSES);
    expect(seen.kept.map(({ progress }) => progress.step)).toEqual([10]);
  });

  it("as often as it likes is replaced while the run gets further", async () => {
    const { seen, observer } = watcher();
    const reopen = async () => losing((step) => step === 13);
    const outcome = await trainLoop(
      training({ trainable: losing((s) => s === 13), steps: 70, reopen }),
      observer,
      never,
    );
    expect(outcome.kind).toBe("finished");
    expect(seen.recovered.length).toBeGreaterThan(MOST_LOSSES);
  });

  it("ends the run where no other can be opened, and so do other errors", async () => {
    await expect(
      trainLoop(training({ trainable: losing((s) => s === 4) }), watcher().observer, never),
    ).rejects.toThrow(DeviceError);
    const other = new Bigram(7);
    other.step = async () => {
      throw new DeviceError("out-of-memory", ["a step"], "too much");
    };
    await expect(
      trainLoop(training({ trainable: other, reopen: async () => new Bigram(7) }), watcher().observer, never),
    ).rejects.toThrow(/out of memory/);
  });
});
