/** A model, item by item: names, choices, shapes and domains, down to the typed spec. */
import type * as ast from "../../grammar/ast.ts";
import { at, substitute } from "../math/algebra.ts";
import { type Axis, axesFor, type Dim, dim } from "../math/axis.ts";
import { constant, type Expr, leaf, postorder, type Tensor, tensorsOf } from "../math/expr.ts";
import { type Interval, interval, NONNEGATIVE, REAL } from "../math/interval.ts";
import type { Fix } from "../source/diagnostic.ts";
import { positionOf } from "../source/lines.ts";
import type { Span } from "../source/span.ts";
import { textOf } from "../source/span.ts";
import { broadcast, place } from "./broadcast.ts";
import { Equalities, showDim, showShape } from "./dimensions.ts";
import { Elaborator, isBuiltin, LARGEST_F32, type Reader } from "./elaborate.ts";
import { checkPipeline, memoryOutput } from "./layer.ts";
import type { Library } from "./library.ts";
import type { Reporter } from "./report.ts";
import type {
  AlgorithmState, Bias, Choice, ChoiceArgument, ChoiceKind, Expectation, GradientPoint, Initial, MemoryState,
  Parameter, ReadFunction, Spec, TokenInput,
} from "./spec.ts"; // biome-ignore format: a list
import { bind, Scope, type TensorValue, tensorValue, type Value, whole } from "./value.ts";

const DK = dim(["dk"]);
const DV = dim(["dv"]);
const CHOICES: readonly ChoiceKind[] = ["memory", "bias", "retention", "algorithm"];
/** Numbers that the layer knows about itself. */
const LAYER_NUMBERS: Readonly<Record<string, Interval>> = {
  head: NONNEGATIVE,
  heads: interval(1, Infinity),
  layer: NONNEGATIVE,
  layers: interval(1, Infinity),
};
const RESERVED = new Set(["dk", "dv", "I", "grad", "prev", ...Object.keys(LAYER_NUMBERS)]);

/** Values that the command line gives in place of the file's own: a constant, or the chunk. */
export interface Overrides {
  readonly constants: ReadonlyMap<string, number>;
  readonly chunk?: number;
}

export const NO_OVERRIDES: Overrides = { constants: new Map() };

/** Checks a model. Undefined where it is in error; every error has been reported. */
export function checkModel(
  definition: ast.ModelDef,
  library: Library,
  reporter: Reporter,
  overrides: Overrides = NO_OVERRIDES,
): Spec | undefined {
  return new ModelChecker(definition, library, reporter, overrides).check();
}

/**
 * Checks a definition that no model chooses, by itself: its parameters are any values of their ranges, and
 * where it needs a memory that is one matrix.
 */
export function checkDefinition(definition: ast.Definition, library: Library, reporter: Reporter): void {
  if (definition.kind === "model") return;
  const { name, span } = definition;
  new ModelChecker({ kind: "model", name, items: [], span }, library, reporter, NO_OVERRIDES).checkAlone(
    definition,
  );
}

type Items<K extends ast.ModelItem["kind"]> = Extract<ast.ModelItem, { kind: K }>;

class ModelChecker {
  readonly #model: ast.ModelDef;
  readonly #library: Library;
  readonly #reporter: Reporter;
  readonly #overrides: Overrides;
  readonly #equalities = new Equalities();
  readonly #elaborator: Elaborator;
  readonly #scope = new Scope();
  readonly #inputs: TokenInput[] = [];
  readonly #parameters: Parameter[] = [];
  readonly #numbers: Tensor[] = [];
  readonly #choices: Choice[] = [];
  readonly #defaults: string[] = [];
  #readShape: readonly Dim[] = [DK];
  #isAlone = false;

  constructor(model: ast.ModelDef, library: Library, reporter: Reporter, overrides: Overrides) {
    this.#model = model;
    this.#library = library;
    this.#reporter = reporter;
    this.#overrides = overrides;
    this.#elaborator = new Elaborator(reporter, library.functions, this.#equalities, () => this.#readShape);
  }

  check(): Spec | undefined {
    const before = this.#reporter.errors;
    this.#sizes();
    this.#names();
    const chosen = this.#chosen();
    const memory = chosen.memory && this.#memory(chosen.memory);
    const bias = chosen.bias && memory && this.#bias(chosen.bias, memory.read, memory.states);
    const retention = chosen.retention && memory && this.#retention(chosen.retention, memory.states);
    const algorithm = chosen.algorithm && memory && this.#algorithm(chosen.algorithm, memory.states);
    const chunk = this.#chunk();
    const states = memory && retention && algorithm && joinStates(memory.states, retention, algorithm.steps);
    const output = memory && states && this.#output(memory.read, states);
    if (this.#reporter.errors === before) this.#checkUse();
    const expectations =
      memory && states && algorithm && this.#expectations(memory.read, states, algorithm.states);
    // Whatever was left out above has been reported.
    if (this.#reporter.errors > before) return undefined;
    if (!memory || !bias || !algorithm || !states || !output || !expectations) return undefined;
    const computed = states.flatMap((s) => [s.keep, s.step, s.link, s.prox].filter((e) => e !== undefined));
    const given = [bias.loss, bias.gradient].filter((e) => e !== undefined);
    const updates = algorithm.states.map((s) => s.update);
    if (!this.#fitsNumbers([memory.read.body, output.expr, ...computed, ...given, ...updates]))
      return undefined;
    return {
      name: this.#model.name.text,
      definition: this.#model,
      choices: this.#choices,
      inputs: this.#inputs,
      parameters: this.#parameters,
      numbers: this.#numbers,
      states,
      algorithmStates: algorithm.states,
      read: memory.read,
      bias,
      point: algorithm.point,
      steps: 1,
      chunk,
      output: output.expr,
      outputShape: output.shape,
      expectations,
      equalities: this.#equalities,
      labels: this.#elaborator.labels,
      defaults: this.#defaults,
    };
  }

  checkAlone(definition: Exclude<ast.Definition, ast.ModelDef>): void {
    const { kind, name } = definition;
    this.#sizes();
    this.#names();
    this.#isAlone = true;
    if (definition.kind === "fn") {
      this.#elaborator.names(definition, (p) => this.#standIn(p));
      return;
    }
    const item: ast.ChoiceItem = { kind: "choice", choice: definition.kind, name, args: [], span: name.span };
    const states = [bareState("W", [DV, DK], "zeros", name.span)];
    const x: Tensor = { name: "x", shape: [DK], domain: REAL };
    const y: Tensor = { name: "y", shape: [DV], domain: REAL };
    if (kind === "memory") this.#memory(item);
    else if (kind === "bias") this.#bias(item, { x, body: leaf(y, axesFor([DV])), shape: [DV] }, states);
    else if (kind === "retention") this.#retention(item, states);
    else this.#algorithm(item, states);
  }

  /** Some value that a parameter may take. */
  #standIn(p: ast.Param): Value | undefined {
    if (p.type?.text === "function") return { kind: "function", name: "abs" };
    if (p.type?.text === "size") return { kind: "size", dim: dim([p.name.text]) };
    const sizes = new Scope(this.#scope);
    for (const d of p.shape?.dims ?? []) {
      if (d.kind === "ident" && !sizes.find(d.text)) {
        sizes.define(d.text, bind({ kind: "size", dim: dim([d.text]) }, "a size", d.span));
      }
    }
    const shape = p.shape ? this.#elaborator.shape(p.shape, sizes) : [];
    const domain = p.range ? this.#elaborator.range(p.range, sizes) : REAL;
    return shape && domain && whole({ name: p.name.text, shape, domain });
  }

  #items<K extends ast.ModelItem["kind"]>(kind: K): Items<K>[] {
    return this.#model.items.filter((i): i is Items<K> => i.kind === kind);
  }

  // -------------------------------------------------------------- names

  #sizes(): void {
    this.#scope.define("dk", bind({ kind: "size", dim: DK }, "the length of keys"));
    this.#scope.define("dv", bind({ kind: "size", dim: DV }, "the length of values"));
    for (const [name, domain] of Object.entries(LAYER_NUMBERS)) {
      const tensor: Tensor = { name, shape: [], domain };
      this.#numbers.push(tensor);
      this.#scope.define(name, bind(whole(tensor), "a number of the layer"));
    }
    for (const item of this.#items("require")) this.#require(item);
  }

  #require(item: ast.RequireItem): void {
    const names = [item.left, item.right].map((e) => {
      const size = this.#elaborator.size(e, this.#scope);
      if (!size) return undefined;
      if (size.scale === 1 && size.names.length === 1) return size.names[0];
      return this.#reporter.error(
        "unsquare",
        { left: textOf(item.left.span), right: textOf(item.right.span) },
        item.span,
        {
          fix: {
            text: "numbers are given when a model is built; `require` says which sizes go together",
            edits: [],
          },
        },
      );
    });
    if (names[0] && names[1]) this.#equalities.require(names[0], names[1]);
  }

  #declare(name: ast.Name, what: string, value: () => Value | undefined): boolean {
    if (RESERVED.has(name.text) || isBuiltin(name.text)) {
      const known = this.#scope.own(name.text)?.what;
      this.#reporter.error("reserved-name", { name: name.text }, name.span, {
        here: known ?? (isBuiltin(name.text) ? "a built-in operation" : "a word of the language"),
        fix: { text: "choose another name", edits: [] },
      });
      return false;
    }
    const before = this.#scope.own(name.text);
    if (before) {
      this.#reporter.error("duplicate-name", { name: name.text }, name.span, {
        here: "the second",
        others: before.span ? [{ span: before.span, text: "the first" }] : [],
      });
      return false;
    }
    this.#scope.define(name.text, { what, span: name.span, value });
    return true;
  }

  #names(): void {
    for (const item of this.#model.items) {
      if (item.kind === "gate") this.#gate(item);
      else if (item.kind === "param") this.#param(item);
      else if (item.kind === "input") this.#input(item);
      else if (item.kind === "let" || item.kind === "const") this.#quantity(item);
    }
    for (const [name, shape] of [
      ["q", [DK]],
      ["k", [DK]],
      ["v", [DV]],
    ] as const) {
      if (this.#scope.own(name)) continue;
      const tensor: Tensor = { name, shape, domain: REAL };
      this.#scope.define(name, bind(whole(tensor), "an input"));
      this.#inputs.push({ tensor, role: "input", each: "token", span: undefined, made: undefined });
      this.#defaults.push(`input ${name} ${showShape(shape)}`);
    }
    // Evaluate every quantity, so that one that nothing uses is checked too.
    for (const item of [...this.#items("let"), ...this.#items("const")])
      this.#scope.own(item.name.text)?.value();
    for (const item of this.#items("input")) {
      if (item.value) checkPipeline(item.value, this.#library, this.#reporter, isBuiltin);
    }
  }

  #gate(item: ast.GateItem): void {
    const shape = item.shape ? this.#elaborator.shape(item.shape, this.#scope) : [];
    const range = item.range ? this.#elaborator.range(item.range, this.#scope) : REAL;
    if (item.rank) this.#elaborator.size(item.rank, this.#scope);
    const squashes =
      !range || item.value || (range.low === 0 && range.high === Infinity) || range.low === -range.high
        ? true
        : Number.isFinite(range.low) && Number.isFinite(range.high);
    if (range && !squashes) {
      const shown = item.range ? textOf(item.range.span) : "it";
      this.#reporter.error("gate-range", { range: shown }, item.range?.span ?? item.span, {
        fix: {
          text: `bound it on both sides, or say how it is made: \`gate ${item.name.text} ${shown} = expression\``,
          edits: [],
        },
      });
    }
    const tensor = shape && range && ({ name: item.name.text, shape, domain: range } satisfies Tensor);
    if (!this.#declare(item.name, "a gate", () => tensor && whole(tensor)) || !tensor) return;
    this.#inputs.push({ tensor, role: "gate", each: "token", span: item.name.span, made: item });
  }

  #param(item: ast.ParamItem): void {
    const shape = item.shape ? this.#elaborator.shape(item.shape, this.#scope) : [];
    const domain = item.range ? this.#elaborator.range(item.range, this.#scope) : REAL;
    const tensor = shape && domain && ({ name: item.name.text, shape, domain } satisfies Tensor);
    if (!this.#declare(item.name, "a param", () => tensor && whole(tensor)) || !tensor) return;
    this.#parameters.push({ tensor, span: item.name.span });
  }

  #input(item: ast.InputItem): void {
    for (const name of item.names) {
      const usual = name.text === "v" ? [DV] : name.text === "q" || name.text === "k" ? [DK] : undefined;
      const shape = item.shape ? this.#elaborator.shape(item.shape, this.#scope) : usual;
      if (!item.shape && !usual) {
        this.#reporter.error("input-shape", { name: name.text }, name.span, {
          fix: {
            text: `say it: \`input ${name.text} [dk]\``,
            edits: [{ span: { ...name.span, start: name.span.end }, insert: " [dk]" }],
          },
        });
      }
      const tensor = shape && ({ name: name.text, shape, domain: REAL } satisfies Tensor);
      if (!this.#declare(name, "an input", () => tensor && whole(tensor)) || !tensor) continue;
      this.#inputs.push({ tensor, role: "input", each: "token", span: name.span, made: item });
    }
  }

  /** `let` and `const`: elaborated when first used, so that their order does not matter. */
  #quantity(item: ast.LetItem | ast.ConstItem): void {
    const name = item.name.text;
    let state: "new" | "running" | "done" = "new";
    let result: Value | undefined;
    const override = item.kind === "const" ? this.#overrides.constants.get(name) : undefined;
    this.#declare(item.name, item.kind === "let" ? "a let" : "a const", () => {
      if (state === "running") {
        state = "done";
        return this.#reporter.error("definition-cycle", { name }, item.name.span, {
          here: "this depends on itself",
        });
      }
      if (state === "new") {
        state = "running";
        result =
          override === undefined
            ? this.#elaborator.value(item.value, this.#scope)
            : tensorValue(constant(override), []);
        state = "done";
      }
      return result;
    });
  }

  // -------------------------------------------------------------- the four choices

  #chosen(): Partial<Record<ChoiceKind, ast.ChoiceItem>> {
    const chosen: Partial<Record<ChoiceKind, ast.ChoiceItem>> = {};
    for (const item of this.#items("choice")) {
      const before = chosen[item.choice];
      if (before) {
        this.#reporter.error("duplicate-choice", { kind: item.choice }, item.span, {
          here: "the second",
          others: [{ span: before.span, text: "the first" }],
        });
      } else {
        chosen[item.choice] = item;
      }
    }
    const missing = CHOICES.filter((c) => !chosen[c]);
    if (missing.length > 0) {
      this.#reporter.error(
        "missing-choice",
        { model: this.#model.name.text, missing: missing.join(" and its ") },
        this.#model.name.span,
        {
          notes: [
            `a model is four choices: ${CHOICES.join(", ")}`,
            ...missing.map((m) => this.#library.listing(m)),
          ],
          fix: {
            text: `add ${missing.map((m) => `a line \`${m} …\``).join(" and ")}`,
            edits: [],
          },
        },
      );
    }
    return chosen;
  }

  /** Binds the arguments of a choice, and records where each came from. */
  #choose(
    item: ast.ChoiceItem,
    params: readonly ast.Param[],
    args: readonly ast.Argument[],
    inner: Scope,
  ): boolean {
    const shown: ChoiceArgument[] = [];
    const sameName = (p: ast.Param): Value | undefined => {
      if (this.#isAlone) return this.#standIn(p);
      const value = this.#scope.find(p.name.text)?.value();
      if (value) shown.push({ name: p.name.text, shown: p.name.text, origin: "same name" });
      return value;
    };
    const what = `${item.choice} \`${item.name.text}\``;
    const bound = this.#elaborator.bindArguments(what, params, args, this.#scope, inner, item.span, sameName);
    const positional = args.filter((a) => !a.name);
    for (const [i, p] of params.entries()) {
      if (shown.some((s) => s.name === p.name.text)) continue;
      const given = args.find((a) => a.name?.text === p.name.text) ?? positional[i];
      if (given) shown.push({ name: p.name.text, shown: textOf(given.value.span), origin: "given" });
      else if (p.default) shown.push({ name: p.name.text, shown: textOf(p.default.span), origin: "default" });
    }
    this.#choices.push({ kind: item.choice, name: item.name.text, span: item.span, arguments: shown });
    return bound !== undefined;
  }

  /** Reports each item of a definition after the first of its kind. */
  #once(items: readonly { readonly kind: string; readonly span: Span }[], kinds: readonly string[]): boolean {
    let holds = true;
    for (const kind of kinds) {
      const [first, ...others] = items.filter((i) => i.kind === kind);
      for (const { span } of others) {
        holds = false;
        this.#reporter.error("duplicate-item", { item: kind }, span, {
          here: "the second",
          others: first ? [{ span: first.span, text: "the first" }] : [],
        });
      }
    }
    return holds;
  }

  #innerScope(): Scope {
    const inner = new Scope();
    inner.define("dk", bind({ kind: "size", dim: DK }, "the length of keys"));
    inner.define("dv", bind({ kind: "size", dim: DV }, "the length of values"));
    return inner;
  }

  #lets(items: readonly { kind: string }[], scope: Scope): void {
    for (const item of items as readonly ast.LetItem[]) {
      if (item.kind !== "let") continue;
      const before = scope.own(item.name.text);
      if (before) {
        this.#reporter.error("duplicate-name", { name: item.name.text }, item.name.span, {
          here: "the second",
          others: before.span ? [{ span: before.span, text: "the first" }] : [],
        });
        continue;
      }
      const value = this.#elaborator.value(item.value, scope);
      scope.define(item.name.text, { what: "a let", span: item.name.span, value: () => value });
    }
  }

  #memory(item: ast.ChoiceItem): { states: BareState[]; read: ReadFunction } | undefined {
    const def = this.#library.resolve("memory", item.name);
    const scope = this.#innerScope();
    if (!def || !this.#choose(item, def.params, item.args, scope)) return undefined;
    for (const i of def.items) if (i.kind === "require") this.#requireIn(i, scope);
    const states: BareState[] = [];
    for (const i of def.items) {
      if (i.kind !== "state") continue;
      const shape = i.shape ? this.#elaborator.shape(i.shape, scope) : [];
      const initial = this.#initial(i.value);
      if (!shape || !initial) return undefined;
      const state = bareState(i.name.text, shape, initial, i.span);
      const before = scope.own(i.name.text) ?? this.#scope.own(i.name.text);
      if (before) {
        return this.#reporter.error("duplicate-name", { name: i.name.text }, i.name.span, {
          here: "a state of the memory that the model chooses",
          others: before.span ? [{ span: before.span, text: `${before.what} of the same name` }] : [],
          fix: { text: "give one of them another name", edits: [] },
        });
      }
      scope.define(i.name.text, bind(whole(state.read), "a state", i.name.span));
      states.push(state);
    }
    const readItems = def.items.filter((i) => i.kind === "read");
    const [readItem, second] = readItems;
    const what = `memory \`${def.name.text}\``;
    if (states.length === 0)
      return this.#reporter.error("missing-item", { what, item: "state" }, def.name.span, {
        fix: { text: "add a line such as `state W [dv, dk] = zeros`", edits: [] },
      });
    if (!readItem)
      return this.#reporter.error("missing-item", { what, item: "read" }, def.name.span, {
        fix: { text: "add a line such as `read(x [dk]) = …`", edits: [] },
      });
    if (second || !readItem) {
      this.#once(def.items, ["read"]);
      return undefined;
    }
    const inner = new Scope(scope);
    const xShape = readItem.param.shape ? this.#elaborator.shape(readItem.param.shape, scope) : [DK];
    if (!xShape) return undefined;
    const x: Tensor = { name: readItem.param.name.text, shape: xShape, domain: REAL };
    inner.define(x.name, bind(whole(x), "what is read at", readItem.param.span));
    this.#lets(def.items, inner);
    const body = this.#elaborator.real(readItem.body, inner);
    if (!body) return undefined;
    this.#readShape = xShape;
    const read = { x, body: body.expr, shape: body.shape };
    return this.#readsAt("k", read, item, readItem) ? { states, read } : undefined;
  }

  /** Whether the memory can be read at an input of the model. */
  #readsAt(name: string, read: ReadFunction, item: ast.ChoiceItem, at: ast.ReadItem | undefined): boolean {
    const binding = this.#scope.find(name);
    const input = binding?.value();
    if (input?.kind !== "tensor") return false;
    const { shape } = read.x;
    if (
      shape.length === input.shape.length &&
      shape.every((d, i) => this.#equalities.same(d, input.shape[i] as Dim))
    ) {
      return true;
    }
    this.#reporter.error(
      "shape-mismatch",
      { what: `memory \`${item.name.text}\` cannot be read at \`${name}\`` },
      item.name.span,
      {
        here: `this is read at ${showShape(shape)}`,
        others: [
          ...(binding?.span ? [{ span: binding.span, text: `this is ${showShape(input.shape)}` }] : []),
          ...(at ? [{ span: at.param.span, text: "its shape is declared here" }] : []),
        ],
        notes: [
          ...(binding?.span
            ? []
            : [`\`${name}\` is ${showShape(input.shape)} where the model does not declare it`]),
          ...this.#different(shape, input.shape),
        ],
        fix: this.#requirement(shape, input.shape, "make the two shapes equal"),
      },
    );
    return false;
  }

  /** A line that makes two vectors equally long, if that is what is wrong. */
  #requirement(one: readonly Dim[], other: readonly Dim[], otherwise: string): Fix {
    const [a, b] = [one[0], other[0]];
    const isName = (d: Dim | undefined): d is Dim => d?.scale === 1 && d.names.length === 1;
    if (one.length !== 1 || other.length !== 1 || !isName(a) || !isName(b))
      return { text: otherwise, edits: [] };
    const line = `require ${showDim(a)} = ${showDim(b)}`;
    const last = this.#items("choice").at(-1)?.span;
    return {
      text: `add \`${line}\`, or ${otherwise}`,
      edits: last ? [{ span: { ...last, start: last.end }, insert: `\n  ${line}` }] : [],
    };
  }

  #different(one: readonly Dim[], other: readonly Dim[]): string[] {
    const [a, b] = [one[0], other[0]];
    if (one.length !== 1 || other.length !== 1 || !a || !b) return [];
    return [`${showDim(a)} and ${showDim(b)} are different dimensions here`];
  }

  #requireIn(item: ast.RequireItem, scope: Scope): void {
    const left = this.#elaborator.size(item.left, scope);
    const right = this.#elaborator.size(item.right, scope);
    if (!left || !right) return;
    const [a, b] = [left.names[0], right.names[0]];
    if (
      left.scale === 1 &&
      right.scale === 1 &&
      left.names.length === 1 &&
      right.names.length === 1 &&
      a &&
      b
    ) {
      this.#equalities.require(a, b);
    } else if (left !== right) {
      this.#reporter.error("unsquare", { left: showDim(left), right: showDim(right) }, item.span);
    }
  }

  #initial(e: ast.Expr | undefined): Initial | undefined {
    if (!e) return "zeros";
    if (e.kind === "ident" && (e.text === "zeros" || e.text === "learned")) return e.text;
    if (e.kind === "invalid") return undefined;
    return this.#reporter.error("unknown-name", { name: textOf(e.span) }, e.span, {
      notes: ["a state starts at `zeros`, or its start is `learned`"],
    });
  }

  #bias(item: ast.ChoiceItem, read: ReadFunction, states: readonly BareState[]): Bias | undefined {
    const def = this.#library.resolve("bias", item.name);
    if (!def) return undefined;
    const [yParam, vParam, ...params] = def.params;
    if (!yParam || !vParam) {
      return this.#reporter.error(
        "missing-item",
        { what: `bias \`${def.name.text}\``, item: "(y, v)" },
        def.name.span,
        {
          notes: ["the first two parameters of a bias are the prediction y and the target v"],
        },
      );
    }
    const scope = this.#innerScope();
    if (!this.#once(def.items, ["loss", "grad"])) return undefined;
    if (!this.#choose(item, params, item.args, scope)) return undefined;
    const target = this.#scope.find("v")?.value();
    if (target?.kind !== "tensor") return undefined;
    const fits =
      target.shape.length === read.shape.length &&
      target.shape.every((d, i) => this.#equalities.same(d, read.shape[i] as Dim));
    if (!fits) {
      const span = this.#scope.own("v")?.span;
      const memory = this.#items("choice").find((c) => c.choice === "memory");
      const from = memory ? `, from \`memory ${memory.name.text}\` on line ${lineOf(memory.span)}` : "";
      return this.#reporter.error(
        "shape-mismatch",
        { what: `the memory's output does not fit the target of \`${def.name.text}\`` },
        item.name.span,
        {
          here: `this reads a prediction of shape ${showShape(read.shape)}`,
          others: span
            ? [{ span, text: `\`${def.name.text}\` compares against this: shape ${showShape(target.shape)}` }]
            : [],
          notes: [
            ...(span
              ? []
              : [`the target \`v\` is ${showShape(target.shape)} where the model does not declare it`]),
            ...states.map((s) => `${s.name} is ${showShape(s.shape)}${from}`),
            ...this.#different(target.shape, read.shape),
          ],
          fix: this.#requirement(target.shape, read.shape, "give the memory an output of the target's shape"),
        },
      );
    }
    const y: Tensor = { name: yParam.name.text, shape: read.shape, domain: REAL };
    const v: Tensor = { name: vParam.name.text, shape: target.shape, domain: REAL };
    scope.define(y.name, bind(whole(y), "the prediction", yParam.span));
    scope.define(v.name, bind(whole(v), "the target", vParam.span));
    this.#lets(def.items, scope);
    let loss: Expr | undefined;
    let gradient: Expr | undefined;
    for (const i of def.items) {
      if (i.kind === "loss") {
        const value = this.#elaborator.real(i.value, scope);
        if (!value) return undefined;
        if (value.shape.length > 0) {
          return this.#reporter.error(
            "not-a-scalar",
            { what: `the loss of \`${def.name.text}\``, shape: showShape(value.shape) },
            i.value.span,
            {
              fix: {
                text: `sum over it: \`sum(${textOf(i.value.span)})\``,
                edits: [{ span: i.value.span, insert: `sum(${textOf(i.value.span)})` }],
              },
            },
          );
        }
        loss = value.expr;
      } else if (i.kind === "grad") {
        const value = this.#elaborator.real(i.value, scope);
        const placed = value && this.#fitTo(value, y.shape, "the gradient", "y", i.value.span);
        if (!placed) return undefined;
        gradient = placed;
      }
    }
    if (!loss && !gradient) {
      return this.#reporter.error(
        "missing-item",
        { what: `bias \`${def.name.text}\``, item: "loss` or `grad" },
        def.name.span,
      );
    }
    return { y, v, loss, gradient };
  }

  /** An expression placed along the axes of `shape`, which it must broadcast to. */
  #fitTo(
    value: TensorValue,
    shape: readonly Dim[],
    what: string,
    name: string,
    span: Span,
  ): Expr | undefined {
    const fit = broadcast(value.shape, shape, this.#equalities);
    if (fit.kind !== "fits" || fit.shape.length !== shape.length) {
      return this.#reporter.error(
        "state-shape",
        { what, is: showShape(value.shape), state: showShape(shape), name },
        span,
      );
    }
    return at(value.expr, axesFor(value.shape), fit.left);
  }

  #retention(item: ast.ChoiceItem, states: readonly BareState[]): Retained[] | undefined {
    const def = this.#library.resolve("retention", item.name);
    const scope = this.#innerScope();
    if (!def || !this.#once(def.items, ["keep", "link", "prox", "minimize"])) return undefined;
    if (!this.#choose(item, def.params, item.args, scope)) return undefined;
    this.#lets(def.items, scope);
    const retained: Retained[] = [];
    for (const state of states) {
      let keep: Expr = constant(1);
      let link: Expr | undefined;
      let prox: Expr | undefined;
      for (const i of def.items) {
        if (i.kind === "keep") {
          const value = this.#elaborator.real(i.value, scope);
          if (!value) return undefined;
          const placed = place(value.shape, state.shape, this.#equalities);
          if (typeof placed === "string") {
            return this.#reporter.error(
              "keep-shape",
              { keep: showShape(value.shape), state: showShape(state.shape), name: state.name },
              item.span,
              { others: [{ span: i.span, text: "it is scaled here" }] },
            );
          }
          const axes = axesFor(state.shape);
          keep = at(
            value.expr,
            axesFor(value.shape),
            placed.map((p) => axes[p] as Axis),
          );
        } else if (i.kind === "link" || i.kind === "prox") {
          const inner = new Scope(scope);
          inner.define(i.param.text, bind(whole(state.linkArgument), "the accumulator", i.param.span));
          const value = this.#elaborator.real(i.value, inner);
          const placed = value && this.#fitTo(value, state.shape, `the ${i.kind}`, state.name, i.value.span);
          if (!placed) return undefined;
          if (i.kind === "link") link = placed;
          else prox = placed;
        } else if (i.kind === "minimize") {
          return this.#reporter.error("not-solved", { term: `\`${textOf(i.value.span)}\`` }, i.span, {
            fix: {
              text: "give the retention in closed form: `keep`, `link(A) = …` or `prox(A) = …`",
              edits: [],
            },
          });
        }
      }
      retained.push({ keep, link, prox });
    }
    return retained;
  }

  #algorithm(
    item: ast.ChoiceItem,
    states: readonly BareState[],
  ): { states: AlgorithmState[]; steps: Expr[]; point: GradientPoint } | undefined {
    const def = this.#library.resolve("algorithm", item.name);
    const point = this.#point(item);
    const scope = this.#innerScope();
    const args = item.args.filter((a) => a.name?.text !== "at");
    if (!def || !this.#once(def.items, ["step"])) return undefined;
    if (!this.#choose(item, def.params, args, scope) || !point) return undefined;
    const steps: Expr[] = [];
    const own: AlgorithmState[] = [];
    for (const state of states) {
      const made = this.#algorithmFor(def, state, scope);
      if (!made) return undefined;
      own.push(...made.states);
      steps.push(made.step);
    }
    return { states: own, steps, point };
  }

  #point(item: ast.ChoiceItem): GradientPoint | undefined {
    const given = item.args.find((a) => a.name?.text === "at");
    if (!given) {
      this.#defaults.push("at: prev");
      return "prev";
    }
    if (given.value.kind === "ident" && (given.value.text === "prev" || given.value.text === "kept")) {
      return given.value.text;
    }
    return this.#reporter.error("bad-point", undefined, given.value.span, {
      notes: ["`prev`: at the memory before the token; `kept`: at what retention kept of it"],
      fix: {
        text: "write `at: prev`, which is the default",
        edits: [{ span: given.value.span, insert: "prev" }],
      },
    });
  }

  /** The algorithm's own states and step for one state of the memory. */
  #algorithmFor(
    def: ast.AlgorithmDef,
    state: BareState,
    outer: Scope,
  ): { states: AlgorithmState[]; step: Expr } | undefined {
    const scope = new Scope(outer);
    scope.define("grad", bind(whole(state.gradient), "the gradient"));
    const own: { item: ast.LikeStateItem; state: Omit<AlgorithmState, "update">; update?: Expr }[] = [];
    for (const i of def.items) {
      if (i.kind !== "like-state") continue;
      const initial = this.#initial(i.value);
      if (!initial) return undefined;
      if (i.like.text !== "W" && i.like.text !== state.name) {
        return this.#reporter.error("unknown-name", { name: i.like.text }, i.like.span, {
          notes: ["`W` stands for each state of the memory here"],
          fix: { text: "write `like W`", edits: [{ span: i.like.span, insert: "W" }] },
        });
      }
      const twin = own.find((o) => o.item.name.text === i.name.text);
      if (twin) {
        return this.#reporter.error("duplicate-name", { name: i.name.text }, i.name.span, {
          here: "the second",
          others: [{ span: twin.item.name.span, text: "the first" }],
        });
      }
      const name = `${i.name.text}.${state.name}`;
      const previous: Tensor = { name, shape: state.shape, domain: REAL };
      const next: Tensor = { name: `${name}'`, shape: state.shape, domain: REAL };
      scope.define(i.name.text, bind(whole(previous), "a state", i.name.span));
      scope.define(`${i.name.text}'`, bind(whole(next), "a state after the token", i.name.span));
      own.push({ item: i, state: { name, shape: state.shape, initial, previous, next } });
    }
    this.#lets(def.items, scope);
    let step: Expr | undefined;
    for (const i of def.items) {
      if (i.kind === "assign") {
        const name = i.target.of.kind === "ident" ? i.target.of.text : textOf(i.target.span);
        const target = own.find((o) => o.item.name.text === name);
        if (!target) {
          return this.#reporter.error("unknown-name", { name }, i.target.span, {
            notes: [
              `the states of \`${def.name.text}\` are: ${own.map((o) => o.item.name.text).join(", ") || "none"}`,
            ],
          });
        }
        if (target.update) return this.#reporter.error("duplicate-item", { item: `${name}'` }, i.span);
        const value = this.#elaborator.real(i.value, scope);
        const placed =
          value && this.#fitTo(value, state.shape, `\`${name}'\``, target.state.name, i.value.span);
        if (!placed) return undefined;
        target.update = placed;
      } else if (i.kind === "step") {
        const value = this.#elaborator.real(i.value, scope);
        step = value && this.#fitTo(value, state.shape, "the step", state.name, i.value.span);
        if (!step) return undefined;
      }
    }
    const what = `algorithm \`${def.name.text}\``;
    if (!step)
      return this.#reporter.error("missing-item", { what, item: "step" }, def.name.span, {
        fix: { text: "add a line such as `step rate * grad`", edits: [] },
      });
    const idle = own.find((o) => !o.update);
    if (idle) {
      const item = `${idle.item.name.text}' = …`;
      return this.#reporter.error("missing-item", { what, item }, idle.item.span, {
        fix: { text: `say what \`${idle.item.name.text}\` becomes: \`${item}\``, edits: [] },
      });
    }
    const made = own.map((o) => ({ ...o.state, update: o.update as Expr }));
    const loop = own.find((_, i) => dependsOnItself(made[i] as AlgorithmState, made));
    if (loop) {
      const itself = `${loop.item.name.text}'`;
      return this.#reporter.error("definition-cycle", { name: itself }, loop.item.span, {
        here: "its value after the token depends on itself",
        fix: {
          text: `use \`${loop.item.name.text}\`, its value before the token, somewhere in the circle`,
          edits: [],
        },
      });
    }
    return { states: made, step };
  }

  // -------------------------------------------------------------- what else a model says

  #chunk(): number | undefined {
    const [item, second] = this.#items("chunk");
    if (item && second) this.#once(this.#items("chunk"), ["chunk"]);
    if (!item) return this.#overrides.chunk;
    const bad = (): undefined =>
      this.#reporter.error("bad-chunk", undefined, item.value.span, {
        fix: { text: "write a number such as `chunk 16`", edits: [{ span: item.value.span, insert: "16" }] },
      });
    const value = this.#elaborator.number(item.value, this.#scope, bad);
    if (value === undefined) return undefined;
    const chunk = this.#overrides.chunk ?? value;
    return Number.isSafeInteger(chunk) && chunk >= 1 ? chunk : bad();
  }

  #reader(read: ReadFunction, states: readonly MemoryState[]): Reader {
    const xAxes = axesFor(read.x.shape);
    return (x, when) => {
      const body = substitute(read.body, (tensor, index) => {
        if (tensor === read.x) return at(x.expr, axesFor(x.shape), index);
        const state = states.find((s) => s.read === tensor);
        if (!state) return undefined;
        return at(linked(state, when === "next" ? state.next : state.previous), axesFor(state.shape), index);
      });
      return tensorValue(at(body, xAxes, xAxes), read.shape);
    };
  }

  #output(read: ReadFunction, states: readonly MemoryState[]): TensorValue | undefined {
    const reader = this.#reader(read, states);
    const [item, second] = this.#items("output");
    if (item && second) {
      this.#once(this.#items("output"), ["output"]);
      return undefined;
    }
    if (!item) {
      this.#defaults.push("output = read(q)");
      const q = this.#scope.find("q")?.value();
      const memory = this.#items("choice").find((c) => c.choice === "memory") as ast.ChoiceItem;
      return q?.kind === "tensor" && this.#readsAt("q", read, memory, undefined)
        ? reader(q, "next")
        : undefined;
    }
    const core = memoryOutput(item.value, this.#reporter);
    return core && this.#elaborator.reading(reader, () => this.#elaborator.real(core, this.#scope));
  }

  #expectations(
    read: ReadFunction,
    states: readonly MemoryState[],
    algorithmStates: readonly AlgorithmState[],
  ): Expectation[] {
    const scope = new Scope(this.#scope);
    const targets = new Map<string, { tensor: Tensor; shape: readonly Dim[] }>();
    for (const s of [...states, ...algorithmStates]) {
      scope.define(s.name, bind(whole(s.previous), "a state"));
      scope.define(`${s.name}'`, bind(whole(s.next), "a state after the token"));
      targets.set(s.name, { tensor: s.next, shape: s.shape });
    }
    for (const s of states) scope.define(`grad.${s.name}`, bind(whole(s.gradient), "a gradient"));
    const [only] = states;
    if (only && states.length === 1) scope.define("grad", bind(whole(only.gradient), "the gradient"));
    const found: Expectation[] = [];
    for (const item of this.#items("expect")) {
      if (this.#reporter.isBroken(item.span)) continue;
      const name = item.target.kind === "primed" ? textOf(item.target.of.span) : undefined;
      const target = name === undefined ? undefined : targets.get(name);
      if (!target) {
        if (item.target.kind !== "invalid") {
          this.#reporter.error("expect-target", undefined, item.target.span, {
            notes: [`the states are: ${[...targets.keys()].map((t) => `${t}'`).join(", ")}`],
          });
        }
        continue;
      }
      const value = this.#elaborator.reading(this.#reader(read, states), () =>
        this.#elaborator.real(item.value, scope),
      );
      if (value && value.shape.length !== target.shape.length) {
        const state = showShape(target.shape);
        this.#reporter.error(
          "state-shape",
          { what: "this rule", is: showShape(value.shape), state, name: `${name}'` },
          item.value.span,
          {
            fix: {
              text: `write a rule for the whole of ${name}, such as one with \`outer(v, k)\``,
              edits: [],
            },
          },
        );
        continue;
      }
      const placed = value && this.#fitTo(value, target.shape, "this rule", `${name}'`, item.value.span);
      if (placed) found.push({ target: target.tensor, value: placed, span: item.span });
    }
    return found;
  }

  /** Whether every number that folding gave can be written in 32 bits. */
  #fitsNumbers(roots: readonly Expr[]): boolean {
    const isConstant = (e: Expr): boolean => e.kind === "constant";
    const fits = postorder(roots).every((e) =>
      e.kind === "constant"
        ? Math.abs(e.value) <= LARGEST_F32
        : // What has a value is folded; what is left over has none that is finite.
          !(e.kind === "apply" && e.args.every(isConstant)),
    );
    if (fits) return true;
    this.#reporter.error(
      "domain",
      { reason: "a number that comes of the constants here does not fit 32-bit floating point" },
      this.#model.name.span,
      { here: `the largest is ${LARGEST_F32.toPrecision(3)}` },
    );
    return false;
  }

  /** Before `expect` is looked at: a gate that only a claim reads does nothing. */
  #checkUse(): void {
    for (const { tensor, role, span } of this.#inputs) {
      if (role !== "gate" || !span || this.#scope.wasUsed(tensor.name)) continue;
      this.#reporter.error("unused-gate", { name: tensor.name }, span, {
        fix: {
          text: `pass it to one of the choices, as in \`retention NAME(${tensor.name})\`, or remove it`,
          edits: [],
        },
      });
    }
  }
}

const lineOf = (span: Span): number => positionOf(span.file, span.start).line;

/** A state of the memory before retention and algorithm have had their say. */
type BareState = Omit<MemoryState, "keep" | "link" | "prox" | "step"> & { readonly span: Span };

interface Retained {
  readonly keep: Expr;
  readonly link: Expr | undefined;
  readonly prox: Expr | undefined;
}

function bareState(name: string, shape: readonly Dim[], initial: Initial, span: Span): BareState {
  const tensor = (suffix: string): Tensor => ({ name: `${name}${suffix}`, shape, domain: REAL });
  return {
    name,
    shape,
    initial,
    span,
    previous: tensor(""),
    next: tensor("'"),
    read: tensor(""),
    linkArgument: { name: "A", shape, domain: REAL },
    gradient: { name: `grad.${name}`, shape, domain: REAL },
  };
}

/** Whether a state's value after the token is made of that value itself. */
function dependsOnItself(state: AlgorithmState, all: readonly AlgorithmState[]): boolean {
  const reached = new Set<Tensor>();
  const visit = (e: Expr): void => {
    for (const t of tensorsOf(e)) {
      const next = all.find((s) => s.next === t);
      if (!next || reached.has(t)) continue;
      reached.add(t);
      visit(next.update);
    }
  };
  visit(state.update);
  return reached.has(state.next);
}

const joinStates = (
  bare: readonly BareState[],
  retained: readonly Retained[],
  steps: readonly Expr[],
): MemoryState[] =>
  bare.map(({ span: _, ...s }, i) => ({ ...s, ...(retained[i] as Retained), step: steps[i] as Expr }));

/** W of an accumulator: the link applied to it. */
export function linked(state: MemoryState, accumulator: Tensor): Expr {
  if (!state.link) return leaf(accumulator, axesFor(state.shape));
  return substitute(state.link, (tensor, index) =>
    tensor === state.linkArgument ? leaf(accumulator, index) : undefined,
  );
}
