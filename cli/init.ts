/** `miras init`: a first model to start from. */
import { lstatSync } from "node:fs";
import { basename, extname } from "node:path";
import { writeWhole } from "../runtime/node/files.ts";
import { EXIT, UsageError } from "./errors.ts";
import { starter } from "./init/starter.ts";
import type { Io } from "./io.ts";

export interface InitOptions {
  readonly force?: boolean;
  readonly json?: boolean;
}

const EXTENSION = ".miras";

export async function init(given: string, options: InitOptions, io: Io): Promise<number> {
  const path = pathOf(given);
  if (!options.force && exists(path)) {
    throw new UsageError(`${path} exists already`, [
      "give the name of a new file, or --force to write over it",
    ]);
  }
  await writeWhole(path, Buffer.from(starter(nameOf(path))));
  if (options.json) io.out(`${JSON.stringify({ path }, undefined, 2)}\n`);
  else io.out(told(path, io));
  return EXIT.well;
}

function pathOf(given: string): string {
  const name = basename(given);
  if (given.endsWith("/") || name === "" || name === "." || name === "..")
    throw new UsageError(`${given || "an empty path"} names no file`, [
      `give a name such as my_memory${EXTENSION}`,
    ]);
  const extension = name === EXTENSION ? EXTENSION : extname(name);
  if (extension === "") return given + EXTENSION;
  if (extension !== EXTENSION || name === EXTENSION)
    throw new UsageError(`${given} is not the name of a spec`, [`specs are named NAME${EXTENSION}`]);
  return given;
}

function exists(path: string): boolean {
  try {
    // A link to nothing is there too, and would be written through.
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    // Writing will say what is wrong with the path.
    return false;
  }
}

/** `my_memory.miras` holds `MyMemory`. */
function nameOf(path: string): string {
  const words = basename(path, EXTENSION)
    .split(/[^\p{L}\p{Nd}]+/u)
    .filter((word) => word !== "");
  const name = words.map((word) => word.replace(/^./u, (first) => first.toUpperCase())).join("");
  return /^\p{L}/u.test(name) ? name : `Memory${name}`;
}

function told(path: string, io: Io): string {
  const c = io.outColors;
  const shown = /^[\p{L}\p{Nd}_./-]+$/u.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
  const next = [
    ["check", "its names, shapes and ranges, and the rule that it expects"],
    ["explain", "its objective, its gradient, and the update rule that follows"],
    ["recall", "how much it remembers"],
  ] as const;
  const commands = next.map(([command]) => `miras ${command} ${shown}`);
  const width = Math.max(...commands.map((command) => command.length)) + 2;
  const lines = next.map(([, what], i) => `  ${(commands[i] ?? "").padEnd(width)}${c.dim(what)}`);
  return `${c.green("wrote")} ${path}\n\nNext:\n${lines.join("\n")}\n`;
}
