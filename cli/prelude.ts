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

function load(): SourceFile[] {
  const folder = join(root, "specs", "prelude");
  const names = readdirSync(folder).filter((name) => name.endsWith(".miras"));
  return names.sort().map((name) => {
    const path = join(folder, name);
    const near = relative(process.cwd(), path);
    return { path: near.startsWith("..") ? path : near, text: readFileSync(path, "utf8") };
  });
}
