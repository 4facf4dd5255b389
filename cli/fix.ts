/** `miras check --fix`: applies the fixes of diagnostics to files on disk. */
import { NO_OVERRIDES } from "../compiler/check/context.ts";
import { compile } from "../compiler/pipeline.ts";
import { type AppliedFix, applyFixes } from "../compiler/source/fixes.ts";
import { importedSource, readSource, writeSource } from "./files.ts";
import type { Colors } from "./io.ts";
import { prelude } from "./prelude.ts";

export interface FileFix extends AppliedFix {
  readonly path: string;
}

export async function fixFiles(paths: readonly string[]): Promise<readonly FileFix[]> {
  const all: FileFix[] = [];
  for (const path of paths) {
    const file = readSource(path);
    const { text, applied } = applyFixes(
      file,
      (each) => compile(each, prelude(), NO_OVERRIDES, importedSource).diagnostics.all,
    );
    if (text === file.text) continue;
    await writeSource(file, text);
    all.push(...applied.map((fix) => ({ ...fix, path })));
  }
  return all;
}

/** `my.miras:3: bias l22 → bias l2` */
export const fixText = ({ path, line, before, after }: FileFix, c: Colors): string =>
  `${c.green("fixed")} ${path}:${line}: ${inLine(before)} ${c.dim("→")} ${inLine(after)}`;

const inLine = (text: string): string =>
  text
    .trim()
    .replace(/[ \t]*(\r\n|\n|\r)[ \t]*/g, " ⏎ ")
    .replace(/\p{C}/gu, "·") || "nothing";

export const fixJson = ({ path, line, before, after, diagnostic }: FileFix) => ({
  file: path,
  line,
  code: diagnostic.code,
  message: diagnostic.message,
  before,
  after,
});
