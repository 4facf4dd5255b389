/** Models of other files. */
import type * as ast from "../../grammar/ast.ts";
import { parse } from "../../grammar/parse.ts";
import { Library } from "../check/library.ts";
import type { Reporter } from "../check/report.ts";
import { Diagnostics } from "../source/diagnostic.ts";
import type { SourceFile } from "../source/span.ts";
import { closest } from "../source/suggest.ts";

/**
 * The file that an import names, as it stands in the file `from`; undefined where there is none. The same file has
 * the same path each time.
 */
export type Resolve = (path: string, from: SourceFile) => SourceFile | undefined;

/** A model, and the definitions that it can choose from. */
export interface Imported {
  readonly definition: ast.ModelDef;
  readonly library: Library;
}

/** By name; undefined for what could not be read, which has been reported. */
export function readImports(
  tree: ast.File,
  prelude: readonly ast.File[],
  resolve: Resolve,
  reporter: Reporter,
): Map<string, Imported | undefined> {
  const found = new Map<string, Imported | undefined>();
  const own = new Map(tree.definitions.map((d) => [d.name.text, d.name]));
  const seen = new Map<string, ast.Name>();
  for (const item of tree.imports) {
    const { file } = item.span;
    for (const { text } of item.names) if (!found.has(text)) found.set(text, undefined);
    const source = resolve(item.path.text, file);
    if (!source) {
      reporter.error("import-missing", { path: item.path.text }, item.path.span, {
        notes: [`it is looked for beside ${file.path}`],
      });
      continue;
    }
    const cycle = cycleFrom(source, [file.path], resolve);
    if (cycle) {
      reporter.error("import-cycle", { path: item.path.text }, item.path.span, {
        notes: [cycle.join(" imports ")],
      });
      continue;
    }
    const imported = parse(source, reporter.diagnostics);
    const library = new Library([...prelude, imported], reporter);
    for (const name of item.names) {
      const definition = modelIn(imported, source, name, reporter);
      if (!definition) continue;
      const before = own.get(name.text) ?? seen.get(name.text);
      if (before) {
        reporter.error("duplicate-name", { name: name.text }, name.span, {
          here: "the second",
          others: [{ span: before.span, text: "the first" }],
        });
        continue;
      }
      seen.set(name.text, name);
      found.set(name.text, { definition, library });
    }
  }
  return found;
}

function modelIn(
  { definitions }: ast.File,
  { path }: SourceFile,
  name: ast.Name,
  reporter: Reporter,
): ast.ModelDef | undefined {
  const models = definitions.filter((d) => d.kind === "model");
  const found = models.find((d) => d.name.text === name.text);
  if (found) return found;
  const names = models.map((d) => d.name.text);
  const near = closest(name.text, names);
  const other = definitions.find((d) => d.name.text === name.text);
  return reporter.error("import-unknown", { path, name: name.text }, name.span, {
    here: other ? `this is a ${other.kind}` : "",
    notes: [names.length > 0 ? `its models: ${names.join(", ")}` : "it has no models"],
    ...(near
      ? { fix: { text: `did you mean \`${near}\`?`, edits: [{ span: name.span, insert: near }] } }
      : {}),
  });
}

/** The files from the first to one that is imported again below itself. */
function cycleFrom(file: SourceFile, above: readonly string[], resolve: Resolve): string[] | undefined {
  const path = [...above, file.path];
  if (above.includes(file.path)) return path;
  for (const { path: next } of parse(file, new Diagnostics()).imports) {
    const source = resolve(next.text, file);
    const found = source && cycleFrom(source, path, resolve);
    if (found) return found;
  }
  return undefined;
}
