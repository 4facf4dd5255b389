/** From a file on disk to its models, with everything that is wrong told in one way. */

import type { Overrides } from "../compiler/check/model.ts";
import { messages } from "../compiler/messages/index.ts";
import { type Compilation, compile, type Model } from "../compiler/pipeline.ts";
import { renderDiagnostics } from "../compiler/source/render.ts";
import type { SourceFile } from "../compiler/source/span.ts";
import { closest } from "../compiler/source/suggest.ts";
import { SpecError, UsageError } from "./errors.ts";
import { readSource } from "./files.ts";
import type { Io } from "./io.ts";
import { prelude } from "./prelude.ts";

export interface Compiled extends Compilation {
  readonly file: SourceFile;
}

export function compileFile(path: string, overrides?: Overrides): Compiled {
  const file = readSource(path);
  const compilation = compile(file, prelude(), overrides);
  return { ...compilation, file };
}

/** The file's models; where it is in error, says so on stderr and gives up. */
export function modelsOf(path: string, io: Io, overrides?: Overrides): readonly Model[] {
  const { models, diagnostics } = compileFile(path, overrides);
  if (diagnostics.all.length > 0) {
    io.err(`${renderDiagnostics(diagnostics.all, { color: io.errColors.isColorSupported })}\n`);
  }
  if (diagnostics.hasErrors) throw new SpecError(`${path} is in error`);
  return models;
}

/** The one model of a file that is meant; where it is in error, says so on stderr and gives up. */
export function modelOf(path: string, name: string | undefined, io: Io, overrides?: Overrides): Model {
  return chosen(modelsOf(path, io, overrides), path, name);
}

/** The model of that name; without a name, the only one there is. */
export function chosen(models: readonly Model[], path: string, name: string | undefined): Model {
  const names = models.map((m) => m.spec.name);
  if (name !== undefined) {
    const found = models.find((m) => m.spec.name === name);
    if (found) return found;
    const near = closest(name, names);
    throw new UsageError(`${path} has no model ${name}`, [
      near ? `did you mean ${near}?` : `its models: ${names.join(", ") || "none"}`,
    ]);
  }
  const [only, ...others] = models;
  if (!only)
    throw new UsageError(messages["no-model"].text({ path }), ["only a model can be explained or run"]);
  if (others.length > 0) {
    throw new UsageError(`${path} has ${names.length} models: ${names.join(", ")}`, [
      "choose one: --model NAME",
    ]);
  }
  return only;
}
