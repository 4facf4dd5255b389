/** What the rooms of the checker share while one model is checked: its names, its sizes, its choices so far. */
import type * as ast from "../../grammar/ast.ts";
import { at } from "../math/algebra.ts";
import { axesFor, type Dim, dim } from "../math/axis.ts";
import type { Expr, Tensor } from "../math/expr.ts";
import { REAL } from "../math/interval.ts";
import type { Fix } from "../source/diagnostic.ts";
import { type Span, textOf } from "../source/span.ts";
import { bindArguments } from "./arguments.ts";
import { broadcast } from "./broadcast.ts";
import { Equalities, showDim, showShape } from "./dimensions.ts";
import { Elaborator } from "./elaborate.ts";
import type { Library } from "./library.ts";
import type { Reporter } from "./report.ts";
import type { Choice, ChoiceArgument, Initial } from "./spec.ts";
import { bind, Scope, type TensorValue, type Value, whole } from "./value.ts";

export const DK = dim(["dk"]);
export const DV = dim(["dv"]);
/** As many as the sequence has: known when a model runs. */
export const TOKENS = dim(["tokens"]);

/** Values that the command line gives in place of the file's own: a constant, a size, or the chunk. */
export interface Overrides {
  readonly constants: ReadonlyMap<string, number>;
  readonly chunk?: number;
}

export const NO_OVERRIDES: Overrides = { constants: new Map() };

export type Items<K extends ast.ModelItem["kind"]> = Extract<ast.ModelItem, { kind: K }>;

export class Context {
  readonly model: ast.ModelDef;
  readonly library: Library;
  readonly reporter: Reporter;
  readonly overrides: Overrides;
  readonly equalities = new Equalities();
  readonly elaborator: Elaborator;
  readonly scope = new Scope();
  readonly choices: Choice[] = [];
  /** What the model left open, in words. */
  readonly defaults: string[] = [];
  /** What `read` takes: known once the memory is. */
  readShape: readonly Dim[] = [DK];
  /** Whether a definition is checked by itself, for any values of its parameters. */
  readonly isAlone: boolean;

  constructor(
    model: ast.ModelDef,
    library: Library,
    reporter: Reporter,
    overrides: Overrides,
    isAlone = false,
  ) {
    this.model = model;
    this.library = library;
    this.reporter = reporter;
    this.overrides = overrides;
    this.isAlone = isAlone;
    this.elaborator = new Elaborator(reporter, library.functions, this.equalities, () => this.readShape);
  }

  items<K extends ast.ModelItem["kind"]>(kind: K): Items<K>[] {
    return this.model.items.filter((i): i is Items<K> => i.kind === kind);
  }

  // -------------------------------------------------------------- choices

  /** Binds the arguments of a choice in `inner`, and records where each came from. */
  choose(
    item: ast.ChoiceItem,
    params: readonly ast.Param[],
    args: readonly ast.Argument[],
    inner: Scope,
    modifiers: readonly ast.Argument[] = [],
  ): boolean {
    const shown: ChoiceArgument[] = [];
    const sameName = (p: ast.Param): Value | undefined => {
      if (this.isAlone) return this.standIn(p);
      const value = this.scope.find(p.name.text)?.value();
      if (value) shown.push({ name: p.name.text, shown: p.name.text, origin: "same name" });
      return value;
    };
    const what = `${item.choice} \`${item.name.text}\``;
    const given = this.#overridden(params, args, item);
    const bound = bindArguments(this.elaborator, what, params, given, this.scope, inner, item.span, sameName);
    const positional = args.filter((a) => !a.name);
    for (const [i, p] of params.entries()) {
      if (shown.some((s) => s.name === p.name.text)) continue;
      const from = args.find((a) => a.name?.text === p.name.text) ?? positional[i];
      const set = this.overrides.constants.get(p.name.text);
      if (set !== undefined && this.#mayOverride(p, from))
        shown.push({ name: p.name.text, shown: String(set), origin: "given" });
      else if (from) shown.push({ name: p.name.text, shown: textOf(from.value.span), origin: "given" });
      else if (p.default) shown.push({ name: p.name.text, shown: textOf(p.default.span), origin: "default" });
    }
    for (const { name, value } of modifiers)
      if (name) shown.push({ name: name.text, shown: textOf(value.span), origin: "modifier" });
    this.choices.push({ kind: item.choice, name: item.name.text, span: item.span, arguments: shown });
    return bound !== undefined;
  }

  /** A parameter that is a number, by default or as it was given. */
  #mayOverride(p: ast.Param, given: ast.Argument | undefined): boolean {
    return (given?.value ?? p.default)?.kind === "number" || p.type?.text === "size";
  }

  /** The arguments with those that the command line sets in the place of the file's own. */
  #overridden(
    params: readonly ast.Param[],
    args: readonly ast.Argument[],
    { span }: ast.ChoiceItem,
  ): readonly ast.Argument[] {
    let given = args;
    for (const [i, p] of params.entries()) {
      const value = this.overrides.constants.get(p.name.text);
      const positional = args.filter((a) => !a.name)[i];
      const from = args.find((a) => a.name?.text === p.name.text) ?? positional;
      if (value === undefined || !this.#mayOverride(p, from)) continue;
      const number: ast.NumberLit = { kind: "number", value, span: from?.value.span ?? span };
      given = from
        ? given.map((a) => (a === from ? { ...a, value: number } : a))
        : [...given, { name: p.name, value: number, span }];
    }
    return given;
  }

  /** Some value that a parameter may take. */
  standIn(p: ast.Param): Value | undefined {
    if (p.type?.text === "function") return { kind: "function", name: "abs" };
    if (p.type?.text === "size") return { kind: "size", dim: dim([p.name.text]) };
    const sizes = new Scope(this.scope);
    for (const d of p.shape?.dims ?? []) {
      if (d.kind === "ident" && !sizes.find(d.text)) {
        sizes.define(d.text, bind({ kind: "size", dim: dim([d.text]) }, "a size", d.span));
      }
    }
    const shape = p.shape ? this.elaborator.shape(p.shape, sizes) : [];
    const domain = p.range ? this.elaborator.range(p.range, sizes) : REAL;
    return shape && domain && whole({ name: p.name.text, shape, domain } satisfies Tensor);
  }

  /** What a definition sees before its own names. */
  innerScope(): Scope {
    const inner = new Scope();
    inner.define("dk", bind({ kind: "size", dim: DK }, "the length of keys"));
    inner.define("dv", bind({ kind: "size", dim: DV }, "the length of values"));
    inner.define("tokens", bind({ kind: "size", dim: TOKENS }, "the length of the sequence"));
    return inner;
  }

  // -------------------------------------------------------------- items

  /** Reports each item after the first of its kind. */
  once(items: readonly { readonly kind: string; readonly span: Span }[], kinds: readonly string[]): boolean {
    let holds = true;
    for (const kind of kinds) {
      const [first, ...others] = items.filter((i) => i.kind === kind);
      for (const { span } of others) {
        holds = false;
        this.reporter.error("duplicate-item", { item: kind }, span, {
          here: "the second",
          others: first ? [{ span: first.span, text: "the first" }] : [],
        });
      }
    }
    return holds;
  }

  lets(items: readonly { kind: string }[], scope: Scope): void {
    for (const item of items as readonly ast.LetItem[]) {
      if (item.kind !== "let") continue;
      const before = scope.own(item.name.text);
      if (before) {
        this.reporter.error("duplicate-name", { name: item.name.text }, item.name.span, {
          here: "the second",
          others: before.span ? [{ span: before.span, text: "the first" }] : [],
        });
        continue;
      }
      const value = this.elaborator.value(item.value, scope);
      scope.define(item.name.text, { what: "a let", span: item.name.span, value: () => value });
    }
  }

  initial(e: ast.Expr | undefined): Initial | undefined {
    if (!e) return "zeros";
    if (e.kind === "ident" && (e.text === "zeros" || e.text === "learned")) return e.text;
    if (e.kind === "invalid") return undefined;
    return this.reporter.error("unknown-name", { name: textOf(e.span) }, e.span, {
      notes: ["a state starts at `zeros`, or its start is `learned`"],
    });
  }

  // -------------------------------------------------------------- shapes

  /** An expression placed along the axes of `shape`, which it must broadcast to. */
  fitTo(value: TensorValue, shape: readonly Dim[], what: string, name: string, span: Span): Expr | undefined {
    const fit = broadcast(shape, value.shape, this.equalities);
    if (fit.kind !== "fits" || fit.shape.length !== shape.length) {
      return this.reporter.error(
        "state-shape",
        { what, is: showShape(value.shape), state: showShape(shape), name },
        span,
      );
    }
    return at(value.expr, axesFor(value.shape), fit.right);
  }

  sameShape(one: readonly Dim[], other: readonly Dim[]): boolean {
    return one.length === other.length && one.every((d, i) => this.equalities.same(d, other[i] as Dim));
  }

  /** A line that makes two vectors equally long, if that is what is wrong. */
  requirement(one: readonly Dim[], other: readonly Dim[], otherwise: string): Fix {
    const [a, b] = [one[0], other[0]];
    const isName = (d: Dim | undefined): d is Dim => d?.scale === 1 && d.names.length === 1;
    if (one.length !== 1 || other.length !== 1 || !isName(a) || !isName(b))
      return { text: otherwise, edits: [] };
    const line = `require ${showDim(a)} = ${showDim(b)}`;
    const last = this.items("choice").at(-1)?.span;
    return {
      text: `add \`${line}\`, or ${otherwise}`,
      edits: last ? [{ span: { ...last, start: last.end }, insert: `\n  ${line}` }] : [],
    };
  }

  different(one: readonly Dim[], other: readonly Dim[]): string[] {
    const [a, b] = [one[0], other[0]];
    if (one.length !== 1 || other.length !== 1 || !a || !b) return [];
    return [`${showDim(a)} and ${showDim(b)} are different dimensions here`];
  }
}
