/** The built module of a small network, and what is done with it: in Node and in a page alike. */
import type { Device, Network } from "../../runtime/index.ts";

/** As the module has it, whatever its sizes. */
export interface NetworkClass {
  create(
    device: Device,
    sizes: { readonly B: number; readonly T: number },
    start?: { readonly seed?: number },
  ): Promise<Network>;
}

export interface NetworkTask {
  readonly network: string;
  readonly sizes: { readonly B: number; readonly T: number };
  readonly seed: number;
  readonly tokens: readonly number[];
  readonly targets: readonly number[];
  readonly steps: number;
  readonly learningRate: number;
}

export interface NetworkTold {
  readonly adapter: string;
  /** The safetensors file of the weights that it started with. */
  readonly start: number[];
  readonly logits: number[];
  /** Before the first step, and of each step. */
  readonly measured: { readonly loss: number; readonly correct: number; readonly counted: number };
  readonly losses: number[];
  readonly norms: number[];
  /** A network of another seed that has loaded what the first one saved after its steps, and the first one: a step more of each. */
  readonly more: readonly [number, number];
}

export async function tryNetwork(
  built: Readonly<Record<string, unknown>>,
  device: Device,
  { network, sizes, seed, tokens, targets, steps, learningRate }: NetworkTask,
): Promise<NetworkTold> {
  const made = built[network] as NetworkClass;
  const one = await made.create(device, sizes, { seed });
  const start = await one.save();
  const logits = await one.forward(tokens);
  const measured = await one.measure({ tokens, targets });
  const taken = [];
  for (let i = 0; i < steps; i++) taken.push(await one.step({ tokens, targets }, { learningRate }));
  const other = await made.create(device, sizes, { seed: seed + 1 });
  await other.load(await one.save());
  const last = async (n: Network): Promise<number> => {
    await n.step({ tokens, targets }, { learningRate });
    return (await n.measure({ tokens, targets })).loss;
  };
  const more = [await last(one), await last(other)] as const;
  one.destroy();
  other.destroy();
  return {
    adapter: device.adapter.name,
    start: [...start],
    logits: [...logits],
    measured,
    losses: taken.map((t) => t.loss),
    norms: taken.map((t) => t.gradientNorm),
    more,
  };
}
