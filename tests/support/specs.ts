/** Loads and compiles the project's specs for tests. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { NO_OVERRIDES } from "../../compiler/check/context.ts";
import type { Resolve } from "../../compiler/network/imports.ts";
import { type Compilation, compile, type Model } from "../../compiler/pipeline.ts";
import type { SourceFile } from "../../compiler/source/span.ts";

const specs = fileURLToPath(new URL("../../specs/", import.meta.url));

const load = (path: string): SourceFile => ({
  path: `specs/${path}`,
  text: readFileSync(specs + path, "utf8"),
});
const filesIn = (folder: string): string[] =>
  readdirSync(specs + folder)
    .filter((f) => f.endsWith(".miras"))
    .sort();

export const prelude: readonly SourceFile[] = filesIn("prelude").map((f) => load(`prelude/${f}`));

/** The names of all specs, without `.miras`. */
export const specNames: readonly string[] = filesIn("").map((f) => f.slice(0, -".miras".length));

export const specFile = (name: string): SourceFile => load(`${name}.miras`);

/** The names of the variants that nobody published, without `.miras`. */
export const variantNames: readonly string[] = filesIn("variants").map((f) => f.slice(0, -".miras".length));

export const variantFile = (name: string): SourceFile => load(`variants/${name}.miras`);

/** Reads what an import names, relative to the file that it stands in; the root is that of the repository. */
export const fromRepository: Resolve = (path, from) => {
  const full = join(dirname(from.path), path);
  try {
    return { path: full, text: readFileSync(join(specs, "..", full), "utf8") };
  } catch {
    return undefined;
  }
};

export const compileText = (text: string, path = "test.miras"): Compilation =>
  compile({ path, text }, prelude, NO_OVERRIDES, fromRepository);

/** The models of a text, one at least; throws with the diagnostics if it has errors. */
export function modelsOf(text: string): readonly [Model, ...Model[]] {
  const { models, diagnostics } = compileText(text);
  const [first, ...others] = models;
  if (!first || diagnostics.hasErrors) {
    throw new Error(diagnostics.all.map((d) => `${d.code}: ${d.message}`).join("\n"));
  }
  return [first, ...others];
}

/** The first model of a text; throws as `modelsOf`. */
export const modelOf = (text: string): Model => modelsOf(text)[0];

export const specModels = (name: string): readonly [Model, ...Model[]] => modelsOf(specFile(name).text);
export const specModel = (name: string): Model => specModels(name)[0];
