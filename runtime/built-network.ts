/** A network with its kernels and what it has learned: what a module of `miras build` is made of. */
import type { Device } from "./device.ts";
import { NetworkOnDevice } from "./network.ts";
import type { NetworkCode } from "./network-code.ts";
import { readNetwork, writeNetwork } from "./network-file.ts";
import { planOf } from "./network-plan.ts";
import type { Measured, Stepped } from "./trainable.ts";

/** Whole numbers, of which `Int32Array` takes the least room. */
export type Tokens = ArrayLike<number>;

/** What is learned from, `[B, T]` each. */
export interface TokenBatch {
  readonly tokens: Tokens;
  /** The token that should come next in each place, or -1 where none counts. */
  readonly targets: Tokens;
}

/** How a network starts. */
export interface NetworkStart {
  /** Of the weights that are drawn; 1 unless given, as `miras train` has it. The same one gives the same weights. */
  readonly seed?: number;
}

/** How a step is taken. */
export interface StepOptions {
  readonly learningRate: number;
}

/** What `Network.prepare` made for a network. */
export interface PreparedNetwork {
  readonly code: NetworkCode;
  readonly sizes: { readonly B: number; readonly T: number };
  readonly network: NetworkOnDevice;
}

/**
 * Reads B sequences of T tokens, and learns from them. Numbers of a result are f32, dense and row-major. What comes after a
 * token changes nothing of what is read there, so that a shorter sequence is one with any tokens after it, and targets of -1.
 * Calls may overlap, and run in the order in which they were made.
 */
export class Network {
  readonly #made: PreparedNetwork;
  #last: Promise<unknown> = Promise.resolve();

  protected constructor(made: PreparedNetwork) {
    this.#made = made;
  }

  /**
   * Chooses the kernels for a device, compiles them and draws the weights. Throws RangeError on sizes that were not built,
   * CapacityError where the device has too little memory, DeviceError where it refuses.
   */
  protected static async prepare(
    device: Device,
    code: NetworkCode,
    { B, T }: { readonly B: number; readonly T: number },
    { seed = 1 }: NetworkStart = {},
  ): Promise<PreparedNetwork> {
    const build = code.builds.find(({ sizes }) => sizes.B === B && sizes.T === T);
    if (!build) {
      const built = code.builds.map(({ sizes }) => `B = ${sizes.B}, T = ${sizes.T}`).join("; or ");
      throw new RangeError(
        `${code.name} was built for ${built}, and not for B = ${B}, T = ${T}: choose one of these, or build it with --sizes`,
      );
    }
    const fit = build.plans.find(({ lanes }) => lanes === device.subgroupSize);
    const plan = fit ?? build.plans.find(({ lanes }) => lanes === 0);
    if (!plan) throw new RangeError(`${code.name} was built without kernels for ${device.adapter.name}`);
    const { vocabulary, layout, betas } = code;
    const network = new NetworkOnDevice(device, {
      vocabulary,
      seed,
      layout,
      plan: () => planOf(code, plan),
      corrections: (step) => [1 - betas[0] ** step, 1 - betas[1] ** step],
    });
    await network.compile({ B, T });
    return { code, sizes: { B, T }, network };
  }

  /** Reads `tokens [B, T]`, and gives the logits `[B, T, vocabulary]` of what comes after each. */
  forward(tokens: Tokens): Promise<Float32Array> {
    return this.#inTurn(async () => {
      const batch = this.#checked({ tokens, targets: new Int32Array(tokens.length).fill(-1) });
      return this.#made.network.logits(batch);
    });
  }

  /** Takes one step of AdamW on a batch, and tells what the network made of it before that step. */
  step(batch: TokenBatch, { learningRate }: StepOptions): Promise<Stepped> {
    return this.#inTurn(async () => {
      if (!(learningRate >= 0 && learningRate < Infinity))
        throw new RangeError(`learningRate is ${learningRate}, and should be a number from 0 on`);
      return this.#made.network.step([this.#checked(batch)], learningRate);
    });
  }

  /** Measures a batch without learning from it. */
  measure(batch: TokenBatch): Promise<Measured> {
    return this.#inTurn(async () => this.#made.network.measure(this.#checked(batch)));
  }

  /**
   * Takes weights from a safetensors file, such as `save` writes or `miras train` leaves as a checkpoint, and what the
   * optimizer carries where that is there too. Throws SafetensorsError on a file that is none, RangeError on tensors that
   * do not fit.
   */
  load(bytes: Uint8Array): Promise<void> {
    return this.#inTurn(async () => {
      const { weights, optimizer } = readNetwork(bytes, this.#made.code);
      await this.#made.network.restore(weights, optimizer);
    });
  }

  /** The weights as a safetensors file, with what the optimizer carries once it has taken a step. */
  save(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#inTurn(async () => {
      const { network } = this.#made;
      return writeNetwork(await network.weights(), await network.optimizer());
    });
  }

  /** Gives its buffers back. The device stays. */
  destroy(): void {
    this.#made.network.destroy();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  #checked({ tokens, targets }: TokenBatch) {
    const { code, sizes } = this.#made;
    return {
      ...sizes,
      tokens: whole("tokens", tokens, 0, this.#made),
      targets: whole("targets", targets, -1, { code, sizes }),
    };
  }
}

/** `[B, T]` whole numbers from `least` on, and below the vocabulary's size. */
function whole(
  what: string,
  numbers: Tokens,
  least: number,
  { code: { name, vocabulary }, sizes: { B, T } }: Pick<PreparedNetwork, "code" | "sizes">,
): Int32Array {
  if (numbers.length !== B * T)
    throw new RangeError(`${what} has ${numbers.length} numbers, and ${name} takes [${B}, ${T}]: ${B * T}`);
  const all = Array.from(numbers);
  const at = all.findIndex((n) => !Number.isInteger(n) || n < least || n >= vocabulary);
  if (at >= 0)
    throw new RangeError(
      `${what}[${at}] is ${all[at]}, and should be a whole number from ${least} to ${vocabulary - 1}`,
    );
  return Int32Array.from(all);
}
