/**
 * What a run leaves on disk:
 *
 *     spec.miras      the file that was trained; what it imports in imports/
 *     config.json     all settings, versions, the device
 *     metrics.jsonl   a line of JSON for each step and each validation
 *     curves.svg      loss and accuracy
 *     checkpoints/    the last few snapshots and the best
 *
 * and for text also `vocabulary.json`. A run folder is made whole or not at all.
 */
import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { SourceFile } from "../../compiler/source/span.ts";
import { codeOf, explain, syncDirectory, writeWhole } from "../../runtime/node/files.ts";
import { UsageError } from "../errors.ts";
import { IMPORTS, type SpecFiles } from "./spec-files.ts";

const SPEC = "spec.miras";
const CONFIG = "config.json";
const METRICS = "metrics.jsonl";
const CURVES = "curves.svg";
const CHECKPOINTS = "checkpoints";
const VOCABULARY = "vocabulary.json";

/** What is there from the start, besides an empty folder for checkpoints. */
export interface Contents {
  readonly spec: SpecFiles;
  /** As JSON. */
  readonly config: unknown;
  /** Of a text, as JSON. */
  readonly vocabulary?: unknown;
}

export class RunFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  get metrics(): string {
    return join(this.path, METRICS);
  }

  get curves(): string {
    return join(this.path, CURVES);
  }

  get checkpoints(): string {
    return join(this.path, CHECKPOINTS);
  }

  /** Makes the folder. Throws UsageError where it is there already and holds something. */
  static async create(path: string, contents: Contents): Promise<RunFolder> {
    if (!(await made(path, contents))) {
      throw new UsageError(`the run folder ${path} is there already`, [
        `give another --out, or go on with that run: --resume ${path}`,
      ]);
    }
    return new RunFolder(path);
  }

  /** Makes the first folder of `name-1`, `name-2`, … that is not there yet. */
  static async createNext(name: string, contents: Contents): Promise<RunFolder> {
    for (let n = 1; ; n++) {
      const path = `${name}-${n}`;
      if (await made(path, contents)) return new RunFolder(path);
    }
  }

  /** One that is there. */
  static async open(path: string): Promise<RunFolder> {
    const folder = new RunFolder(path);
    let entries: string[];
    try {
      entries = await readdir(path);
    } catch (error) {
      if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR")
        throw new UsageError(`there is no run folder ${path}`, await runsNear(path));
      throw explain("read", path, error);
    }
    if (!entries.includes(CONFIG))
      throw new UsageError(
        `${path} is not a run folder: it has no ${CONFIG}`,
        await runsNear(join(path, "-")),
      );
    return folder;
  }

  /** The `.miras` file. */
  async spec(): Promise<SourceFile> {
    return { path: join(this.path, SPEC), text: await this.#read(SPEC) };
  }

  /** The same, with what it imports. */
  async specFiles(): Promise<SpecFiles> {
    const names = await listed(join(this.path, IMPORTS));
    const texts = names.map(async (name) => [name, await this.#read(join(IMPORTS, name))] as const);
    return { spec: await this.#read(SPEC), imports: new Map(await Promise.all(texts)) };
  }

  async config(): Promise<unknown> {
    return this.#json(CONFIG);
  }

  /** Undefined for a run that did not learn from text. */
  async vocabulary(): Promise<unknown> {
    const entries = await readdir(this.path);
    return entries.includes(VOCABULARY) ? this.#json(VOCABULARY) : undefined;
  }

  /** Takes away files that were being written when the run was killed. */
  async removeTemporary(): Promise<void> {
    for (const at of [this.path, this.checkpoints])
      for (const entry of await listed(at))
        if (TEMPORARY.test(entry)) await rm(join(at, entry), { force: true });
  }

  /** Takes the folder away where nothing has been measured yet, so that there is nothing to go on with; whether it did. */
  async removeUnused(): Promise<boolean> {
    const size = await stat(this.metrics).then(
      (metrics) => metrics.size,
      () => 0,
    );
    if (size === 0) await rm(this.path, { recursive: true, force: true });
    return size === 0;
  }

  async writeCurves(svg: string): Promise<void> {
    await writeWhole(this.curves, Buffer.from(svg));
  }

  async #read(name: string): Promise<string> {
    const path = join(this.path, name);
    try {
      return await readFile(path, "utf8");
    } catch (error) {
      throw explain("read", path, error);
    }
  }

  async #json(name: string): Promise<unknown> {
    const text = await this.#read(name);
    try {
      return JSON.parse(text);
    } catch {
      throw new UsageError(`${join(this.path, name)} is not JSON: the file was changed or is damaged`);
    }
  }
}

/** The first of `name-1`, `name-2`, … that is not there yet. */
export async function nextFree(name: string): Promise<string> {
  await mkdir(dirname(name), { recursive: true }).catch((error: unknown) => {
    throw explain("write", name, error);
  });
  for (let n = 1; ; n++) {
    const path = `${name}-${n}`;
    if (await isFree(path)) return path;
  }
}

/** Makes the folder under another name and renames it; false where there is one of the name that is not empty. */
async function made(path: string, { spec, config, vocabulary }: Contents): Promise<boolean> {
  const parent = dirname(resolve(path));
  const temporary = join(parent, temporaryName());
  try {
    await mkdir(parent, { recursive: true });
    if (!(await isFree(path))) return false;
    try {
      await mkdir(join(temporary, CHECKPOINTS), { recursive: true });
      await writeFile(join(temporary, SPEC), spec.spec, { flush: true });
      if (spec.imports.size > 0) {
        await mkdir(join(temporary, IMPORTS));
        for (const [name, text] of spec.imports)
          await writeFile(join(temporary, IMPORTS, name), text, { flush: true });
        await syncDirectory(join(temporary, IMPORTS));
      }
      await writeFile(join(temporary, CONFIG), json(config), { flush: true });
      if (vocabulary !== undefined)
        await writeFile(join(temporary, VOCABULARY), json(vocabulary), { flush: true });
      await syncDirectory(temporary);
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      // Another run took the name in the meantime.
      if (codeOf(error) === "ENOTEMPTY" || codeOf(error) === "EEXIST") return false;
      throw error;
    }
    await syncDirectory(parent);
    return true;
  } catch (error) {
    throw explain("write", path, error);
  }
}

async function isFree(path: string): Promise<boolean> {
  try {
    return (await readdir(path)).length === 0;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return true;
    if (codeOf(error) === "ENOTDIR") return false;
    throw error;
  }
}

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

const TEMPORARY = /^\.miras-.*\.tmp$/;
const temporaryName = (): string => `.miras-${randomUUID()}.tmp`;

/** What is in a folder; nothing where it cannot be read. */
const listed = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

/** Run folders beside one that is not there. */
async function runsNear(path: string): Promise<string[]> {
  const parent = dirname(path);
  const entries = await listed(parent);
  const found: string[] = [];
  for (const entry of entries) {
    const inside = await listed(join(parent, entry));
    if (inside.includes(CONFIG) && inside.includes(CHECKPOINTS)) found.push(join(parent, entry));
  }
  return found.length > 0 ? [`there are ${found.sort().slice(-8).join(", ")}`] : [];
}

/** What a run folder is called without its number: `deltanet-mqar-2026-01-31`. */
export const nameOf = (network: string, task: string, day: string): string =>
  [network, task, day].map((part) => part.replace(/[^\p{L}\p{Nd}._-]+/gu, "-")).join("-");
