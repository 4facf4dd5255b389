/** Reading and writing what the user names. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, isAbsolute, join } from "node:path";
import type { SourceFile } from "../compiler/source/span.ts";
import { closest } from "../compiler/source/suggest.ts";
import { writeWhole } from "../runtime/node/files.ts";
import { UsageError } from "./errors.ts";

/** In place of a path: the text comes from stdin. */
export const STDIN = "-";

export function readSource(path: string): SourceFile {
  try {
    return { path, text: readFileSync(path, "utf8") };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR")
      throw new UsageError(`there is no file ${path}`, nearby(path));
    if (code === "EISDIR") throw new UsageError(`${path} is a directory`, specsIn(path));
    if (code === "EACCES") throw new UsageError(`${path} may not be read: permission denied`);
    throw new UsageError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The file that an import names: its path is relative to the file that it stands in. */
export function importedSource(path: string, from: SourceFile): SourceFile | undefined {
  const full = isAbsolute(path) ? path : join(dirname(from.path), path);
  try {
    return { path: full, text: readFileSync(full, "utf8") };
  } catch {
    return undefined;
  }
}

/** Replaces what was read. */
export async function writeSource({ path, text: old }: SourceFile, text: string): Promise<void> {
  // What is no text would not survive being written back.
  if (!readFileSync(path).equals(Buffer.from(old))) {
    throw new UsageError(`${path} is not UTF-8 throughout, so it is not changed`);
  }
  await writeWhole(path, Buffer.from(text));
}

const listing = (folder: string): string[] => {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
};

/** What the path may have meant: a name without `.miras`, a slip, or what else is there. */
function nearby(path: string): string[] {
  const folder = dirname(path);
  const entries = listing(folder);
  const name = basename(path);
  const specs = entries.filter((entry) => entry.endsWith(".miras"));
  const near = entries.includes(`${name}.miras`)
    ? `${name}.miras`
    : (closest(name, specs) ?? closest(`${name}.miras`, specs));
  if (near) return [`did you mean ${join(folder, near)}?`];
  if (entries.length === 0) return [];
  return specs.length > 0 ? [`${folder} has ${some(specs)}`] : [`${folder} has no .miras file`];
}

function specsIn(folder: string): string[] {
  const specs = listing(folder).filter((entry) => entry.endsWith(".miras"));
  return specs.length > 0 ? [`give files of it: ${some(specs.map((s) => join(folder, s)))}`] : [];
}

const SOME = 8;
const some = (names: readonly string[]): string =>
  names.length > SOME ? `${names.slice(0, SOME).join(", ")}, …` : names.join(", ");
