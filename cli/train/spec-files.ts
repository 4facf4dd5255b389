/** A `.miras` file together with the files that it imports, as a run folder keeps them: on their own, and still a spec. */
import { basename, extname } from "node:path";
import { Diagnostics } from "../../compiler/source/diagnostic.ts";
import type { SourceFile } from "../../compiler/source/span.ts";
import { parse } from "../../grammar/parse.ts";
import { importedSource } from "../files.ts";

/** Where imported files lie, beside the file itself. */
export const IMPORTS = "imports";

export interface SpecFiles {
  /** The text of the file, whose imports name those below. */
  readonly spec: string;
  /** The texts of all files that are imported, by their names in `imports/`. */
  readonly imports: ReadonlyMap<string, string>;
}

/** Imports that lead nowhere stay as they are: whoever compiles the file says so. */
export function specFiles(file: SourceFile): SpecFiles {
  const names = new Map<string, string>();
  const imports = new Map<string, string>();
  const spec = rewritten(file, (imported) => `${IMPORTS}/${gathered(imported, names, imports)}`);
  return { spec, imports };
}

/** The name of a file in `imports/`, after it and what it imports in turn have been put there. */
function gathered(file: SourceFile, names: Map<string, string>, imports: Map<string, string>): string {
  const known = names.get(file.path);
  if (known !== undefined) return known;
  const name = freeName(file.path, new Set(names.values()));
  names.set(file.path, name);
  imports.set(
    name,
    rewritten(file, (imported) => gathered(imported, names, imports)),
  );
  return name;
}

/** The text of a file with other paths in its imports. */
function rewritten(file: SourceFile, pathFor: (imported: SourceFile) => string): string {
  let text = "";
  let at = 0;
  for (const { path } of parse(file, new Diagnostics()).imports) {
    const imported = importedSource(path.text, file);
    if (imported === undefined) continue;
    text += `${file.text.slice(at, path.span.start)}"${pathFor(imported)}"`;
    at = path.span.end;
  }
  return text + file.text.slice(at);
}

/** `deltanet.miras`; `deltanet-2.miras` for the second file of that name. */
function freeName(path: string, taken: ReadonlySet<string>): string {
  const extension = extname(path);
  const stem = basename(path, extension);
  for (let n = 1; ; n++) {
    const name = `${stem}${n === 1 ? "" : `-${n}`}${extension}`;
    if (!taken.has(name)) return name;
  }
}

/** Where the files of a spec differ from those that they were: a line for each file. `path` names the spec. */
export function specChanges(path: string, now: SpecFiles, then: SpecFiles): string[] {
  const names = [...new Set([...then.imports.keys(), ...now.imports.keys()])];
  return [
    ...changeIn(path, now.spec, then.spec),
    ...names.flatMap((name) =>
      changeIn(`${name}, which ${path} imports,`, now.imports.get(name) ?? "", then.imports.get(name) ?? ""),
    ),
  ];
}

function changeIn(what: string, now: string, then: string): string[] {
  if (now === then) return [];
  const [a, b] = [now.split("\n"), then.split("\n")];
  const differs = a.findIndex((line, i) => line !== b[i]);
  const line = differs < 0 ? a.length : differs;
  const shown = (text: string | undefined): string =>
    text === undefined ? "not there" : `\`${text.trim()}\``;
  return [`${what} has changed: line ${line + 1} is ${shown(a[line])} now, and was ${shown(b[line])}`];
}
