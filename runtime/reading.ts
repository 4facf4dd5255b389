/** A network that reads one sequence, token by token: everything it keeps stays on the device. */
import type { DecodingPlan } from "../compiler/plan/decoding.ts";
import type { Device } from "./device.ts";
import { packStates } from "./packing.ts";
import { ProgramRunner } from "./program.ts";
import { CapacityError } from "./resources.ts";
import type { Reader, Weights } from "./trainable.ts";

export class NetworkReader implements Reader {
  readonly #runner: ProgramRunner;
  readonly #plan: DecodingPlan;
  #position = 0;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(runner: ProgramRunner, plan: DecodingPlan) {
    this.#runner = runner;
    this.#plan = plan;
  }

  /**
   * `learned` is all of it, as it lies in memory, and `weights` the same by name. Throws CapacityError where the device
   * has not enough memory.
   */
  static async create(
    device: Device,
    plan: DecodingPlan,
    learned: Float32Array<ArrayBuffer>,
    weights: ReadonlyMap<string, Weights>,
  ): Promise<NetworkReader> {
    const runner = await ProgramRunner.create(device, plan);
    runner.write("learned", learned);
    for (const { tensor, block, learned: starts, records } of plan.states) {
      const named = [...starts].map(([state, of]) => [state, (weights.get(of) as Weights).data] as const);
      runner.write(tensor, packStates(block, new Map(named), records));
    }
    return new NetworkReader(runner, plan);
  }

  /**
   * The logits of what follows. Calls may overlap, and run in the order in which they were made. Throws CapacityError where
   * there is no room for a further token.
   */
  next(token: number): Promise<Float32Array> {
    const logits = this.#last.then(() => this.#next(token));
    this.#last = logits.catch(() => {});
    return logits;
  }

  async #next(token: number): Promise<Float32Array> {
    const { io, counters, chunks, name, room } = this.#plan;
    const position = this.#position;
    if (room !== undefined && position >= room)
      throw new CapacityError(
        `${name} keeps all tokens that it reads, and there is room for ${room}: open a reader for more`,
      );
    const runner = this.#runner;
    runner.write(io.tokens, Float32Array.of(token));
    for (const [counter, period] of counters) runner.write(counter, Float32Array.of(position % period));
    await runner.run(chunks.filter((chunk) => position % chunk === 0).join());
    this.#position++;
    return (await runner.read(io.logits)).get(io.logits) as Float32Array;
  }

  destroy(): void {
    this.#runner.destroy();
  }
}
