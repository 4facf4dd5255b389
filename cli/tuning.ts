/** Which schedule was found to be the quickest by measuring: kept from run to run, in a file of the user's cache. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import type { Schedule } from "../compiler/pipeline.ts";
import { writeWhole } from "../runtime/node/files.ts";

const FILE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "miras", "tuned.json");

/** What a measurement holds for: an adapter, the extents, and the kernels themselves. */
export function tuningKey(adapter: string, extents: object, all: readonly Schedule[]): string {
  const hash = createHash("sha256");
  const texts = all.map(({ name, code }) => [
    name,
    "kernels" in code ? code.kernels.map((k) => k.wgsl) : code.wgsl,
  ]);
  hash.update(JSON.stringify(texts.sort()));
  return [adapter, JSON.stringify(extents), hash.digest("hex").slice(0, 16)].join(" ");
}

/** The name of the schedule that was quickest; undefined where none was measured. */
export const tuned = (key: string): string | undefined => entries()[key];

export async function remember(key: string, name: string): Promise<void> {
  mkdirSync(dirname(FILE), { recursive: true });
  const text = JSON.stringify({ ...entries(), [key]: name }, undefined, 2);
  await writeWhole(FILE, new TextEncoder().encode(`${text}\n`));
}

/** A file that is not there or not whole holds nothing. */
function entries(): Readonly<Record<string, string>> {
  try {
    return JSON.parse(readFileSync(FILE, "utf8"));
  } catch {
    return {};
  }
}
