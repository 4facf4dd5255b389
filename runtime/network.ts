/** A network on a device, that learns: its plan's sequences, run for one batch after another. */
import type { DecodingPlan } from "../compiler/plan/decoding.ts";
import type { Layout, TrainingPlan } from "../compiler/plan/training.ts";
import type { Batch } from "./data/batch.ts";
import { Random } from "./data/random.ts";
import type { Device } from "./device.ts";
import type { ProgramParts } from "./program/parts.ts";
import { ProgramRunner } from "./program.ts";
import { NetworkReader } from "./reading.ts";
import type { Measured, Reader, Stepped, Trainable, Weights } from "./trainable.ts";

/** The stream of a seed that weights are drawn from. */
const WEIGHTS = 3;
/** Tokens that a reader has room for where nothing is said. */
const USUAL_LENGTH = 4096;

export interface Shape {
  /** Sequences. */
  readonly B: number;
  /** Tokens of each. */
  readonly T: number;
}

/** What is run for a network. */
export type Plan = ProgramParts & Pick<TrainingPlan, "fixed" | "io">;

/** What making a network takes besides its device. */
export interface Making {
  readonly vocabulary: number;
  /** Of the values that the weights start with. */
  readonly seed: number;
  readonly layout: Layout;
  readonly plan: (shape: Shape) => Plan;
  /** How it reads token by token, up to so many; a network that only learns has none. */
  readonly decoding?: (length: number) => DecodingPlan;
  /** 1 − β^t of both moments. */
  readonly corrections: (step: number) => readonly [number, number];
}

/** A plan in memory. */
interface Loaded {
  readonly shape: Shape;
  readonly plan: Plan;
  readonly runner: ProgramRunner;
}

/** What outlasts a change of shape. */
interface Held {
  readonly learned: Float32Array<ArrayBuffer>;
  readonly moments: readonly [Float32Array<ArrayBuffer>, Float32Array<ArrayBuffer>];
}

const MOMENTS = ["moment 1", "moment 2"] as const;

export class NetworkOnDevice implements Trainable {
  readonly parameters: number;
  readonly vocabulary: number;
  readonly #device: Device;
  readonly #making: Making;
  #held: Held;
  #loaded: Loaded | undefined;
  #step = 0;

  /** Draws the weights; kernels are compiled when the first batch says how large it is. */
  constructor(device: Device, making: Making) {
    this.#device = device;
    this.#making = making;
    this.vocabulary = making.vocabulary;
    const { length, weights } = making.layout;
    this.parameters = weights.reduce((n, w) => n + sizeOf(w.shape), 0);
    this.#held = {
      learned: drawn(making.layout, making.seed),
      moments: [new Float32Array(length), new Float32Array(length)],
    };
  }

  /** Kernels for batches of this shape, before the first one comes. Throws what `ProgramRunner.create` does. */
  async compile(shape: Shape): Promise<void> {
    await this.#fitting([shape]);
  }

  async step(batches: readonly Batch[], learningRate: number): Promise<Stepped> {
    const { runner, plan, shape } = await this.#fitting(batches);
    const step = this.#step + 1;
    const measured: Measured[] = [];
    for (const [i, batch] of batches.entries()) {
      this.#give(runner, plan, batch, shape);
      await runner.run("forwards");
      await runner.run("backwards");
      await runner.run(i === 0 ? "take" : "add");
      if (i < batches.length - 1) measured.push(await result(runner, plan));
    }
    const [one, two] = this.#making.corrections(step);
    const numbers = {
      rate: learningRate,
      share: 1 / batches.length,
      "correction 1": one,
      "correction 2": two,
    };
    for (const [name, value] of Object.entries(numbers)) runner.write(name, Float32Array.of(value));
    await runner.run("update");
    const { loss, correct, counted } = plan.io;
    const read = await runner.read(loss, correct, counted, "gradient norm");
    measured.push(asMeasured(read, plan));
    this.#step = step;
    return { ...mean(measured), gradientNorm: read.get("gradient norm")?.[0] as number };
  }

  async measure(batch: Batch): Promise<Measured> {
    const { runner, plan, shape } = await this.#fitting([batch]);
    this.#give(runner, plan, batch, shape);
    await runner.run("forwards");
    return result(runner, plan);
  }

  /** The logits `[B, T, vocabulary]`, for tests and for whoever wants to look. */
  async logits(batch: Batch): Promise<Float32Array> {
    const { runner, plan, shape } = await this.#fitting([batch]);
    this.#give(runner, plan, batch, shape);
    await runner.run("forwards");
    const all = (await runner.read(plan.io.logits)).get(plan.io.logits) as Float32Array;
    const { vocabulary } = this;
    const out = new Float32Array(batch.B * batch.T * vocabulary);
    for (let b = 0; b < batch.B; b++) {
      const from = b * shape.T * vocabulary;
      out.set(all.subarray(from, from + batch.T * vocabulary), b * batch.T * vocabulary);
    }
    return out;
  }

  /** Of the loss by everything that is learned, as the last step left it. */
  async gradient(): Promise<Map<string, Weights>> {
    const name = "gradient, added up";
    const read = await this.#loaded?.runner.read(name);
    return this.#apart(read?.get(name) ?? new Float32Array(this.#making.layout.length));
  }

  async weights(): Promise<Map<string, Weights>> {
    return this.#apart((await this.#read()).learned);
  }

  async optimizer(): Promise<{ readonly step: number; readonly moments: Map<string, Weights> }> {
    const { moments } = await this.#read();
    const named = moments.flatMap((data, i) =>
      [...this.#apart(data)].map(([name, w]) => [`${name}.${MOMENTS[i]}`, w] as const),
    );
    return { step: this.#step, moments: new Map(named) };
  }

  async restore(
    weights: ReadonlyMap<string, Weights>,
    optimizer?: { readonly step: number; readonly moments: ReadonlyMap<string, Weights> },
  ): Promise<void> {
    const learned = this.#together(weights, "");
    const zeros = (): Float32Array<ArrayBuffer> => new Float32Array(this.#making.layout.length);
    const moments = optimizer
      ? (MOMENTS.map((m) => this.#together(optimizer.moments, `.${m}`)) as [
          Float32Array<ArrayBuffer>,
          Float32Array<ArrayBuffer>,
        ])
      : ([zeros(), zeros()] as const);
    this.#held = { learned, moments };
    this.#step = optimizer?.step ?? 0;
    if (this.#loaded) put(this.#loaded.runner, this.#held);
  }

  async reader(length = USUAL_LENGTH): Promise<Reader> {
    const { learned } = await this.#read();
    const { decoding } = this.#making;
    if (!decoding) throw new RangeError("this network was built without a way to read token by token");
    return NetworkReader.create(this.#device, decoding(length), learned, this.#apart(learned));
  }

  destroy(): void {
    this.#loaded?.runner.destroy();
    this.#loaded = undefined;
  }

  // ---------------------------------------------------------------- memory

  /** Kernels for batches of this shape, or of a larger one. */
  async #fitting(batches: readonly Shape[]): Promise<Loaded> {
    const most = (of: "B" | "T"): number =>
      Math.max(...batches.map((b) => b[of]), this.#loaded?.shape[of] ?? 1);
    const shape = { B: most("B"), T: most("T") };
    const loaded = this.#loaded;
    if (loaded && loaded.shape.B === shape.B && loaded.shape.T === shape.T) return loaded;
    if (loaded) {
      this.#held = await this.#read();
      this.destroy();
    }
    const plan = this.#making.plan(shape);
    const runner = await ProgramRunner.create(this.#device, plan);
    for (const [name, numbers] of plan.fixed) runner.write(name, Float32Array.from(numbers));
    put(runner, this.#held);
    this.#loaded = { shape, plan, runner };
    return this.#loaded;
  }

  /** A batch in the top left of the shape: what is added has no targets, and what comes after a place changes nothing. */
  #give(runner: ProgramRunner, { io }: Plan, batch: Batch, { B, T }: Shape): void {
    const tokens = new Float32Array(B * T);
    const targets = new Float32Array(B * T).fill(-1);
    for (let b = 0; b < batch.B; b++) {
      const row = [b * batch.T, (b + 1) * batch.T] as const;
      tokens.set(batch.tokens.subarray(...row), b * T);
      targets.set(batch.targets.subarray(...row), b * T);
    }
    runner.write(io.tokens, tokens);
    runner.write(io.targets, targets);
  }

  async #read(): Promise<Held> {
    if (!this.#loaded) return this.#held;
    const read = await this.#loaded.runner.read("learned", ...MOMENTS);
    const of = (name: string): Float32Array<ArrayBuffer> => read.get(name) as Float32Array<ArrayBuffer>;
    return { learned: of("learned"), moments: [of(MOMENTS[0]), of(MOMENTS[1])] };
  }

  #apart(data: Float32Array): Map<string, Weights> {
    return new Map(
      this.#making.layout.weights.map(({ name, shape, offset }) => [
        name,
        { shape, data: data.slice(offset, offset + sizeOf(shape)) },
      ]),
    );
  }

  #together(some: ReadonlyMap<string, Weights>, suffix: string): Float32Array<ArrayBuffer> {
    const all = new Float32Array(this.#making.layout.length);
    for (const { name, shape, offset } of this.#making.layout.weights) {
      const given = some.get(`${name}${suffix}`);
      if (!given) throw new RangeError(`there is no ${name}${suffix}`);
      if (given.shape.join() !== shape.join())
        throw new RangeError(
          `${name}${suffix} is [${given.shape.join(", ")}], and should be [${shape.join(", ")}]`,
        );
      all.set(given.data, offset);
    }
    return all;
  }
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

function drawn({ weights, length }: Layout, seed: number): Float32Array<ArrayBuffer> {
  const random = Random.of(seed, WEIGHTS);
  const all = new Float32Array(length);
  for (const { shape, start, offset } of weights)
    for (let i = 0; i < sizeOf(shape); i++)
      all[offset + i] = start.kind === "constant" ? start.value : start.deviation * random.normal();
  return all;
}

function put(runner: ProgramRunner, { learned, moments }: Held): void {
  runner.write("learned", learned);
  for (const [i, name] of MOMENTS.entries()) runner.write(name, moments[i] as Float32Array<ArrayBuffer>);
}

async function result(runner: ProgramRunner, plan: Plan): Promise<Measured> {
  const { loss, correct, counted } = plan.io;
  return asMeasured(await runner.read(loss, correct, counted), plan);
}

function asMeasured(read: ReadonlyMap<string, Float32Array>, { io }: Plan): Measured {
  const number = (name: string): number => read.get(name)?.[0] as number;
  return { loss: number(io.loss), correct: number(io.correct), counted: number(io.counted) };
}

/** Of several batches: the loss is the mean of theirs, as the gradient is. */
function mean(all: readonly Measured[]): Measured {
  const sum = (of: keyof Measured): number => all.reduce((n, m) => n + m[of], 0);
  return { loss: sum("loss") / all.length, correct: sum("correct"), counted: sum("counted") };
}
