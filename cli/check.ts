/** `miras check`: every diagnostic of every file, and what was proved of the clean models. */

import type { Model } from "../compiler/pipeline.ts";
import { renderDiagnostics } from "../compiler/source/render.ts";
import { type Compiled, compileFile } from "./compile.ts";
import { diagnosticJson } from "./diagnostic-json.ts";
import { EXIT, UsageError } from "./errors.ts";
import { readSource } from "./files.ts";
import { fixFiles, fixJson, fixText } from "./fix.ts";
import type { Io } from "./io.ts";
import { preludePaths, reloadPrelude } from "./prelude.ts";
import { interruption, watch } from "./watch.ts";
import { choiceText, count, networkText, proofs } from "./words.ts";

export interface CheckOptions {
  readonly json?: boolean;
  readonly fix?: boolean;
  readonly watch?: boolean;
}

export async function check(paths: readonly string[], options: CheckOptions, io: Io): Promise<number> {
  // A wrong path is the command's fault, and is told before anything else.
  const unique = [...new Set(paths)];
  for (const path of unique) readSource(path);
  return options.watch ? watchAndCheck(unique, io) : checkOnce(unique, options, io);
}

async function watchAndCheck(paths: readonly string[], io: Io): Promise<number> {
  const { signal, release } = interruption();
  const again = async (): Promise<number> => {
    try {
      reloadPrelude();
      return await checkOnce(paths, {}, io);
    } catch (error) {
      // A file that is away may come back.
      if (!(error instanceof UsageError)) throw error;
      io.err(`${io.errColors.red(io.errColors.bold("error:"))} ${error.message}\n`);
      return EXIT.usage;
    }
  };
  try {
    return await watch(() => [...paths, ...preludePaths()], again, io, signal);
  } finally {
    release();
  }
}

async function checkOnce(unique: readonly string[], options: CheckOptions, io: Io): Promise<number> {
  const fixes = options.fix ? await fixFiles(unique) : [];
  const files = unique.map((path) => compileFile(path));
  if (options.json) {
    const fixed = options.fix ? { fixes: fixes.map(fixJson) } : {};
    io.out(`${JSON.stringify({ ...asJson(files), ...fixed }, undefined, 2)}\n`);
  } else {
    const told = fixes.map((fix) => `${fixText(fix, io.outColors)}\n`).join("");
    io.out(told === "" ? asText(files, io) : `${told}\n${asText(files, io)}`);
  }
  return files.some((f) => f.diagnostics.hasErrors) ? EXIT.fails : EXIT.well;
}

function asText(files: readonly Compiled[], io: Io): string {
  const c = io.outColors;
  const clean = files.filter((f) => !f.diagnostics.hasErrors);
  const rows = clean.flatMap((f) => f.models.map((m) => row(m)));
  const widths = [0, 1].map((i) => Math.max(0, ...rows.map((r) => (r[i] as string).length)));
  const lines = files.flatMap((f) => {
    const found = f.diagnostics.all;
    const told = found.length > 0 ? [renderDiagnostics(found, { color: c.isColorSupported }), ""] : [];
    if (f.diagnostics.hasErrors) return told;
    if (f.models.length + f.networks.length === 0) {
      return [...told, `${f.file.path}: ${count(f.ast.definitions.length, "definition")}, no model`];
    }
    const networks = f.networks.map((n) => `${c.green("ok")} ${c.bold(n.name)}  ${networkText(n)}`);
    return [
      ...told,
      ...f.models.map((m) => {
        const [name, choices, proved] = row(m);
        return `${c.green("ok")} ${c.bold(name.padEnd(widths[0] as number))}  ${choices.padEnd(widths[1] as number)}  ${c.dim(proved)}`.trimEnd();
      }),
      ...networks,
    ];
  });
  return `${[...lines, summary(files)].join("\n")}\n`;
}

const row = (m: Model): [name: string, choices: string, proved: string] => [
  m.spec.name,
  m.spec.choices.map((choice) => choiceText(choice, m.spec)).join(", "),
  proofs(m),
];

function summary(files: readonly Compiled[]): string {
  const all = files.flatMap((f) => f.diagnostics.all);
  const errors = all.filter((d) => d.severity === "error").length;
  const warnings = all.length - errors;
  const models = files.reduce((n, f) => n + f.models.length, 0);
  const networks = files.reduce((n, f) => n + f.networks.length, 0);
  const what = [
    ...(models > 0 || networks === 0 ? [count(models, "model")] : []),
    ...(networks > 0 ? [count(networks, "network")] : []),
  ].join(" and ");
  const where = count(files.length, "file");
  if (errors > 0)
    return `${[count(errors, "error"), ...(warnings > 0 ? [count(warnings, "warning")] : [])].join(", ")} in ${where}`;
  return `${what} in ${where}: no errors${warnings > 0 ? `, ${count(warnings, "warning")}` : ""}`;
}

// ---------------------------------------------------------------- for tools

export const proofJson = ({ expectation, proof }: Model["proofs"][number]) => ({
  target: expectation.target.name,
  verdict: proof.verdict,
  ...(proof.verdict === "numeric" ? { points: proof.points, largestError: proof.largest } : {}),
});

const asJson = (files: readonly Compiled[]) => ({
  ok: files.every((f) => !f.diagnostics.hasErrors),
  models: files.flatMap((f) =>
    f.models.map((m) => ({
      file: f.file.path,
      name: m.spec.name,
      choices: Object.fromEntries(m.spec.choices.map((choice) => [choice.kind, choiceText(choice, m.spec)])),
      expectations: m.proofs.map(proofJson),
    })),
  ),
  networks: files.flatMap((f) =>
    f.networks.map(({ name, sizes, parts }) => ({
      file: f.file.path,
      name,
      sizes,
      block: parts.map((p) => p.name),
    })),
  ),
  diagnostics: files.flatMap((f) => f.diagnostics.all.map(diagnosticJson)),
});
