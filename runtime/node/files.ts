// Files of tensors on disk, in Node. A file is written whole or not at all: who reads it, or loses power, sees
// the old one or the new one.

import { randomUUID } from "node:crypto";
import { open, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readSafetensors, SafetensorsError, type TensorFile } from "../safetensors.ts";

export class FileError extends Error {
  override readonly name = "FileError";
}

export async function readTensors(path: string): Promise<TensorFile> {
  try {
    return readSafetensors(await readFile(path));
  } catch (error) {
    if (error instanceof SafetensorsError) {
      throw new FileError(`cannot read ${path}: ${error.message}`, { cause: error });
    }
    throw explain("read", path, error);
  }
}

export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  try {
    // Through a symbolic link, as a plain write would go, and not over a device or a directory.
    const target = await realpath(path).catch(unlessMissing(path));
    const old = await stat(target).catch(unlessMissing(undefined));
    if (old !== undefined && !old.isFile()) {
      throw new FileError(
        `cannot write ${path}: it is ${old.isDirectory() ? "a directory" : "not a regular file"}; give the path of a file`,
      );
    }
    await replace(target, bytes, old?.mode);
  } catch (error) {
    throw error instanceof FileError ? error : explain("write", path, error);
  }
}

async function replace(target: string, bytes: Uint8Array, mode: number | undefined): Promise<void> {
  const directory = dirname(target);
  // In the same directory, since a rename is only whole within one file system.
  const temporary = join(directory, `.miras-${randomUUID()}.tmp`);
  const file = await open(temporary, "wx");
  try {
    try {
      if (mode !== undefined) await file.chmod(mode & 0o7777);
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(directory);
}

/** Makes the rename itself last. Windows has no such call, and needs none. */
export async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function unlessMissing<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (codeOf(error) === "ENOENT") return value;
    throw error;
  };
}

/** What a person can do about what the file system said. */
export function explain(verb: "read" | "write", path: string, error: unknown): FileError {
  const reason =
    reasons[verb][codeOf(error) ?? ""] ?? (error instanceof Error ? error.message : String(error));
  return new FileError(`cannot ${verb} ${path}: ${reason}`, { cause: error });
}

const reasons: Readonly<Record<"read" | "write", Readonly<Record<string, string>>>> = {
  read: {
    ENOENT: "there is no such file; check the path",
    ENOTDIR: "a part of the path is a file, not a directory; check the path",
    EISDIR: "it is a directory; give the path of a file",
    EACCES: "permission denied; ask its owner for the right to read it",
  },
  write: {
    ENOENT: "its directory does not exist; create it, or check the path",
    ENOTDIR: "a part of the path is a file, not a directory; check the path",
    EACCES: "permission denied; choose a directory that you may write to",
    EPERM: "permission denied; choose a directory that you may write to",
    EROFS: "the file system is read-only; write elsewhere",
    ENOSPC: "the disk is full; free some space, or write elsewhere",
    EDQUOT: "your disk quota is used up; free some space, or write elsewhere",
  },
};

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
