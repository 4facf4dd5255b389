/**
 * A network that reads token by token gives the logits that the f64 interpreter gives of the whole sequence, beyond
 * tiles, chunks and windows: RMS ratio ≤ 1e-4.
 */
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { targetOf } from "../../cli/webgpu.ts";
import { interpretProgram } from "../../compiler/network/interpret.ts";
import { sizesOf } from "../../compiler/network/network.ts";
import { corrections } from "../../compiler/plan/optimizer.ts";
import { trainingOf } from "../../compiler/plan/trainable.ts";
import type { Batch } from "../../runtime/data/batch.ts";
import type { Device } from "../../runtime/device.ts";
import { NetworkOnDevice } from "../../runtime/network.ts";
import { CapacityError } from "../../runtime/resources.ts";
import type { Reader } from "../../runtime/trainable.ts";
import { Random } from "../numeric/reference/random.ts";
import { errorRatio } from "../support/compare.ts";
import { caseOf, networkOf } from "../support/networks.ts";
import { device } from "./device.ts";

const BOUND = 1e-4;
/** Half a unit in the last place of an f32, and how many times as far as this moves the logits a reader may be off. */
const ROUNDING = 2 ** -24;
const CARRIED = 16;
const RUNS = Number(process.env.MIRAS_GPU_RUNS ?? 2);

afterAll(() => device?.destroy());

/** Softmax attention that knows where its tokens are. */
const ROTATED = `model Rotated {
  memory     pairs
  bias       l2
  retention  none
  algorithm  nonparametric(dk ^ (-1/2))

  input q, k = project |> rope
  input v    = project |> conv(3)
}
`;

/** Convolutions of the layer's input, of what a memory gives, and of different lengths. */
const CONVOLVED = `model Convolved {
  memory     matrix
  bias       l2
  retention  decay(alpha)
  algorithm  gd(beta, at: kept)

  gate  alpha in (0, 1)
  gate  beta  in (0, 1)
  input q, k = conv(2) |> silu |> project |> conv(5) |> unit
  input v    = project |> conv(1)
  output     = read(q) |> norm |> conv(3)
}
`;

const SWIGLU = "swiglu(expand: 2)";

/** Longest: more than two chunks, more than two tiles, or more than a window. */
const cases: readonly (readonly [name: string, block: string, own: string, longest: number])[] = [
  ["DeltaNet", `DeltaNet, ${SWIGLU}`, "", 37],
  ["GatedDeltaNet", `GatedDeltaNet, ${SWIGLU}`, "", 37],
  ["DeltaProduct", `DeltaProduct, ${SWIGLU}`, "", 37],
  ["Mamba2", "Mamba2", "", 37],
  ["KDA", "KDA", "", 37],
  ["RWKV7", "RWKV7", "", 20],
  ["Yaad", `Yaad, ${SWIGLU}`, "", 40],
  ["Titans", `Titans, ${SWIGLU}`, "", 40],
  ["MesaNet", `MesaNet, ${SWIGLU}`, "", 37],
  ["Attention", `Attention, ${SWIGLU}`, "", 37],
  ["SlidingWindowAttention", "SlidingWindowAttention", "", 70],
  ["attention with rope", `Rotated, ${SWIGLU}`, ROTATED, 37],
  ["other convolutions", "Convolved", CONVOLVED, 37],
  ["two memories", `GatedDeltaNet, ${SWIGLU}, Rotated`, ROTATED, 37],
  ["chunks of two lengths", "Yaad(chunk: 16), Titans(chunk: 6)", "", 40],
];

const FILES: Readonly<Record<string, string>> = {
  DeltaNet: "deltanet",
  GatedDeltaNet: "gated_deltanet",
  DeltaProduct: "deltaproduct",
  Mamba2: "mamba2",
  KDA: "kda",
  RWKV7: "rwkv7",
  Yaad: "yaad",
  Titans: "titans",
  MesaNet: "mesanet",
  Attention: "attention",
  SlidingWindowAttention: "sliding_window_attention",
};

const textOf = (block: string, own: string): string => {
  const used = Object.entries(FILES).filter(([name]) => new RegExp(`\\b${name}\\b`).test(block));
  return `${used.map(([name, file]) => `import ${name} from "../${file}.miras"`).join("\n")}
${own}
network Small {
  vocabulary 11
  width      12
  heads      2
  layers     2
  block      ${block}
  embeddings tied
}
`;
};

interface Opened {
  readonly network: NetworkOnDevice;
  /** The logits of a whole sequence, by the interpreter; with all weights off by a part of each, to one side or the other. */
  readonly logits: (tokens: Int32Array, off?: number) => Float64Array;
}

/** One with random weights, gains and biases too. */
async function opened(
  gpu: Device,
  block: string,
  own: string,
  random: Random,
  target = targetOf(gpu),
): Promise<Opened> {
  const network = networkOf(textOf(block, own), "specs/nets/small.miras");
  const training = trainingOf(network, target, { clip: Infinity, shrinkage: 0 });
  if ("sequential" in training) throw new Error(training.sequential);
  const { vocabulary } = network.sizes;
  const made = new NetworkOnDevice(gpu, { vocabulary, seed: 3, corrections, ...training });
  const { data, program } = caseOf(network, 1, 1, () => random.between(0, 1));
  // The same numbers as on the device.
  for (const [name, numbers] of data) data.set(name, numbers.map(Math.fround));
  const weights = [...(await made.weights())].map(
    ([name, { shape }]) => [name, { shape, data: Float32Array.from(data.get(name) ?? []) }] as const,
  );
  await made.restore(new Map(weights));
  const logits = (tokens: Int32Array, off = 0): Float64Array => {
    const nudged = [...data].map(
      ([name, x]) => [name, x.map((v, i) => v * (i % 2 === 0 ? 1 + off : 1 - off))] as const,
    );
    const given = new Map(nudged).set("tokens", Float64Array.from(tokens));
    const sizes = sizesOf(network, 1, tokens.length);
    const { steps } = program;
    return interpretProgram(steps, sizes, given, [program.logits]).get("logits") as Float64Array;
  };
  return { network: made, logits };
}

const tokensFrom = (random: Random, count: number): Int32Array<ArrayBuffer> =>
  Int32Array.from({ length: count }, () => Math.floor(random.between(0, 11)));

const asBatch = (tokens: Int32Array<ArrayBuffer>): Batch => ({
  B: 1,
  T: tokens.length,
  tokens,
  targets: new Int32Array(tokens.length).fill(-1),
});

async function read(reader: Reader, tokens: Int32Array): Promise<Float32Array> {
  const all: number[] = [];
  for (const token of tokens) all.push(...(await reader.next(token)));
  return Float32Array.from(all);
}

describe.skipIf(!device).each(cases)("%s", (_, block, own, longest) => {
  test("token by token as all at once, and a second reader afresh", { timeout: 240_000 }, async () => {
    if (!device) return;
    const gpu = device;
    const property = fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: longest }), async (seed, short) => {
      const random = new Random(seed);
      const { network, logits } = await opened(gpu, block, own, random);
      try {
        for (const length of [longest, short]) {
          const tokens = tokensFrom(random, length);
          const want = logits(tokens);
          const reader = await network.reader(length);
          const got = await read(reader, tokens);
          reader.destroy();
          // Deep memories with such weights may carry a rounding far: as f64 does where weights are off by one.
          const carried = CARRIED * errorRatio(logits(tokens, ROUNDING), want);
          expect(errorRatio(got, want)).toBeLessThanOrEqual(Math.max(BOUND, carried));
        }
      } finally {
        network.destroy();
      }
    });
    await fc.assert(property, { numRuns: RUNS, endOnFailure: true });
  });
});

describe.skipIf(!device)("readers", () => {
  test.each([
    ["few buffers, so that inputs lie together", { storageBuffers: 5 }],
    ["no subgroups", { subgroups: false, lanes: 32, narrow: false }],
  ])("on adapters with %s", { timeout: 120_000 }, async (_, facts) => {
    if (!device) return;
    const random = new Random(7);
    const target = { ...targetOf(device), ...facts };
    const { network, logits } = await opened(device, "Yaad(chunk: 3), GatedDeltaNet", "", random, target);
    const tokens = tokensFrom(random, 8);
    const reader = await network.reader();
    expect(errorRatio(await read(reader, tokens), logits(tokens))).toBeLessThanOrEqual(BOUND);
    reader.destroy();
    network.destroy();
  });

  test("two at once do not meet, and have the weights of when they were made", {
    timeout: 120_000,
  }, async () => {
    if (!device) return;
    const random = new Random(7);
    const { network } = await opened(device, "DeltaNet", "", random);
    const [one, other] = [tokensFrom(random, 6), tokensFrom(random, 6)];
    const want = [await network.logits(asBatch(one)), await network.logits(asBatch(other))];
    const readers = [await network.reader(), await network.reader()] as const;
    const got: number[][] = [[], []];
    for (const t of one.keys()) {
      got[0]?.push(...(await readers[0].next(one[t] as number)));
      got[1]?.push(...(await readers[1].next(other[t] as number)));
      await network.step([{ ...asBatch(one), targets: other }], 0.1);
    }
    for (const i of [0, 1]) expect(errorRatio(got[i] ?? [], want[i] ?? [])).toBeLessThanOrEqual(BOUND);
    for (const r of readers) r.destroy();
    network.destroy();
  });

  test("one that keeps all tokens says when it is full", { timeout: 120_000 }, async () => {
    if (!device) return;
    const { network } = await opened(device, "Attention", "", new Random(7));
    const reader = await network.reader(2);
    await reader.next(1);
    await reader.next(2);
    await expect(reader.next(3)).rejects.toThrow(CapacityError);
    await expect(reader.next(3)).rejects.toThrow("room for 2");
    reader.destroy();
    network.destroy();
  });
});
