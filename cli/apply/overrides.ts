/** `--set name=value`: values in place of the file's own. */
import { NO_OVERRIDES, type Overrides } from "../../compiler/check/context.ts";
import type { Spec } from "../../compiler/check/spec.ts";
import { closest } from "../../compiler/source/suggest.ts";
import type * as ast from "../../grammar/ast.ts";
import { UsageError } from "../errors.ts";

/** What `--set` can change. */
export interface Settable {
  readonly name: string;
  /** A size is a whole number from 1 on. */
  readonly kind: "number" | "size";
  /** For people: its value as it stands. */
  readonly now: string | undefined;
}

/** The consts of a model, the numbers and sizes among the parameters of its choices, and the chunk. */
export function settableOf(spec: Spec, definitions: readonly ast.Definition[]): Settable[] {
  const consts = spec.definition.items
    .filter((i) => i.kind === "const")
    .map((i): Settable => ({ name: i.name.text, kind: "number", now: undefined }));
  const parameters = spec.choices.flatMap(({ kind, name, arguments: given }) => {
    // A file's own definition stands before one of the prelude.
    const definition = definitions.findLast((d) => d.kind === kind && d.name.text === name);
    const params = definition && definition.kind !== "model" ? definition.params : [];
    return given.flatMap(({ name, shown, origin }): Settable[] => {
      if (origin === "modifier" || origin === "same name") return [];
      const isSize = params.find((p) => p.name.text === name)?.type?.text === "size";
      if (!isSize && !isNumber(shown)) return [];
      return [{ name, kind: isSize ? "size" : "number", now: shown }];
    });
  });
  const chunk: Settable = { name: "chunk", kind: "size", now: spec.chunk?.toString() };
  const all = [...consts, ...parameters, chunk];
  return all.filter((s, i) => all.findIndex((o) => o.name === s.name) === i);
}

const isNumber = (text: string): boolean => text.trim() !== "" && Number.isFinite(Number(text));

export function overridesOf(settings: readonly string[], settable: readonly Settable[]): Overrides {
  if (settings.length === 0) return NO_OVERRIDES;
  const constants = new Map<string, number>();
  let chunk: number | undefined;
  for (const setting of settings) {
    const at = setting.indexOf("=");
    const name = (at < 0 ? setting : setting.slice(0, at)).trim();
    const text = at < 0 ? "" : setting.slice(at + 1).trim();
    const known = settable.find((s) => s.name === name);
    if (!known) {
      const near = closest(
        name,
        settable.map((s) => s.name),
      );
      throw new UsageError(`--set ${setting}: nothing that can be set is named ${name}`, [
        ...(near ? [`did you mean ${near}?`] : []),
        `what can be set: ${settable.map(described).join(", ")}`,
      ]);
    }
    if (!isNumber(text)) {
      throw new UsageError(`--set ${setting}: ${name} should be a number, as in --set ${name}=16`);
    }
    const value = Number(text);
    if (known.kind === "size" && !(Number.isSafeInteger(value) && value >= 1)) {
      const what = name === "chunk" ? "the chunk" : name;
      const of = name === "chunk" ? " of tokens" : "";
      throw new UsageError(`--set ${setting}: ${what} should be a whole number${of} from 1 on`);
    }
    if (name === "chunk") chunk = value;
    else constants.set(name, value);
  }
  return { constants, ...(chunk === undefined ? {} : { chunk }) };
}

const described = ({ name, now }: Settable): string => (now === undefined ? name : `${name} (${now})`);
