/** What of a model can be given another value from outside: by `--set`, or by a part of a network. */
import type * as ast from "../../grammar/ast.ts";
import type { Spec } from "./spec.ts";

/** What can be given another value. */
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
    const params = definition && "params" in definition ? definition.params : [];
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

export const isNumber = (text: string): boolean => text.trim() !== "" && Number.isFinite(Number(text));
