/** What a model declares: its sizes, gates, params, constants, quantities and inputs. */
import type * as ast from "../../grammar/ast.ts";
import { call } from "../math/algebra.ts";
import { constant, type Expr, leaf, type Tensor } from "../math/expr.ts";
import { type Interval, interval, NONNEGATIVE, REAL } from "../math/interval.ts";
import { textOf } from "../source/span.ts";
import { isBuiltin } from "./builtins.ts";
import { type Context, DK, DV, TOKENS } from "./context.ts";
import { showShape } from "./dimensions.ts";
import { checkPipeline } from "./layer.ts";
import type { Parameter, TokenInput } from "./spec.ts";
import { bind, tensorValue, type Value, whole } from "./value.ts";

/** Numbers that the layer knows about itself. */
const LAYER_NUMBERS: Readonly<Record<string, Interval>> = {
  head: NONNEGATIVE,
  heads: interval(1, Infinity),
  layer: NONNEGATIVE,
  layers: interval(1, Infinity),
};
const RESERVED = new Set(["dk", "dv", "tokens", "I", "grad", "prev", ...Object.keys(LAYER_NUMBERS)]);

/** What comes with a token, and the item that says how it is made. */
export interface DeclaredInput extends Omit<TokenInput, "made"> {
  readonly item: ast.GateItem | ast.InputItem | undefined;
}

export interface DeclaredParameter extends Omit<Parameter, "start"> {
  readonly item: ast.ParamItem;
}

export class Declarations {
  readonly inputs: DeclaredInput[] = [];
  readonly parameters: DeclaredParameter[] = [];
  readonly numbers: Tensor[] = [];
  /** Steps of one token. */
  steps = 1;
  areStepsUnknown = false;
  readonly #ctx: Context;

  constructor(ctx: Context) {
    this.#ctx = ctx;
  }

  sizes(): void {
    this.#ctx.scope.define("dk", bind({ kind: "size", dim: DK }, "the length of keys"));
    this.#ctx.scope.define("dv", bind({ kind: "size", dim: DV }, "the length of values"));
    this.#ctx.scope.define("tokens", bind({ kind: "size", dim: TOKENS }, "the length of the sequence"));
    for (const [name, domain] of Object.entries(LAYER_NUMBERS))
      this.#number(name, domain, "a number of the layer");
    for (const item of this.#ctx.items("require")) this.#require(item);
  }

  #number(name: string, domain: Interval, what: string): void {
    const tensor: Tensor = { name, shape: [], domain };
    this.numbers.push(tensor);
    this.#ctx.scope.define(name, bind(whole(tensor), what));
  }

  #require(item: ast.RequireItem): void {
    const names = [item.left, item.right].map((e) => {
      const size = this.#ctx.elaborator.size(e, this.#ctx.scope);
      if (!size) return undefined;
      if (size.scale === 1 && size.names.length === 1) return size.names[0];
      return this.#ctx.reporter.error(
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
    if (names[0] && names[1]) this.#ctx.equalities.require(names[0], names[1]);
  }

  #declare(name: ast.Name, what: string, value: () => Value | undefined): boolean {
    if (RESERVED.has(name.text) || isBuiltin(name.text)) {
      const known = this.#ctx.scope.own(name.text)?.what;
      this.#ctx.reporter.error("reserved-name", { name: name.text }, name.span, {
        here: known ?? (isBuiltin(name.text) ? "a built-in operation" : "a word of the language"),
        fix: { text: "choose another name", edits: [] },
      });
      return false;
    }
    const before = this.#ctx.scope.own(name.text);
    if (before) {
      this.#ctx.reporter.error("duplicate-name", { name: name.text }, name.span, {
        here: "the second",
        others: before.span ? [{ span: before.span, text: "the first" }] : [],
      });
      return false;
    }
    this.#ctx.scope.define(name.text, { what, span: name.span, value });
    return true;
  }

  names(): void {
    const steps = this.#stepsName();
    if (steps) this.#number("step", NONNEGATIVE, "which of the token's steps it is, from 0");
    for (const item of this.#ctx.model.items) {
      if (item.kind === "gate") this.#gate(item, steps);
      else if (item.kind === "param") this.#param(item);
      else if (item.kind === "input") this.#input(item, steps);
      else if (item.kind === "let" || item.kind === "const") this.#quantity(item);
    }
    for (const [name, shape] of [
      ["q", [DK]],
      ["k", [DK]],
      ["v", [DV]],
    ] as const) {
      if (this.#ctx.scope.own(name)) continue;
      const tensor: Tensor = { name, shape, domain: REAL };
      this.#ctx.scope.define(name, bind(whole(tensor), "an input"));
      this.inputs.push({ tensor, role: "input", each: "token", span: undefined, item: undefined });
      this.#ctx.defaults.push(`input ${name} ${showShape(shape)}`);
    }
    if (steps) this.#countSteps(steps);
    // Evaluate every quantity, so that one that nothing uses is checked too.
    for (const item of [...this.#ctx.items("let"), ...this.#ctx.items("const")])
      this.#ctx.scope.own(item.name.text)?.value();
    for (const item of this.#ctx.items("input")) {
      if (item.value) checkPipeline(item.value, this.#ctx.library, this.#ctx.reporter, isBuiltin);
    }
  }

  #gate(item: ast.GateItem, steps: ast.Ident | undefined): void {
    const { each, rest } = perStep(item.shape, steps);
    const shape = rest ? this.#ctx.elaborator.shape(rest, this.#ctx.scope) : [];
    const range = item.range ? this.#ctx.elaborator.range(item.range, this.#ctx.scope) : REAL;
    if (item.rank) this.#ctx.elaborator.size(item.rank, this.#ctx.scope);
    const squashes =
      !range || item.value || (range.low === 0 && range.high === Infinity) || range.low === -range.high
        ? true
        : Number.isFinite(range.low) && Number.isFinite(range.high);
    if (range && !squashes) {
      const shown = item.range ? textOf(item.range.span) : "it";
      this.#ctx.reporter.error("gate-range", { range: shown }, item.range?.span ?? item.span, {
        fix: {
          text: `bound it on both sides, or say how it is made: \`gate ${item.name.text} ${shown} = expression\``,
          edits: [],
        },
      });
    }
    const tensor = shape && range && ({ name: item.name.text, shape, domain: range } satisfies Tensor);
    if (!this.#declare(item.name, "a gate", () => tensor && whole(tensor)) || !tensor) return;
    this.inputs.push({ tensor, role: "gate", each, span: item.name.span, item });
  }

  #param(item: ast.ParamItem): void {
    const shape = item.shape ? this.#ctx.elaborator.shape(item.shape, this.#ctx.scope) : [];
    const domain = item.range ? this.#ctx.elaborator.range(item.range, this.#ctx.scope) : REAL;
    const tensor = shape && domain && ({ name: item.name.text, shape, domain } satisfies Tensor);
    if (!this.#declare(item.name, "a param", () => tensor && whole(tensor)) || !tensor) return;
    this.parameters.push({ tensor, span: item.name.span, item });
  }

  #input(item: ast.InputItem, steps: ast.Ident | undefined): void {
    const { each, rest } = perStep(item.shape, steps);
    for (const name of item.names) {
      const usual = name.text === "v" ? [DV] : name.text === "q" || name.text === "k" ? [DK] : undefined;
      const shape = rest ? this.#ctx.elaborator.shape(rest, this.#ctx.scope) : usual;
      if (!item.shape && !usual) {
        this.#ctx.reporter.error("input-shape", { name: name.text }, name.span, {
          fix: {
            text: `say it: \`input ${name.text} [dk]\``,
            edits: [{ span: { ...name.span, start: name.span.end }, insert: " [dk]" }],
          },
        });
      }
      const tensor = shape && ({ name: name.text, shape, domain: REAL } satisfies Tensor);
      if (!this.#declare(name, "an input", () => tensor && whole(tensor)) || !tensor) continue;
      this.inputs.push({ tensor, role: "input", each, span: name.span, item });
    }
  }

  /** The name of the number of steps: `steps: n` of the algorithm. */
  #stepsName(): ast.Ident | undefined {
    const [algorithm] = this.#ctx.items("choice").filter((c) => c.choice === "algorithm");
    const given = algorithm?.args.find((a) => a.name?.text === "steps")?.value;
    if (!given || given.kind === "invalid") return undefined;
    if (given.kind === "ident") return given;
    this.areStepsUnknown = true;
    return this.#ctx.reporter.error("bad-steps", undefined, given.span, {
      fix: {
        text: "name the number, and give what comes with each step that dimension: `const n = 2`, `input k [n, dk]`, `steps: n`",
        edits: [],
      },
    });
  }

  #countSteps(name: ast.Ident): void {
    const size = this.#ctx.elaborator.size(name, this.#ctx.scope);
    if (size && size.names.length === 0) this.steps = size.scale;
    else {
      this.areStepsUnknown = true;
      if (!size) return;
      this.#ctx.reporter.error("bad-steps", undefined, name.span, {
        here: "its number is not known",
        fix: { text: `declare it: \`const ${name.text} = 2\``, edits: [] },
      });
    }
  }

  /** `let` and `const`: elaborated when first used, so that their order does not matter. */
  #quantity(item: ast.LetItem | ast.ConstItem): void {
    const name = item.name.text;
    let state: "new" | "running" | "done" = "new";
    let result: Value | undefined;
    const override = item.kind === "const" ? this.#ctx.overrides.constants.get(name) : undefined;
    this.#declare(item.name, item.kind === "let" ? "a let" : "a const", () => {
      if (state === "running") {
        state = "done";
        return this.#ctx.reporter.error("definition-cycle", { name }, item.name.span, {
          here: "this depends on itself",
        });
      }
      if (state === "new") {
        state = "running";
        result =
          override === undefined
            ? this.#ctx.elaborator.value(item.value, this.#ctx.scope)
            : tensorValue(constant(override), []);
        state = "done";
      }
      return result;
    });
  }

  /** Retention acts in the first step of a token alone. */
  firstStep(): <R extends { readonly keep: Expr }>(retained: R) => R {
    const step = this.numbers.find((n) => n.name === "step");
    if (!step) return (retained) => retained;
    const isFirst = call("equal", leaf(step, []), constant(0));
    return (retained) => ({ ...retained, keep: call("where", isFirst, retained.keep, constant(1)) });
  }

  /** Before `expect` is looked at: a gate that only a claim reads does nothing. */
  checkUse(): void {
    for (const { tensor, role, span } of this.inputs) {
      if (role !== "gate" || !span || this.#ctx.scope.wasUsed(tensor.name)) continue;
      this.#ctx.reporter.error("unused-gate", { name: tensor.name }, span, {
        fix: {
          text: `pass it to one of the choices, as in \`retention NAME(${tensor.name})\`, or remove it`,
          edits: [],
        },
      });
    }
  }
}

/** What comes with each step has the number of steps as its first dimension. */
function perStep(
  shape: ast.Shape | undefined,
  steps: ast.Ident | undefined,
): { each: TokenInput["each"]; rest: ast.Shape | undefined } {
  const [first, ...others] = shape?.dims ?? [];
  if (!shape || !steps || first?.kind !== "ident" || first.text !== steps.text)
    return { each: "token", rest: shape };
  return { each: "step", rest: others.length > 0 ? { ...shape, dims: others } : undefined };
}
