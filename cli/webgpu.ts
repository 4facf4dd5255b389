/** Runs memories on the WebGPU adapter of this machine. */
import { type Extents, elements, type Result, type Run } from "../compiler/derive/interpret.ts";
import type { Rule } from "../compiler/derive/rule.ts";
import { targetFor } from "../compiler/kernel/target.ts";
import type { Sizes } from "../compiler/math/axis.ts";
import {
  compileKernel,
  compilePacked,
  compilePackedTiles,
  compileTiles,
  type Kernel,
  type Model,
  type Schedule,
  schedules,
  type TileCode,
} from "../compiler/pipeline.ts";
import type { Device } from "../runtime/device.ts";
import { findDevice } from "../runtime/node/adapter.ts";
import { RecurrentKernel, type RunResult } from "../runtime/recurrent.ts";
import { lengthsOf } from "../runtime/sequences.ts";
import { TiledKernel } from "../runtime/tiles.ts";
import { type Backend, type FormName, noTiles, type Ran } from "./backend.ts";
import { UsageError } from "./errors.ts";
import { remember, tuned, tuningKey } from "./tuning.ts";

/** The facts of a device that kernels are made for. */
export const targetOf = (device: Device) =>
  targetFor({
    subgroupSize: device.subgroupSize,
    storageBuffers: device.limits.maxStorageBuffersPerShaderStage,
    workgroupBytes: device.limits.maxComputeWorkgroupStorageSize,
  });

export interface WebgpuOptions {
  /** Fills outputs with NaN first, so that what is not written shows: for tests. */
  readonly poison?: boolean;
  readonly form?: FormName;
  /** With `auto`: measures all schedules on the first data, and remembers the quickest. */
  readonly tune?: boolean;
  /** Is told what is being measured. */
  readonly say?: (text: string) => void;
}

type Code = Kernel | TileCode;

/** Undefined where this machine has no adapter. */
export async function webgpuBackend(options: WebgpuOptions = {}): Promise<Backend | undefined> {
  const device = await findDevice();
  return device && new WebgpuBackend(device, options);
}

class WebgpuBackend implements Backend {
  readonly kind = "webgpu";
  readonly #device: Device;
  readonly #options: WebgpuOptions;
  // One rule is run many times with the same sizes: lower it once, and compile each text once.
  readonly #codes = new Map<Rule, Map<string, Code>>();
  readonly #kernels = new Map<string, RecurrentKernel | TiledKernel>();

  constructor(device: Device, options: WebgpuOptions) {
    this.#device = device;
    this.#options = options;
  }

  get name(): string {
    return this.#device.adapter.name;
  }

  async runTiles(model: Model, extents: Extents, run: Run, tokens: number): Promise<Result | undefined> {
    const sizes = { tokens: extents.T, ...extents.sizes };
    const code = compileTiles(model.rule, sizes, targetOf(this.#device), tokens);
    return code && inDoubles(await this.#runOf(code, model, { ...extents, sizes }, run));
  }

  async run(model: Model, extents: Extents, run: Run, progress?: (tokens: number) => void): Promise<Ran> {
    const { cuSeqlens } = run;
    const { B, T, H, sizes: given } = extents;
    const records = (cuSeqlens ? cuSeqlens.length - 1 : B) * H;
    if (T === 0) return { ...withoutTokens(model.rule, records, given, run), schedule: "no tokens" };
    const sizes = { tokens: T, ...given };
    const code = await this.#codeFor(model, { ...extents, sizes }, run);
    return {
      ...inDoubles(await this.#runOf(code, model, { ...extents, sizes }, run, progress)),
      schedule: "kernels" in code ? `tiles of ${code.length}` : "recurrent",
    };
  }

  async close(): Promise<void> {
    for (const k of this.#kernels.values()) k.destroy();
    this.#device.destroy();
  }

  async #codeFor(model: Model, extents: Extents, run: Run): Promise<Code> {
    const { rule } = model;
    const { B, H, sizes } = extents;
    const ofRule = this.#codes.get(rule) ?? new Map<string, Code>();
    this.#codes.set(rule, ofRule);
    const { form } = this.#options;
    const bounds = run.cuSeqlens && Array.from(run.cuSeqlens);
    const key = JSON.stringify([sizes, bounds !== undefined, form === "auto" ? [B, H, bounds] : []]);
    const target = targetOf(this.#device);
    const made = async (): Promise<Code> => {
      if (form === "parallel")
        return tilesOf(rule, (bounds ? compilePackedTiles : compileTiles)(rule, sizes, target));
      if (form === "auto") return this.#quickest(model, extents, run);
      return (bounds ? compilePacked : compileKernel)(rule, sizes, target);
    };
    const code = ofRule.get(key) ?? (await made());
    ofRule.set(key, code);
    return code;
  }

  /** As was measured once; else, or with `tune`, as is measured now; else by estimate. */
  async #quickest(model: Model, extents: Extents, run: Run): Promise<Code> {
    const { B, T, H, sizes } = extents;
    const lengths = run.cuSeqlens && lengthsOf(run.cuSeqlens);
    const all = schedules(model.rule, sizes, targetOf(this.#device), { B, T, H }, lengths);
    const sequences = lengths ? { N: lengths.length } : {};
    const key = tuningKey(this.name, { B, T, H, ...sequences, ...sizes }, all);
    const { tune, say } = this.#options;
    if (tune) {
      const times = new Map<Schedule, number>();
      for (const s of all) {
        say?.(`${model.spec.name} on ${this.name}: measuring ${s.name}`);
        times.set(s, await this.#measured(s.code, model, extents, run));
      }
      const [best] = [...times].sort(([, a], [, b]) => a - b)[0] as [Schedule, number];
      await remember(key, best.name);
      return best.code;
    }
    const known = tuned(key);
    return (all.find((s) => s.name === known) ?? (all[0] as Schedule)).code;
  }

  /** Milliseconds of the quicker of two runs, after one that compiles. */
  async #measured(code: Code, model: Model, extents: Extents, run: Run): Promise<number> {
    const times: number[] = [];
    for (let i = 0; i < 3; i++) times.push((await this.#runOf(code, model, extents, run)).milliseconds);
    return Math.min(...times.slice(1));
  }

  async #runOf(
    code: Code,
    { spec }: Model,
    { B, T, H, sizes }: Extents,
    run: Run,
    progress?: (tokens: number) => void,
  ): Promise<RunResult> {
    const kernel = await this.#kernelFor(code);
    const data = new Map([...run.tokens, ...run.parameters]);
    return kernel.run({ B, T, H }, data, run.states, elements(spec.outputShape, sizes), {
      poison: this.#options.poison ?? false,
      ...(run.layer ? { layer: run.layer } : {}),
      ...(run.cuSeqlens ? { cuSeqlens: run.cuSeqlens } : {}),
      ...(progress ? { progress } : {}),
    });
  }

  async #kernelFor(code: Code): Promise<RecurrentKernel | TiledKernel> {
    const isTiled = "kernels" in code;
    const text = isTiled ? code.kernels.map((k) => k.wgsl).join() : code.wgsl;
    const made = (): Promise<RecurrentKernel | TiledKernel> =>
      isTiled ? TiledKernel.create(this.#device, code) : RecurrentKernel.create(this.#device, code);
    const kernel = this.#kernels.get(text) ?? (await made());
    this.#kernels.set(text, kernel);
    return kernel;
  }
}

const inDoubles = ({ y, states }: RunResult): Result => ({
  y: Float64Array.from(y),
  states: new Map([...states].map(([name, s]) => [name, Float64Array.from(s)])),
});

function tilesOf(rule: Rule, code: TileCode | undefined): TileCode {
  if (!code) throw new UsageError(noTiles(rule));
  return code;
}

/** Nothing is computed, and a memory as long as the sequence has no size that a kernel could have. */
function withoutTokens(rule: Rule, records: number, given: Sizes, run: Run): Result {
  const sizes = { ...given, tokens: 0 };
  const states = rule.states.map(({ name, shape }): [string, Float64Array] => {
    const held = run.states.get(name);
    return [name, held?.slice() ?? new Float64Array(records * elements(shape, sizes))];
  });
  return { y: new Float64Array(0), states: new Map(states) };
}
