/** `miras explain CODE`: what a diagnostic means, with a program that has it and one that does not. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { NO_OVERRIDES } from "../../compiler/check/context.ts";
import { explanations } from "../../compiler/messages/index.ts";
import type { Resolve } from "../../compiler/network/imports.ts";
import { compile } from "../../compiler/pipeline.ts";
import type { Diagnostic } from "../../compiler/source/diagnostic.ts";
import { renderDiagnostics } from "../../compiler/source/render.ts";
import type { SourceFile } from "../../compiler/source/span.ts";
import { closest } from "../../compiler/source/suggest.ts";
import { noModel } from "../compile.ts";
import { diagnosticJson } from "../diagnostic-json.ts";
import { UsageError } from "../errors.ts";
import { importedSource } from "../files.ts";
import type { Io } from "../io.ts";
import { root } from "../package.ts";
import { prelude } from "../prelude.ts";
import { wrap } from "../words.ts";

export interface Lesson {
  readonly code: string;
  readonly explanation: string;
  /** The programs as they are in `docs/errors`. */
  readonly wrong: SourceFile;
  readonly right: SourceFile;
  /** What the compiler says of the wrong one today. */
  readonly told: readonly Diagnostic[];
  /** How often the wrong program is repeated to be wrong at all. */
  readonly times: number;
}

const WIDEST = 88;
/** No page could show a file that is too large; this makes one of a short program. */
const TIMES: ReadonlyMap<string, number> = new Map([["file-too-large", 20_000]]);

export function lessonOf(code: string): Lesson {
  const explanation = explanations.get(code);
  if (explanation === undefined) throw unknownCode(code);
  const wrong = program(code, "wrong");
  const times = TIMES.get(code) ?? 1;
  const told = diagnose({ path: wrong.path, text: wrong.text.repeat(times) });
  return { code, explanation, wrong, right: program(code, "right"), told, times };
}

function unknownCode(code: string): UsageError {
  const codes = [...explanations.keys()];
  const near = closest(code, codes);
  return new UsageError(`there is no file and no diagnostic called ${code}`, [
    ...(near ? [`did you mean ${near}?`] : []),
    ...wrap(`the diagnostics: ${codes.join(", ")}`, WIDEST).split("\n"),
  ]);
}

const program = (code: string, kind: "wrong" | "right"): SourceFile => ({
  path: `${kind}.miras`,
  text: readFileSync(join(root, "docs", "errors", `${code}.${kind}.miras`), "utf8"),
});

/** A file without a model is an error to the commands that need one. */
function diagnose(file: SourceFile): readonly Diagnostic[] {
  const inPackage = { path: join(root, file.path), text: file.text };
  const resolve: Resolve = (path) => (path === file.path ? file : importedSource(path, inPackage));
  const { models, networks, diagnostics } = compile(file, prelude(), NO_OVERRIDES, resolve);
  return models.length + networks.length === 0 && !diagnostics.hasErrors ? [noModel(file)] : diagnostics.all;
}

export const heading = ({ times }: Lesson): string => (times > 1 ? `wrong, ${times} times over` : "wrong");

export function codeText(lesson: Lesson, io: Io): string {
  const { code, explanation, wrong, right, told } = lesson;
  const c = io.outColors;
  const indented = (text: string): string => text.trimEnd().replace(/^(?=.)/gm, "  ");
  return `${[
    c.bold(code),
    wrap(explanation, Math.min(io.columns ?? WIDEST, WIDEST)),
    c.red(heading(lesson)),
    indented(wrong.text),
    renderDiagnostics(told, { color: c.isColorSupported }),
    c.green("right"),
    indented(right.text),
  ].join("\n\n")}\n`;
}

export const codeJson = ({ code, explanation, wrong, right, told, times }: Lesson) => ({
  code,
  explanation,
  wrong: { text: wrong.text, times, diagnostics: told.map(diagnosticJson) },
  right: { text: right.text },
});
