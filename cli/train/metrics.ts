/** What a run measured, as lines of JSON: one for each step, and one for each validation. */
import { appendFileSync, closeSync, fsyncSync, openSync, readFileSync } from "node:fs";
import { codeOf, explain, writeWhole } from "../../runtime/node/files.ts";
import type { StepRecord } from "../../runtime/training/divergence.ts";
import type { Progress, ValidationRecord } from "../../runtime/training/snapshot.ts";

export interface StepLine extends StepRecord {
  readonly kind: "step";
  readonly tokensPerSecond: number;
  /** Of training so far, over all sessions. */
  readonly seconds: number;
}

export interface ValidationLine extends ValidationRecord {
  readonly kind: "validation";
  readonly seconds: number;
}

export type Line = StepLine | ValidationLine;

export class Metrics {
  readonly #path: string;
  #file: number;
  #lines: Line[];

  private constructor(path: string, lines: Line[]) {
    this.#path = path;
    this.#lines = lines;
    this.#file = opened(path);
  }

  /** Goes on after what belongs to these steps: lines that came later, and one that was cut short, are taken away. */
  static async open(path: string, progress: Progress): Promise<Metrics> {
    const { lines, isClean } = read(path);
    const kept = lines.filter((line) => isBefore(line, progress));
    if (!isClean || kept.length < lines.length) await rewrite(path, kept);
    return new Metrics(path, kept);
  }

  /** In order. */
  get lines(): readonly Line[] {
    return this.#lines;
  }

  /** Seconds of training so far. */
  get seconds(): number {
    return this.#lines.at(-1)?.seconds ?? 0;
  }

  add(line: Line): void {
    this.#lines.push(line);
    this.#do(() => appendFileSync(this.#file, text(line)));
  }

  /** Makes what was added outlast a loss of power. */
  sync(): void {
    this.#do(() => fsyncSync(this.#file));
  }

  /** Takes away what came after these steps. */
  async backTo(progress: Progress): Promise<void> {
    this.#lines = this.#lines.filter((line) => isBefore(line, progress));
    this.close();
    await rewrite(this.#path, this.#lines);
    this.#file = opened(this.#path);
  }

  close(): void {
    closeSync(this.#file);
  }

  #do(work: () => void): void {
    try {
      work();
    } catch (error) {
      throw explain("write", this.#path, error);
    }
  }
}

/** The lines of a file, up to one that did not get there whole; none if there is no file. */
function read(path: string): { lines: Line[]; isClean: boolean } {
  let all: string;
  try {
    all = readFileSync(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return { lines: [], isClean: true };
    throw explain("read", path, error);
  }
  const texts = all.split("\n");
  const lines: Line[] = [];
  // What follows the last line break is empty, or was cut short.
  for (const each of texts.slice(0, -1)) {
    const line = parsed(each);
    if (line === undefined) return { lines, isClean: false };
    lines.push(line);
  }
  return { lines, isClean: texts.at(-1) === "" };
}

function parsed(line: string): Line | undefined {
  try {
    return JSON.parse(line) as Line;
  } catch {
    return undefined;
  }
}

function opened(path: string): number {
  try {
    return openSync(path, "a");
  } catch (error) {
    throw explain("write", path, error);
  }
}

const rewrite = (path: string, lines: readonly Line[]): Promise<void> =>
  writeWhole(path, Buffer.from(lines.map(text).join("")));

const text = (line: Line): string => `${JSON.stringify(line)}\n`;

/** A validation that is still due comes again. */
const isBefore = ({ kind, step }: Line, progress: Progress): boolean =>
  step < progress.step || (step === progress.step && !(kind === "validation" && progress.validationIsDue));
