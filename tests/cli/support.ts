/** Runs the command line in this process, and makes the files that it is given. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pc from "picocolors";
import { afterAll } from "vitest";
import type { Io } from "../../cli/io.ts";
import { run } from "../../cli/program.ts";
import type { Factories } from "../../cli/train/context.ts";
import { readSafetensors, type Tensor, writeSafetensors } from "../../runtime/safetensors.ts";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const plain = pc.createColors(false);

export async function miras(...argv: readonly string[]): Promise<Ran> {
  return mirasWith({}, ...argv);
}

export async function mirasWith(changes: Partial<Io>, ...argv: readonly string[]): Promise<Ran> {
  return mirasMaking(undefined, changes, ...argv);
}

/** With networks and tasks of a test's own. */
export async function mirasMaking(
  make: Factories | undefined,
  changes: Partial<Io>,
  ...argv: readonly string[]
): Promise<Ran> {
  let out = "";
  let err = "";
  const io: Io = {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    readIn: async () => "",
    outColors: plain,
    errColors: plain,
    columns: undefined,
    errIsTerminal: false,
    now: () => performance.now(),
    ...changes,
  };
  const code = await run(argv, io, make);
  return { code, out, err };
}

const folder = mkdtempSync(join(tmpdir(), "miras-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

export const scratch = (name: string): string => join(folder, name);

export function file(name: string, content: string | Uint8Array): string {
  writeFileSync(scratch(name), content);
  return scratch(name);
}

/** A tensor whose numbers come from `value`, by default small and different from each other. */
export function tensor(
  shape: readonly number[],
  value: (i: number) => number = (i) => Math.sin(1 + 0.7 * i) / 2,
): Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  return { shape, data: Float32Array.from({ length: n }, (_, i) => value(i)) };
}

export const tensors = (name: string, all: Readonly<Record<string, Tensor>>): string =>
  file(name, writeSafetensors(Object.entries(all)));

export const read = (path: string): Map<string, Tensor> => readSafetensors(readFileSync(path)).tensors;
