/** The definitions that a model can choose from: the prelude's and the file's own. */
import type * as ast from "../../grammar/ast.ts";
import { closest } from "../source/suggest.ts";
import { isBuiltin, LAYER_OPERATIONS } from "./builtins.ts";
import type { Reporter } from "./report.ts";
import type { ChoiceKind } from "./spec.ts";

type ChoiceDefinition = ast.MemoryDef | ast.BiasDef | ast.RetentionDef | ast.AlgorithmDef;
type DefinitionOf<K extends ChoiceKind> = Extract<ChoiceDefinition, { kind: K }>;

export class Library {
  readonly functions = new Map<string, ast.FunctionDef>();
  readonly models: readonly ast.ModelDef[];
  readonly networks: readonly ast.NetworkDef[];
  /** All of them, the prelude's first. */
  readonly definitions: readonly ast.Definition[];
  readonly #choices = new Map<string, ChoiceDefinition>();
  readonly #chosen = new Set<ast.Definition>();
  #own: readonly ast.Definition[] = [];
  readonly #reporter: Reporter;

  /** Later files may replace the definitions of earlier ones; within one file a name stands once. */
  constructor(files: readonly ast.File[], reporter: Reporter) {
    this.#reporter = reporter;
    for (const file of files) this.#addFile(file);
    this.#own = files.at(-1)?.definitions ?? [];
    this.definitions = files.flatMap((f) => f.definitions);
    this.models = this.#own.filter((d) => d.kind === "model");
    this.networks = this.#own.filter((d) => d.kind === "network");
  }

  #addFile(file: ast.File): void {
    const here = new Map<string, ast.Definition>();
    for (const d of file.definitions) {
      const name = d.name.text;
      const before = here.get(name);
      if (before) {
        this.#reporter.error("duplicate-name", { name }, d.name.span, {
          here: "the second",
          others: [{ span: before.name.span, text: "the first" }],
        });
        continue;
      }
      if (d.kind === "fn" && (isBuiltin(name) || LAYER_OPERATIONS.has(name))) {
        this.#reporter.error("reserved-name", { name }, d.name.span, {
          here: "this is a built-in operation",
        });
        continue;
      }
      if (d.kind !== "model" && d.kind !== "network") this.#distinct(d.params);
      here.set(name, d);
      if (d.kind === "fn") this.functions.set(name, d);
      else if (d.kind !== "model" && d.kind !== "network") this.#choices.set(name, d);
    }
  }

  /** Reports parameters of one name. */
  #distinct(params: readonly ast.Param[]): void {
    const seen = new Map<string, ast.Param>();
    for (const p of params) {
      const before = seen.get(p.name.text);
      if (before) {
        this.#reporter.error("duplicate-name", { name: p.name.text }, p.name.span, {
          here: "the second",
          others: [{ span: before.name.span, text: "the first" }],
        });
      }
      seen.set(p.name.text, p);
    }
  }

  /** The file's own definitions that no model has chosen. */
  unchosen(): ast.Definition[] {
    return this.#own.filter((d) => d.kind !== "model" && d.kind !== "network" && !this.#chosen.has(d));
  }

  /** What can be chosen, for a note. */
  listing(kind: ChoiceKind): string {
    const names = [...this.#choices.values()].filter((d) => d.kind === kind).map((d) => d.name.text);
    return `there are these ${plural(kind)}: ${names.join(", ")}`;
  }

  /** The definition that a choice names; reports an unknown name, or one of another kind. */
  resolve<K extends ChoiceKind>(kind: K, name: ast.Name): DefinitionOf<K> | undefined {
    const found = this.#choices.get(name.text);
    if (found) this.#chosen.add(found);
    if (found?.kind === kind) return found as DefinitionOf<K>;
    const ofKind = [...this.#choices.values()].filter((d) => d.kind === kind).map((d) => d.name.text);
    const is = found?.kind ?? (this.functions.has(name.text) ? "function" : undefined);
    if (is) {
      return this.#reporter.error("wrong-kind", { kind, name: name.text, is }, name.span, {
        notes: [`there are these ${plural(kind)}: ${ofKind.join(", ")}`],
        ...(found ? { others: [{ span: found.name.span, text: `defined here as a ${is}` }] } : {}),
      });
    }
    const near = closest(name.text, ofKind);
    return this.#reporter.error("unknown-choice", { kind, name: name.text }, name.span, {
      notes: [`there are these ${plural(kind)}: ${ofKind.join(", ")}`],
      ...(near
        ? { fix: { text: `did you mean \`${near}\`?`, edits: [{ span: name.span, insert: near }] } }
        : {}),
    });
  }
}

const plural = (kind: ChoiceKind): string =>
  kind === "memory" ? "memories" : kind === "bias" ? "biases" : `${kind}s`;
