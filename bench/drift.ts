/**
 * How the error against f64 grows with the length: of each form, over all tokens and over the last eighth of them, with
 * gates as they mostly are, with decays next to 1, which forget no error, and with gates that are 0 or next to it.
 */
import type { Device } from "../runtime/device.ts";
import { type Form, forms, type Kernel } from "./forms.ts";
import { BOUND } from "./race.ts";
import { errorRatio } from "./statistics.ts";
import { type Drawing, exactly, type Task, taskFor, uniform } from "./task.ts";
import type { Workload } from "./workloads/workload.ts";

/** Narrow, so that f64 by plain loops reaches the longest. */
export const SHAPE = { H: 2, D: 16 };
/** The part of the tokens, at their end, whose error shows what has gathered. */
const LAST = 1 / 8;
/** Half a unit in the last place of an f32. */
const HALF_UNIT = 2 ** -24;
/** A run that reports its progress waits for each of its submissions: a software adapter does not bear all at once. */
const WAITING = { progress: () => undefined };

export interface Regime {
  readonly name: string;
  readonly gates: string;
  readonly drawing: Drawing;
}

const within = ([low, high]: readonly [number, number], random: () => number): number =>
  low + (high - low) * random();

export const regimes: readonly Regime[] = [
  {
    name: "ordinary",
    gates: "as in the tables of times",
    drawing: ({ range }, random) => within(range, random),
  },
  {
    name: "close to 1",
    gates: "decays from 0.9999 to 1",
    drawing: ({ range, keeps }, random) => within(keeps ? [0.9999, 1] : range, random),
  },
  {
    name: "hard",
    gates:
      "of 64 values of any gate about one is 0, and one anything from 1 down to 1e-30 on a logarithmic scale",
    drawing({ range }, random) {
      const chance = 64 * random();
      if (chance < 1) return 0;
      return chance < 2 ? 10 ** (-30 * random()) : within(range, random);
    },
  },
];

/** Those that differ for a workload. */
export const regimesOf = ({ gates }: Workload): readonly Regime[] =>
  regimes.slice(0, Object.keys(gates).length > 0 ? regimes.length : 1);

export interface DriftRow {
  readonly workload: Workload;
  readonly regime: Regime;
  readonly T: number;
  readonly errors: readonly FormError[];
  /** How far f64 itself moves when each input moves by half a unit in the last place of an f32: where an error is large. */
  readonly moves: number | undefined;
}

export type FormError = { readonly form: Form } & (Measured | NotMeasured);

interface Measured {
  readonly kind: "measured";
  readonly all: number;
  readonly last: number;
}

interface NotMeasured {
  readonly kind: "not measured";
  readonly why: string;
  /** It broke: a fault, unlike what would only take too long. */
  readonly fault: boolean;
}

/** A row for each regime and length. What would take more than `limit` seconds, going by a shorter length, is left out. */
export async function drift(
  device: Device,
  workload: Workload,
  lengths: readonly number[],
  limit: number,
): Promise<DriftRow[]> {
  const rows: DriftRow[] = [];
  const kernels = new Kernels(device);
  const budget = new Budget(workload, limit);
  for (const T of lengths) {
    for (const regime of regimesOf(workload)) {
      const noReference = budget.excess("f64", T);
      if (noReference) {
        rows.push({
          workload,
          regime,
          T,
          errors: forms.map((form) => ({ form, ...noReference })),
          moves: undefined,
        });
        continue;
      }
      const started = performance.now();
      const task = taskFor(workload, T, SHAPE, regime.drawing);
      budget.took("f64", T, performance.now() - started);
      const errors: FormError[] = [];
      for (const form of forms) {
        const excess = budget.excess(form.name, T);
        errors.push({ form, ...(excess ?? (await measured(form, task, kernels, budget))) });
      }
      const isLarge = errors.some((e) => e.kind === "measured" && !(Math.max(e.all, e.last) <= BOUND));
      rows.push({ workload, regime, T, errors, moves: isLarge ? movement(task) : undefined });
    }
  }
  kernels.close();
  return regimesOf(workload).flatMap((regime) => rows.filter((row) => row.regime === regime));
}

async function measured(
  form: Form,
  task: Task,
  kernels: Kernels,
  budget: Budget,
): Promise<Measured | NotMeasured> {
  const { T, data, states, want } = task;
  const { H, D } = SHAPE;
  try {
    const kernel = await kernels.of(form, task);
    const { y, milliseconds } = await kernel.run({ B: 1, T, H }, data, states, D, WAITING);
    budget.took(form.name, T, milliseconds);
    const first = (1 - LAST) * T * H * D;
    const last = errorRatio(y.subarray(first), want.subarray(first));
    return { kind: "measured", all: errorRatio(y, want), last };
  } catch (error) {
    return { kind: "not measured", why: error instanceof Error ? error.message : String(error), fault: true };
  }
}

function movement({ workload, T, data, states, want }: Task): number {
  const random = uniform();
  const moved = (given: Task["data"]): Map<string, Float64Array> =>
    new Map(
      [...given].map(([name, x]) => [
        name,
        Float64Array.from(x, (v) => v * (1 + (random() < 0.5 ? HALF_UNIT : -HALF_UNIT))),
      ]),
    );
  return errorRatio(exactly(workload, T, SHAPE, moved(data), moved(states)), want);
}

/** Warm kernels, one for all lengths where the memory is not as long as the sequence. */
class Kernels {
  readonly #device: Device;
  readonly #made = new Map<string, Kernel>();

  constructor(device: Device) {
    this.#device = device;
  }

  async of(form: Form, { model, T, data, states }: Task): Promise<Kernel> {
    const { H, D } = SHAPE;
    const isAsLong = model.rule.states.some(({ shape }) => shape.some((d) => d.names.includes("tokens")));
    const key = isAsLong ? `${form.name} ${T}` : form.name;
    const found = this.#made.get(key);
    if (found) return found;
    const kernel = await form.create(model, { dk: D, dv: D, tokens: T }, this.#device);
    this.#made.set(key, kernel);
    // The driver compiles with the first run, and that is not to count.
    await kernel.run({ B: 1, T, H }, data, states, D);
    return kernel;
  }

  close(): void {
    for (const kernel of this.#made.values()) kernel.destroy();
  }
}

/** What something takes at a length, going by the time that it took at a shorter one. */
class Budget {
  readonly #workload: Workload;
  readonly #limit: number;
  readonly #before = new Map<string, { readonly T: number; readonly seconds: number }>();

  constructor(workload: Workload, limit: number) {
    this.#workload = workload;
    this.#limit = limit;
  }

  took(what: string, T: number, milliseconds: number): void {
    this.#before.set(what, { T, seconds: milliseconds / 1000 });
  }

  excess(what: string, T: number): NotMeasured | undefined {
    const before = this.#before.get(what);
    if (!before) return undefined;
    const { flops } = this.#workload;
    const seconds = (before.seconds * flops(T, SHAPE.D)) / flops(before.T, SHAPE.D);
    const why = `left out: ${what} would take about ${Math.round(seconds)} s`;
    return seconds > this.#limit ? { kind: "not measured", why, fault: false } : undefined;
  }
}
