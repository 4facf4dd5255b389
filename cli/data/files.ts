/** Files that a user gives to learn from: whole, as they are. */
import { readFileSync, statSync } from "node:fs";
import { UsageError } from "../errors.ts";

/** The bytes of these files, one after the other. None of them may be empty. */
export function readAll(paths: readonly string[]): Uint8Array {
  const parts = paths.map((path) => {
    const part = readBytes(path);
    if (part.length === 0) throw new UsageError(`${path} is empty: there is nothing in it to learn from`);
    return part;
  });
  const [first] = parts;
  return first !== undefined && parts.length === 1 ? first : Buffer.concat(parts);
}

export function readBytes(path: string): Uint8Array {
  try {
    const kind = statSync(path);
    // A device may have no end.
    if (kind.isCharacterDevice() || kind.isBlockDevice())
      throw new UsageError(`${path} is a device, not a file`);
    return readFileSync(path);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const [message, ...notes] = REASONS.get(code) ?? [];
    if (message !== undefined) {
      throw new UsageError(
        message.replace("PATH", path),
        notes.map((note) => note.replace("PATH", path)),
      );
    }
    throw new UsageError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** By the system's code: what is wrong, and what to do. */
const REASONS: ReadonlyMap<string, readonly string[]> = new Map([
  ["ENOENT", ["there is no file PATH"]],
  ["ENOTDIR", ["there is no file PATH: a part of the path is a file, not a directory"]],
  ["EISDIR", ["PATH is a directory", "give the files in it that are to be learned from"]],
  ["EACCES", ["PATH may not be read: permission denied"]],
  ["ERR_FS_FILE_TOO_LARGE", ["PATH is larger than 2 GiB", "give a part of it: head -c 1G PATH > part"]],
]);

/** The text that these bytes are in UTF-8. `whose` is the file or files for the message. */
export function textOf(bytes: Uint8Array, whose: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) {
      throw new UsageError(`${whose} is not UTF-8 throughout, so it has no characters`, [
        "learn from its bytes, which is what is done without --tokenizer, or convert it: iconv -t UTF-8",
      ]);
    }
    throw new UsageError(`${whose} is too long for one text`, ["learn from its bytes, or from a part of it"]);
  }
}
