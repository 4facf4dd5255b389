/** `miras fmt`: files in the standard layout. */
import { Diagnostics } from "../compiler/source/diagnostic.ts";
import { renderDiagnostics } from "../compiler/source/render.ts";
import type { SourceFile } from "../compiler/source/span.ts";
import { format } from "../grammar/format.ts";
import { diagnosticJson } from "./diagnostic-json.ts";
import { EXIT, UsageError } from "./errors.ts";
import { readSource, STDIN, writeSource } from "./files.ts";
import type { Io } from "./io.ts";
import { count } from "./words.ts";

export interface FmtOptions {
  readonly check?: boolean;
  readonly json?: boolean;
}

type Status = "unchanged" | "formatted" | "would change" | "in error";

interface Formatted {
  readonly file: SourceFile;
  /** The standard layout; undefined for a file in error, which has none. */
  readonly text: string | undefined;
  readonly diagnostics: Diagnostics;
}

export async function fmt(paths: readonly string[], options: FmtOptions, io: Io): Promise<number> {
  const unique = [...new Set(paths)];
  if (unique.includes(STDIN)) {
    if (unique.length > 1) throw new UsageError(`${STDIN} stands for stdin, and takes no files beside it`);
    return fmtStdin(options, io);
  }
  // A wrong path is told before any file is written.
  const files = unique.map((path) => formatted(readSource(path)));
  const results: { readonly path: string; readonly status: Status }[] = [];
  for (const each of files) {
    const status = statusOf(each, options);
    if (status === "formatted" && each.text !== undefined) await writeSource(each.file, each.text);
    results.push({ path: each.file.path, status });
  }
  if (options.json) {
    const diagnostics = files.flatMap(({ diagnostics: { all } }) => all.map(diagnosticJson));
    io.out(`${JSON.stringify({ ok: isWell(results), files: results, diagnostics }, undefined, 2)}\n`);
  } else {
    for (const each of files) tell(each, io);
    for (const { path, status } of results)
      if (status === "formatted" || status === "would change") io.out(`${path}\n`);
    io.err(`${summary(results.map(({ status }) => status))}\n`);
  }
  return isWell(results) ? EXIT.well : EXIT.fails;
}

async function fmtStdin(options: FmtOptions, io: Io): Promise<number> {
  const result = formatted({ path: "<stdin>", text: await io.readIn() });
  const { file, text, diagnostics } = result;
  const status = statusOf(result, options);
  if (options.json) {
    const ok = isWell([{ status }]);
    const told = diagnostics.all.map(diagnosticJson);
    const files = [{ path: file.path, status, ...(options.check ? {} : { text }) }];
    io.out(`${JSON.stringify({ ok, files, diagnostics: told }, undefined, 2)}\n`);
  } else {
    tell(result, io);
    if (!options.check && text !== undefined) io.out(text);
    if (status === "would change") io.out(`${file.path}\n`);
  }
  return isWell([{ status }]) ? EXIT.well : EXIT.fails;
}

function formatted(file: SourceFile): Formatted {
  const diagnostics = new Diagnostics();
  const text = format(file, diagnostics);
  return { file, text, diagnostics };
}

function statusOf({ file, text }: Formatted, { check }: FmtOptions): Status {
  if (text === undefined) return "in error";
  if (text === file.text) return "unchanged";
  return check ? "would change" : "formatted";
}

const isWell = (results: readonly { readonly status: Status }[]): boolean =>
  results.every(({ status }) => status === "unchanged" || status === "formatted");

function tell({ diagnostics: { all } }: Formatted, io: Io): void {
  if (all.length > 0) io.err(`${renderDiagnostics(all, { color: io.errColors.isColorSupported })}\n\n`);
}

/** `2 files formatted, 1 file unchanged` */
function summary(all: readonly Status[]): string {
  const parts = (["formatted", "would change", "unchanged", "in error"] as const).flatMap((status) => {
    const n = all.filter((each) => each === status).length;
    return n > 0 ? [`${count(n, "file")} ${status}`] : [];
  });
  return parts.join(", ");
}
