/** Imports of `.miras` files, for bundlers: each is compiled to the module that `miras build` makes of it. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import {
  createUnplugin,
  type UnpluginBuildContext,
  type UnpluginContext,
  type UnpluginInstance,
} from "unplugin";
import { compile } from "../../compiler/pipeline.ts";
import type { Diagnostic } from "../../compiler/source/diagnostic.ts";
import { positionOf } from "../../compiler/source/lines.ts";
import { renderDiagnostics } from "../../compiler/source/render.ts";
import type { Asked } from "../build/sizes.ts";
import { UsageError } from "../errors.ts";
import { importedSource, readSource } from "../files.ts";
import { preludePaths, reloadPrelude } from "../prelude.ts";

export interface MirasOptions {
  /** The sizes to make kernels for, one choice or several: `{ dk: 64, dv: 64 }` for models and `{ B: 1, T: 64 }` for networks unless given. */
  readonly sizes?: Readonly<Record<string, number>> | readonly Readonly<Record<string, number>>[];
  /** Whether to write `NAME.d.miras.ts` beside each `NAME.miras` that is imported: yes, unless this is false. */
  readonly types?: boolean;
}

type Context = UnpluginBuildContext & UnpluginContext;

/** The same plugin for every bundler. */
export type MirasPlugin = UnpluginInstance<MirasOptions | undefined, false>;

export const plugin: MirasPlugin = createUnplugin((options = {}) => ({
  name: "miras",
  load: {
    filter: { id: /\.miras$/ },
    handler(id) {
      return load(this, id, options);
    },
  },
  esbuild: { onLoadFilter: /\.miras$/, loader: "js" },
}));

/** Where a bundler goes on after an error, it finds a module without exports. */
const NOTHING = "export {};\n";

async function load(context: Context, id: string, options: MirasOptions): Promise<string> {
  for (const path of preludePaths()) context.addWatchFile(path);
  const near = relative(process.cwd(), id);
  const path = near.startsWith("..") ? id : near;
  const { models, networks, diagnostics } = compile(
    readSource(path),
    reloadPrelude(),
    undefined,
    (imported, from) => {
      // Watched where it is missing, too: it may come.
      context.addWatchFile(resolve(dirname(from.path), imported));
      return importedSource(imported, from);
    },
  );
  const errors = diagnostics.all.filter((d) => d.severity === "error");
  for (const d of diagnostics.all) if (d.severity === "warning") context.warn(message([d]));
  const [first, ...others] = errors;
  if (first) {
    context.error(message([first, ...others]));
    return NOTHING;
  }
  if (models.length + networks.length === 0) {
    context.error({ id, message: `${path} has no model and no network, and a module is made of these` });
    return NOTHING;
  }
  try {
    // Loaded with the first spec: writing TypeScript takes a while to load.
    const { builtOf } = await import("../build/files.ts");
    const { module } = builtOf(path, { models, networks }, askedOf(options));
    if (options.types !== false) writeTypes(context, id, module.dts);
    return module.js;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    context.error({ id, message: [error.message, ...error.notes].join("\n  ") });
    return NOTHING;
  }
}

/** All of them as the command line prints them, at the place of the first. */
function message(diagnostics: readonly [Diagnostic, ...Diagnostic[]]) {
  const { span } = diagnostics[0].labels[0];
  const id = resolve(span.file.path);
  const { line, column } = positionOf(span.file, span.start);
  // Bundlers count columns from 0.
  const loc = { file: id, line, column: column - 1 };
  return { id, loc, message: renderDiagnostics(diagnostics, { color: false }) };
}

function askedOf({ sizes = [] }: MirasOptions): Asked[] {
  const all = Array.isArray(sizes) ? sizes : [sizes];
  for (const [name, size] of all.flatMap((each) => Object.entries<number>(each)))
    if (!Number.isSafeInteger(size) || size < 1)
      throw new UsageError(`sizes: ${name} is ${size}, and should be a whole number from 1 on`);
  return all.map((each) => new Map(Object.entries<number>(each)));
}

/** So that TypeScript knows the import, with `allowArbitraryExtensions`. Not written anew when it says the same. */
function writeTypes(context: Context, id: string, text: string): void {
  const path = id.replace(/\.miras$/, ".d.miras.ts");
  try {
    if (existsSync(path) && readFileSync(path, "utf8") === text) return;
    writeFileSync(path, text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    context.warn({ id, message: `its types were not written: ${why}` });
  }
}
