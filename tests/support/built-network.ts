/** A small network as a file, what `miras build` makes of it, and what the interpreter makes of a task for it. */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { programOf } from "../../compiler/network/build.ts";
import { interpretProgram } from "../../compiler/network/interpret.ts";
import { lossOf } from "../../compiler/network/loss.ts";
import { sizesOf } from "../../compiler/network/network.ts";
import { readSafetensors } from "../../runtime/safetensors.ts";
import { miras } from "../cli/support.ts";
import { Random } from "../numeric/reference/random.ts";
import type { NetworkTask, NetworkTold } from "./network-module.ts";
import { networkOf } from "./networks.ts";

const root = resolve(import.meta.dirname, "../..");

export const SMALL = `import DeltaNet from "deltanet.miras"

network Small {
  vocabulary 11
  width      12
  heads      2
  layers     2
  block      DeltaNet, swiglu(expand: 2)
  embeddings tied
}
`;

/** A tile of the memory, and a part of one. */
export const SIZES = { B: 2, T: 19 } as const;

/** Makes a folder with `small.miras` and what it imports, and gives the path of the spec. */
export function writeSmall(folder: string): string {
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(root, "specs/deltanet.miras"), join(folder, "deltanet.miras"));
  const path = join(folder, "small.miras");
  writeFileSync(path, SMALL);
  return path;
}

/** The module that `miras build` makes of `small.miras`, as Node imports it. */
export async function builtSmall(folder: string): Promise<Readonly<Record<string, unknown>>> {
  const sizes = `B=${SIZES.B},T=${SIZES.T}`;
  const { code, err } = await miras("build", writeSmall(folder), "-o", folder, "--sizes", sizes);
  if (code !== 0) throw new Error(err);
  const bundle = join(folder, "small.bundle.mjs");
  await build({
    entryPoints: [join(folder, "small.js")],
    bundle: true,
    format: "esm",
    outfile: bundle,
    alias: { "miras/runtime": join(root, "runtime/index.ts") },
  });
  return import(pathToFileURL(bundle).href);
}

/** Ten steps on one batch of random tokens; a third of the places do not count. */
export function taskOf(seed: number): NetworkTask {
  const random = new Random(seed);
  const { B, T } = SIZES;
  const token = (): number => Math.floor(random.between(0, 11));
  return {
    network: "Small",
    sizes: SIZES,
    seed,
    tokens: Array.from({ length: B * T }, token),
    targets: Array.from({ length: B * T }, () => (random.chance(0.3) ? -1 : token())),
    steps: 10,
    learningRate: 3e-3,
  };
}

/** What the f64 interpreter makes of the weights that a network started with. */
export function wanted({ tokens, targets }: NetworkTask, { start }: NetworkTold) {
  const network = networkOf(SMALL, "specs/small.miras");
  const program = programOf(network);
  const loss = lossOf(program);
  const { tensors } = readSafetensors(Uint8Array.from(start));
  const data = new Map([...tensors].map(([name, t]) => [name, Float64Array.from(t.data)]));
  data.set(program.tokens.name, Float64Array.from(tokens));
  data.set(loss.targets.name, Float64Array.from(targets));
  const sizes = sizesOf(network, SIZES.B, SIZES.T);
  const all = [program.logits, loss.loss, loss.correct, loss.counted];
  const made = interpretProgram([...program.steps, ...loss.steps], sizes, data, all);
  const number = (name: string): number => made.get(name)?.[0] as number;
  return {
    logits: made.get(program.logits.name) as Float64Array,
    loss: number(loss.loss.name),
    correct: number(loss.correct.name),
    counted: number(loss.counted.name),
  };
}
