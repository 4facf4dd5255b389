/** The built-in choices and functions, which are themselves `.miras` files. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { SourceFile } from "../compiler/source/span.ts";
import { root } from "./package.ts";

let loaded: readonly SourceFile[] | undefined;

export function prelude(): readonly SourceFile[] {
  loaded ??= load();
  return loaded;
}

/** Reads it anew, after it may have changed. */
export function reloadPrelude(): readonly SourceFile[] {
  loaded = undefined;
  return prelude();
}

export function preludePaths(): string[] {
  const folder = join(root, "specs", "prelude");
  const names = readdirSync(folder).filter((name) => name.endsWith(".miras"));
  return names.sort().map((name) => join(folder, name));
}

const load = (): SourceFile[] =>
  preludePaths().map((path) => {
    const near = relative(process.cwd(), path);
    return { path: near.startsWith("..") ? path : near, text: readFileSync(path, "utf8") };
  });
