/** Weights for a network from files: our own, or a checkpoint of flash-linear-attention. */
import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { extentOf } from "../../compiler/math/axis.ts";
import { programOf } from "../../compiler/network/build.ts";
import { type MemoryPart, type Network, sizesOf } from "../../compiler/network/network.ts";
import { readWeights } from "../../runtime/node/weights.ts";
import type { Weights } from "../../runtime/trainable.ts";
import { fitted, type Slot, WeightsError } from "../../runtime/weights.ts";
import { readBytes, textOf } from "../data/files.ts";
import { UsageError } from "../errors.ts";
import { OPTIMIZER } from "../train/checkpoints.ts";
import { weightsOfFla } from "./fla.ts";
import { type FlaModel, flaModel } from "./fla-config.ts";
import { differences } from "./fla-layer.ts";

/** What a network takes. */
export function slotsOf(network: Network): Slot[] {
  const sizes = sizesOf(network, 1, 1);
  return programOf(network).learned.map(({ tensor }) => ({
    name: tensor.name,
    shape: tensor.shape.map((dim) => extentOf(dim, sizes)),
  }));
}

/**
 * The weights of a network by our names. `path` is a safetensors file, the index of several, or the folder of either;
 * where a config.json lies beside them, they are a checkpoint of flash-linear-attention. Throws UsageError or
 * FileError where they cannot be read, or are not those of the network.
 */
export async function loadWeights(path: string, network: Network): Promise<Map<string, Weights>> {
  const config = join(isFolder(path) ? path : dirname(path), "config.json");
  const slots = slotsOf(network);
  try {
    if (!existsSync(config)) {
      // Of a checkpoint of a run the weights alone are wanted.
      const tensors = [...(await readWeights(path))].filter(([name]) => !name.startsWith(OPTIMIZER));
      return fitted(new Map(tensors), slots, path);
    }
    const model = flaModel(jsonIn(config), config);
    const part = memoryFor(model, network, config);
    return weightsOfFla(model, await readWeights(path), part.name, slots, path);
  } catch (error) {
    if (error instanceof WeightsError) throw new UsageError(error.message, shortened(error.problems));
    throw error;
  }
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

function jsonIn(path: string): unknown {
  const text = textOf(readBytes(path), path);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${path} is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The one memory layer of the block, where the network computes what the checkpoint's does. */
function memoryFor(model: FlaModel, network: Network, config: string): MemoryPart {
  const { sizes, parts, isTied, hasFinalNorm } = network;
  const [memory, mixer, ...others] = parts;
  if (memory?.kind !== "memory" || mixer?.kind !== "mixer" || mixer.name !== "swiglu" || others.length > 0) {
    throw new UsageError(`${config} describes layers of a memory and an mlp, and the network's are others`, [
      `write \`block ${memory?.name ?? "MODEL"}, swiglu(hidden: ${model.hidden})\``,
    ]);
  }
  const compared = [
    ...(["vocabulary", "width", "heads", "layers", "dk", "dv"] as const).map(
      (name) => [name, sizes[name], model[name]] as const,
    ),
    ["hidden, the width inside swiglu,", mixer.hidden, model.hidden] as const,
  ];
  const problems = [
    ...compared.flatMap(([name, ours, theirs]) =>
      ours === theirs ? [] : [`${name} is ${ours} in the network and ${theirs} in the checkpoint`],
    ),
    ...(isTied === model.isTied
      ? []
      : [`write \`embeddings ${model.isTied ? "tied" : "untied"}\`: so they are there`]),
    ...(hasFinalNorm ? [] : ["there is a norm after the last layer there; leave out `norm none`"]),
    ...differences(memory.rule, model),
  ];
  if (problems.length > 0) {
    throw new UsageError(`the network ${network.name} is not the one that ${config} describes`, problems);
  }
  return memory;
}

/** More than this is a list that nobody reads. */
const MOST = 40;

const shortened = (problems: readonly string[]): readonly string[] =>
  problems.length <= MOST ? problems : [...problems.slice(0, MOST), `and ${problems.length - MOST} more`];
