/** Weights as they come: a safetensors file, several with an index, or the folder of either. */
import { readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Tensor } from "../safetensors.ts";
import { printable } from "../weights.ts";
import { FileError, readTensors } from "./files.ts";

const WHOLE = "model.safetensors";
const INDEX = ".safetensors.index.json";

/** All tensors by name. Throws FileError where a file is missing or damaged, or an index does not tell what is there. */
export async function readWeights(path: string): Promise<Map<string, Tensor>> {
  const kind = await stat(path).catch(() => undefined);
  if (!kind?.isDirectory())
    return path.endsWith(".json") ? readShards(path) : (await readTensors(path)).tensors;
  const index = join(path, `model${INDEX}`);
  const whole = join(path, WHOLE);
  if (await isThere(index)) return readShards(index);
  if (await isThere(whole)) return (await readTensors(whole)).tensors;
  throw new FileError(`cannot read ${path}: it has neither ${WHOLE} nor model${INDEX}`);
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

async function readShards(path: string): Promise<Map<string, Tensor>> {
  const index = await readIndex(path);
  const tensors = new Map<string, Tensor>();
  for (const shard of new Set(index.values())) {
    const whole = join(dirname(path), shard);
    const there = (await readTensors(whole)).tensors;
    const promised = [...index].flatMap(([name, of]) => (of === shard ? [name] : []));
    const missing = promised.filter((name) => !there.has(name));
    const extra = [...there.keys()].filter((name) => index.get(name) !== shard);
    if (missing.length > 0)
      throw new FileError(`cannot read ${path}: it says that ${shard} has ${some(missing)}, and it has not`);
    if (extra.length > 0)
      throw new FileError(`cannot read ${path}: ${shard} has ${some(extra)}, which it does not say`);
    for (const [name, tensor] of there) tensors.set(name, tensor);
  }
  return tensors;
}

/** Which file each tensor is in. */
async function readIndex(path: string): Promise<Map<string, string>> {
  const wrong = (why: string, cause?: unknown): FileError =>
    new FileError(`cannot read ${path}: ${why}`, { cause });
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : String(error), error);
  }
  let map: unknown;
  try {
    map = JSON.parse(text)?.weight_map;
  } catch (error) {
    throw wrong(`it is no JSON: ${error instanceof Error ? error.message : String(error)}`, error);
  }
  if (typeof map !== "object" || map === null || Array.isArray(map))
    throw wrong("it should have a weight_map, from the name of each tensor to the file that it is in");
  const files = new Map<string, string>();
  for (const [name, file] of Object.entries(map)) {
    // A name from a file that comes from anywhere reaches no other folder.
    if (typeof file !== "string" || basename(file) !== file || !file.endsWith(".safetensors"))
      throw wrong(`the file of ${JSON.stringify(name)} should be the name of a safetensors file beside it`);
    files.set(name, file);
  }
  return files;
}

const SOME = 6;

function some(names: readonly string[]): string {
  const rest = names.length - SOME;
  return `${names.slice(0, SOME).map(printable).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}
