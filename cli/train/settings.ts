/** What a run is made with: what was asked for, and what holds where nothing was. */
import { resolve } from "node:path";
import type { Storage } from "../../compiler/plan/training.ts";
import type { DeviceName } from "../choose.ts";
import type { TaskChoice } from "../data/task.ts";
import { UsageError } from "../errors.ts";

export interface TrainOptions {
  readonly network?: string;
  readonly task?: string;
  readonly data?: readonly string[];
  readonly tokenizer?: string;
  /** `name=value` */
  readonly size?: readonly string[];
  readonly weights?: string;
  readonly batch?: number;
  readonly length?: number;
  readonly steps?: number;
  readonly lr?: number;
  readonly warmup?: number;
  readonly accumulate?: number;
  readonly clip?: number;
  readonly weightDecay?: number;
  readonly storage?: Storage;
  readonly seed?: number;
  readonly evaluateEvery?: number;
  readonly checkpointEvery?: number;
  readonly untilAccuracy?: number;
  readonly keep?: number;
  readonly out?: string;
  readonly resume?: string;
  readonly sweep?: string;
  readonly device?: DeviceName;
  readonly json?: boolean;
}

/** All that the numbers of a run depend on, besides the file and the device. As JSON; null for what was not asked for. */
export interface Settings {
  readonly network: string | null;
  readonly task: string | null;
  /** Absolute paths. */
  readonly data: readonly string[] | null;
  readonly tokenizer: string | null;
  readonly size: Readonly<Record<string, number>>;
  /** The absolute path of those that training starts from; drawn where null. */
  readonly weights: string | null;
  readonly batch: number | null;
  readonly length: number | null;
  readonly steps: number;
  readonly lr: number;
  readonly warmup: number;
  readonly accumulate: number;
  readonly clip: number;
  readonly weightDecay: number;
  readonly storage: Storage;
  readonly seed: number;
  readonly evaluateEvery: number;
  readonly checkpointEvery: number;
}

export const DEFAULTS = {
  steps: 1000,
  lr: 1e-3,
  accumulate: 1,
  clip: 1,
  weightDecay: 0.1,
  storage: "f32",
  seed: 1,
  keep: 3,
} as const;

/** Where nothing is asked for, the rate rises over a tenth of the steps, and over no more than so many. */
const MOST_WARMUP = 100;
/** Validations and checkpoints come after each tenth of the steps, and at least after so many. */
const MOST_BETWEEN = 1000;
/** The rate of the last step, relative to the largest. */
const FLOOR = 0.1;

export function settingsOf(options: TrainOptions): Settings {
  const steps = options.steps ?? DEFAULTS.steps;
  const warmup = options.warmup ?? Math.min(MOST_WARMUP, Math.round(steps / 10));
  const every = Math.max(1, Math.min(MOST_BETWEEN, Math.round(steps / 10)));
  if (warmup > steps)
    throw new UsageError(`a warm-up of ${warmup} steps does not fit into ${steps}`, [
      "give a smaller --warmup, or more --steps",
    ]);
  return {
    network: options.network ?? null,
    task: options.task ?? null,
    data: options.data?.map((path) => resolve(path)) ?? null,
    tokenizer: tokenizerOf(options.tokenizer) ?? null,
    size: sizesOf(options.size ?? []),
    weights: options.weights === undefined ? null : resolve(options.weights),
    batch: options.batch ?? null,
    length: options.length ?? null,
    steps,
    lr: options.lr ?? DEFAULTS.lr,
    warmup,
    accumulate: options.accumulate ?? DEFAULTS.accumulate,
    clip: options.clip ?? DEFAULTS.clip,
    weightDecay: options.weightDecay ?? DEFAULTS.weightDecay,
    storage: options.storage ?? DEFAULTS.storage,
    seed: options.seed ?? DEFAULTS.seed,
    evaluateEvery: options.evaluateEvery ?? every,
    checkpointEvery: options.checkpointEvery ?? every,
  };
}

/** A path is made absolute, so that a run can be gone on with from anywhere. */
const tokenizerOf = (given: string | undefined): string | undefined =>
  given === undefined || given === "bytes" || given === "characters" ? given : resolve(given);

function sizesOf(given: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    given.map((text) => {
      const [, name, value] = /^(\w+)=(.+)$/.exec(text) ?? [];
      const size = Number(value);
      if (name === undefined || !Number.isFinite(size))
        throw new UsageError(`--size ${text} should be a name and a number, such as --size kv=8`);
      return [name, size];
    }),
  );
}

export const scheduleOf = ({ steps, lr, warmup }: Settings) => ({
  steps,
  learningRate: lr,
  warmup,
  floor: FLOOR * lr,
});

export const taskChoice = ({ task, data, tokenizer, size, batch, length, seed }: Settings): TaskChoice => ({
  ...(task !== null && { task }),
  ...(data !== null && { data }),
  ...(tokenizer !== null && { tokenizer }),
  ...(batch !== null && { B: batch }),
  ...(length !== null && { T: length }),
  sizes: size,
  seed,
});

/**
 * What is asked of a run that goes on, and is not what the run was made with: a line each. Data may have moved, since
 * the run knows them by their content.
 */
export function differences(of: Settings, options: TrainOptions): string[] {
  const given: { readonly [K in keyof Settings]?: Settings[K] | undefined } = {
    network: options.network,
    task: options.task,
    tokenizer: tokenizerOf(options.tokenizer),
    size: options.size?.length ? sizesOf(options.size) : undefined,
    weights: options.weights === undefined ? undefined : resolve(options.weights),
    batch: options.batch,
    length: options.length,
    steps: options.steps,
    lr: options.lr,
    warmup: options.warmup,
    accumulate: options.accumulate,
    clip: options.clip,
    weightDecay: options.weightDecay,
    storage: options.storage,
    seed: options.seed,
    evaluateEvery: options.evaluateEvery,
    checkpointEvery: options.checkpointEvery,
  };
  return Object.entries(given).flatMap(([name, asked]) => {
    const had = of[name as keyof Settings];
    if (asked === undefined || JSON.stringify(asked) === JSON.stringify(had)) return [];
    const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    return [`--${flag} is ${shown(asked)} now, and the run was made with ${shown(had)}`];
  });
}

const shown = (value: unknown): string =>
  value === null ? "none" : typeof value === "object" ? JSON.stringify(value) : String(value);
