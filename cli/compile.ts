/** From a file on disk to its models, with what is wrong told on stderr. */
import type { Overrides } from "../compiler/check/context.ts";
import { messages } from "../compiler/messages/index.ts";
import type { Network } from "../compiler/network/network.ts";
import { type Compilation, compile, type Model } from "../compiler/pipeline.ts";
import { type Diagnostic, Diagnostics } from "../compiler/source/diagnostic.ts";
import { renderDiagnostics } from "../compiler/source/render.ts";
import type { SourceFile } from "../compiler/source/span.ts";
import { closest } from "../compiler/source/suggest.ts";
import type * as ast from "../grammar/ast.ts";
import { parse } from "../grammar/parse.ts";
import { SpecError, UsageError } from "./errors.ts";
import { importedSource, readSource } from "./files.ts";
import type { Io } from "./io.ts";
import { prelude } from "./prelude.ts";

export interface Compiled extends Compilation {
  readonly file: SourceFile;
}

export function compileFile(path: string, overrides?: Overrides): Compiled {
  const file = readSource(path);
  return { ...compile(file, prelude(), overrides, importedSource), file };
}

/** Everything that a file can choose from; its own definitions stand last. */
export function definitionsFor(path: string): ast.Definition[] {
  return [...prelude(), readSource(path)].flatMap((file) => parse(file, new Diagnostics()).definitions);
}

const ONLY_MODELS = "only a model can be explained or run";

/** What a command that needs a model says of a file without one. */
export const noModel = (file: SourceFile): Diagnostic => ({
  severity: "error",
  code: "no-model",
  message: messages["no-model"].text({ path: file.path }),
  labels: [{ span: { file, start: 0, end: 0 }, text: "" }],
  notes: [ONLY_MODELS],
});

function compileTold(path: string, io: Io): Compiled {
  const compiled = compileFile(path);
  const { all } = compiled.diagnostics;
  if (all.length > 0) io.err(`${renderDiagnostics(all, { color: io.errColors.isColorSupported })}\n`);
  return compiled;
}

/** The models and networks of a file; gives up where it is in error. */
export function partsOf(path: string, io: Io): Parts {
  const { models, networks, diagnostics } = compileTold(path, io);
  if (diagnostics.hasErrors) throw new SpecError(`${path} is in error`);
  return { models, networks };
}

export type Parts = Pick<Compilation, "models" | "networks">;

/** The models of a file; gives up where it is in error. */
export const modelsOf = (path: string, io: Io): readonly Model[] => partsOf(path, io).models;

/** The model or network of that name; without a name, all that there are. */
export function chosenParts({ models, networks }: Parts, path: string, name: string | undefined): Parts {
  if (name === undefined && models.length + networks.length === 0)
    throw new UsageError(`${path} has no model and no network`, ["only these can be built"]);
  if (name === undefined) return { models, networks };
  const network = networks.find((n) => n.name === name);
  if (network) return { models: [], networks: [network] };
  if (networks.length === 0 || models.some((m) => m.spec.name === name))
    return { models: [chosen(models, path, name)], networks: [] };
  const names = [...models.map((m) => m.spec.name), ...networks.map((n) => n.name)];
  const near = closest(name, names);
  throw new UsageError(`${path} has no model and no network ${name}`, [
    near ? `did you mean ${near}?` : `it has ${names.join(", ")}`,
  ]);
}

/** The one model of a file that is meant; gives up where the file is in error. */
export const modelOf = (path: string, name: string | undefined, io: Io): Model =>
  chosenTold(modelsOf(path, io), path, name, io);

/** As `modelOf`, but for rules that the author got wrong: these need explaining more than others do. */
export function modelToExplain(
  path: string,
  name: string | undefined,
  io: Io,
): { model: Model; isRefuted: boolean } {
  const { models, diagnostics } = compileTold(path, io);
  const errors = diagnostics.all.filter((d) => d.severity === "error");
  if (errors.some((d) => d.code !== "expect-fails")) throw new SpecError(`${path} is in error`);
  return { model: chosenTold(models, path, name, io), isRefuted: errors.length > 0 };
}

/** The networks that `explain` tells of: those of a file in which no model is asked for. */
export function networksToExplain(path: string, name: string | undefined, io: Io): readonly Network[] {
  if (name !== undefined || !isNetworkFile(path)) return [];
  const { networks, diagnostics } = compileTold(path, io);
  if (diagnostics.hasErrors) throw new SpecError(`${path} is in error`);
  return networks;
}

const isNetworkFile = (path: string): boolean =>
  parse(readSource(path), new Diagnostics()).definitions.some((d) => d.kind === "network");

/** As `chosen`; a terminal is told of the models that a file has besides. */
function chosenTold(models: readonly Model[], path: string, name: string | undefined, io: Io): Model {
  const model = chosen(models, path, name);
  const others = models.filter((m) => m !== model).map((m) => m.spec.name);
  if (name === undefined && others.length > 0 && io.errIsTerminal) {
    const note = `${model.spec.name} is the first model of ${path}; there is also ${others.join(", ")}: choose with --model NAME`;
    io.err(`${io.errColors.dim(note)}\n`);
  }
  return model;
}

/** The model of that name; without a name, the first one. */
export function chosen(models: readonly Model[], path: string, name: string | undefined): Model {
  const names = models.map((m) => m.spec.name);
  const found = name === undefined ? models[0] : models.find((m) => m.spec.name === name);
  if (found) return found;
  if (name === undefined) throw new UsageError(messages["no-model"].text({ path }), [ONLY_MODELS]);
  const near = closest(name, names);
  throw new UsageError(`${path} has no model ${name}`, [
    near ? `did you mean ${near}?` : `its models: ${names.join(", ") || "none"}`,
  ]);
}
