/** `miras check --watch`: does its work again whenever a file changes. */
import { type FSWatcher, readFileSync, realpathSync, watch as watchFolder } from "node:fs";
import { dirname } from "node:path";
import { UsageError } from "./errors.ts";
import type { Io } from "./io.ts";

/** An editor may write a file in several steps, which end within this many milliseconds. */
const SETTLED = 80;

/**
 * Works once, and again after each change to the content of the files, until the signal comes.
 * Gives what the last work gave.
 */
export async function watch(
  files: () => readonly string[],
  work: () => Promise<number>,
  io: Io,
  signal: AbortSignal,
): Promise<number> {
  let content = read(files());
  let wake = (): void => {};
  let timer: NodeJS.Timeout | undefined;
  const watchers = foldersOf(files()).map((folder) =>
    watcherOf(folder, () => {
      clearTimeout(timer);
      timer = setTimeout(() => wake(), SETTLED);
    }),
  );
  const stop = (): void => wake();
  signal.addEventListener("abort", stop);
  try {
    let code = await work();
    io.err(`${io.errColors.dim("watching for changes; Ctrl-C ends")}\n`);
    while (!signal.aborted) {
      const now = read(files());
      if (now === content) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      content = now;
      io.out(`\n${io.outColors.dim(`── ${new Date().toTimeString().slice(0, 8)} ${"─".repeat(28)}`)}\n\n`);
      code = await work();
    }
    return code;
  } finally {
    signal.removeEventListener("abort", stop);
    clearTimeout(timer);
    for (const each of watchers) each.close();
  }
}

/** All that the files hold; a file that is away for a moment, or for good, holds nothing. */
const read = (paths: readonly string[]): string =>
  JSON.stringify(
    paths.map((path) => {
      try {
        return [path, readFileSync(path, "utf8")];
      } catch {
        return [path];
      }
    }),
  );

/** Folders are watched, not files: an editor may replace a file by another one of its name. */
const foldersOf = (paths: readonly string[]): string[] => [
  ...new Set(paths.flatMap((path) => [dirname(path), dirname(realpathSync(path))])),
];

function watcherOf(folder: string, changed: () => void): FSWatcher {
  try {
    return watchFolder(folder, changed).on("error", changed);
  } catch (error) {
    throw new UsageError(
      `${folder} cannot be watched: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** Ends with Ctrl-C, or when the process is asked to. */
export function interruption(): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const end = (): void => controller.abort();
  process.on("SIGINT", end).on("SIGTERM", end);
  return {
    signal: controller.signal,
    release: () => void process.off("SIGINT", end).off("SIGTERM", end),
  };
}
