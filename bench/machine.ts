/** What a table was measured on. */
import { execFileSync } from "node:child_process";
import { cpus, loadavg } from "node:os";
import type { Device } from "../runtime/device.ts";

export interface Machine {
  readonly adapter: string;
  readonly processor: string;
  readonly node: string;
  readonly date: string;
  readonly commit: string;
  readonly processors: number;
  /** At the start, over the last minute: what other processes keep busy. */
  readonly load: number;
}

export function machine(device: Device): Machine {
  const all = cpus();
  return {
    adapter: device.adapter.name,
    processor: `${all.length} × ${all[0]?.model.trim() ?? "unknown"}`,
    processors: all.length,
    node: process.version,
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    load: load(),
  };
}

/** Of the last minute, this process included. */
export const load = (): number => Math.round(10 * (loadavg()[0] ?? 0)) / 10;

function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync("git", args, { encoding: "utf8", cwd: import.meta.dirname }).trim();
  try {
    const changed = git(
      "status",
      "--porcelain",
      "--untracked-files=no",
      "--",
      "../compiler",
      "../runtime",
      ".",
    );
    return git("rev-parse", "--short", "HEAD") + (changed === "" ? "" : ", with changes");
  } catch {
    return "unknown";
  }
}
