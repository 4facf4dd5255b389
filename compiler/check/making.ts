/**
 * How the layer makes what feeds the memory, and what it does to the memory's output: the operations that have
 * weights or look at other tokens, in order, and expressions over what they give.
 */
import type * as ast from "../../grammar/ast.ts";
import { axesFor, type Dim, dim } from "../math/axis.ts";
import { type Expr, leaf, type Tensor, tensorsOf } from "../math/expr.ts";
import { type Interval, REAL } from "../math/interval.ts";
import type { Span } from "../source/span.ts";
import { LAYER_OPERATIONS } from "./builtins.ts";
import type { Context } from "./context.ts";
import { showShape } from "./dimensions.ts";
import type { LayerOperation, Made } from "./spec.ts";
import { squash, unsquash } from "./squash.ts";
import { bind, Scope, type TensorValue, whole } from "./value.ts";

/** What comes into the layer: a token's vector, after its normalisation. */
export const LAYER_INPUT: Tensor = { name: "x", shape: [dim(["width"])], domain: REAL };

/** The base of the angles of a rotation, as in the paper that it comes from (arXiv 2104.09864). */
const ROTATION_BASE = 10_000;

/** What `project` gives in an expression. */
interface Projected {
  readonly shape: readonly Dim[];
  readonly rank: Dim | undefined;
  /** Where the bias starts; undefined for none. */
  readonly bias: number | undefined;
}

/** A part of an expression that is there already, such as the memory's own output. */
interface Given {
  readonly node: ast.Expr;
  readonly value: TensorValue;
}

export class Making {
  readonly operations: LayerOperation[] = [];
  readonly #ctx: Context;
  readonly #projected: Projected;
  readonly #given: Given | undefined;
  readonly #scope: Scope;
  /** Vectors of the network's width: no heads have been made of them. */
  readonly #wide = new Set<Tensor>([LAYER_INPUT]);
  #names = 0;

  constructor(ctx: Context, projected: Projected, given?: Given) {
    this.#ctx = ctx;
    this.#projected = projected;
    this.#given = given;
    this.#scope = new Scope(ctx.scope);
  }

  /** What the expression makes of each head; undefined where it is in error, which has been reported. */
  made(e: ast.Expr): (Made & { readonly shape: readonly Dim[] }) | undefined {
    const value = this.#value(e);
    if (!value) return undefined;
    if (this.#reads(value.expr).wide)
      return this.#wrong("`project` makes the heads, and it is missing here", e.span);
    return { operations: this.operations, value: value.expr, shape: value.shape };
  }

  /** A projection that is squashed into a range. */
  squashed(range: Interval): Made {
    const { expr } = this.#project(leaf(LAYER_INPUT, axesFor(LAYER_INPUT.shape)));
    return { operations: this.operations, value: squash(expr, range) };
  }

  #wrong(why: string, span: Span): undefined {
    return this.#ctx.reporter.error("pipeline", { why }, span);
  }

  /** Whether an expression reads vectors of the network's width, and whether it reads anything else. */
  #reads(e: Expr): { wide: boolean; other: boolean } {
    const all = [...tensorsOf(e)];
    return { wide: all.some((t) => this.#wide.has(t)), other: all.some((t) => !this.#wide.has(t)) };
  }

  #value(e: ast.Expr): TensorValue | undefined {
    const plain = this.#plain(e);
    return plain && this.#ctx.elaborator.real(plain, this.#scope);
  }

  // ---------------------------------------------------------------- expressions

  /** The expression with a name in the place of each operation of the layer. */
  #plain(e: ast.Expr): ast.Expr | undefined {
    if (e === this.#given?.node) return this.#named(this.#given.value, e.span);
    switch (e.kind) {
      case "ident":
        return LAYER_OPERATIONS.has(e.text) ? this.#operation(e, undefined, [], e.span) : e;
      case "unary": {
        const arg = this.#plain(e.arg);
        return arg && { ...e, arg };
      }
      case "binary": {
        const [left, right] = [this.#plain(e.left), this.#plain(e.right)];
        return left && right && { ...e, left, right };
      }
      case "call":
        return this.#call(e);
      case "pipe":
        return this.#pipe(e);
      default:
        return e;
    }
  }

  #call(e: ast.Call): ast.Expr | undefined {
    if (!LAYER_OPERATIONS.has(e.callee.text)) {
      const args = e.args.map((a) => {
        const value = this.#plain(a.value);
        return value && { ...a, value };
      });
      return args.some((a) => a === undefined) ? undefined : { ...e, args: args as ast.Argument[] };
    }
    // `conv(4)` stands for itself in a pipeline; `conv(x, 4)` says what it acts on.
    const isAlone = e.callee.text === "conv" && e.args.length < 2;
    const [operand, ...rest] = isAlone ? [undefined, ...e.args] : e.args;
    return this.#operation(e.callee, operand?.value, rest as ast.Argument[], e.span);
  }

  #pipe(e: ast.Pipe): ast.Expr | undefined {
    let piped: ast.Expr | undefined;
    for (const stage of e.stages) {
      const callee = stage.kind === "call" ? stage.callee : stage.kind === "ident" ? stage : undefined;
      const args = stage.kind === "call" ? stage.args : [];
      if (callee && LAYER_OPERATIONS.has(callee.text) && stage !== this.#given?.node) {
        piped = this.#operation(callee, piped, args, stage.span);
      } else if (piped === undefined) piped = this.#plain(stage);
      else if (!callee) return this.#wrong("a stage of a pipeline is a function", stage.span);
      else {
        const rest = args.map((a) => ({ ...a, value: this.#plain(a.value) }));
        if (rest.some((a) => a.value === undefined)) return undefined;
        const all = [{ value: piped, span: piped.span }, ...(rest as ast.Argument[])];
        piped = {
          kind: "call",
          callee: { text: callee.text, span: callee.span },
          args: all,
          span: stage.span,
        };
      }
      if (!piped) return undefined;
    }
    return piped;
  }

  /** A value under a name that no user can write. */
  #named(value: TensorValue, span: Span): ast.Ident {
    const text = ` ${this.#names++}`;
    this.#scope.define(text, bind(value, "a value of the layer", span));
    return { kind: "ident", text, span };
  }

  // ---------------------------------------------------------------- operations

  #operation(
    callee: ast.Name,
    operand: ast.Expr | undefined,
    args: readonly ast.Argument[],
    span: Span,
  ): ast.Expr | undefined {
    const on = operand ? this.#value(operand) : whole(LAYER_INPUT);
    if (!on) return undefined;
    const { wide, other } = this.#reads(on.expr);
    if (wide && other) return this.#wrong("this mixes the layer's input with what has been made of it", span);
    const made = this.#applied(callee, on, wide, args, span);
    return made && this.#named(made, span);
  }

  #applied(
    { text: name }: ast.Name,
    on: TensorValue,
    isWide: boolean,
    args: readonly ast.Argument[],
    span: Span,
  ): TensorValue | undefined {
    const most = name === "conv" || name === "rope" ? 1 : 0;
    const [first] = args;
    if (args.length > most) {
      const count = { what: `\`${name}\``, takes: most, given: args.length };
      return this.#ctx.reporter.error("too-many-arguments", count, (args[most] as ast.Argument).span);
    }
    if (name === "project") {
      if (!isWide) return this.#wrong("`project` takes the layer's own input, which stands first", span);
      return this.#project(on.expr);
    }
    const { shape } = on;
    const result: Tensor = { name: this.#resultName(name), shape, domain: REAL };
    if (isWide) this.#wide.add(result);
    if (name === "conv") {
      if (!first) return this.#wrong("say how many tokens `conv` sees, as in `conv(4)`", span);
      const width = this.#ctx.elaborator.size(first.value, this.#scope);
      if (!width) return undefined;
      if (width.names.length > 0)
        return this.#wrong("`conv` sees a number of tokens, as in `conv(4)`", first.span);
      this.operations.push({ kind: "conv", result, from: on.expr, width, isWide });
      return whole(result);
    }
    if (shape.length !== 1)
      return this.#wrong(`\`${name}\` takes a vector, and this is ${showShape(shape)}`, span);
    if (name === "norm") {
      this.operations.push({ kind: "norm", result, from: on.expr, isWide });
      return whole(result);
    }
    const notNumber = (): undefined => this.#wrong("the base of `rope` is a number", first?.span ?? span);
    const base = first ? this.#ctx.elaborator.number(first.value, this.#scope, notNumber) : ROTATION_BASE;
    if (base === undefined) return undefined;
    if (!(base > 1)) return this.#wrong("the base of `rope` is more than 1", first?.span ?? span);
    this.operations.push({ kind: "rope", result, from: on.expr, base, isWide });
    return whole(result);
  }

  #project(from: Expr): TensorValue {
    const { shape, rank, bias } = this.#projected;
    const result: Tensor = { name: this.#resultName("project"), shape, domain: REAL };
    this.operations.push({ kind: "project", result, from, rank, bias });
    return whole(result);
  }

  /** `project`, and `project2` for the second. */
  #resultName(kind: string): string {
    const before = this.operations.filter((o) => o.kind === kind).length;
    return before === 0 ? kind : `${kind}${before + 1}`;
  }
}

/** Where what is squashed into `range` starts; reports a start outside of it. */
export function startOf(
  ctx: Context,
  name: string,
  start: ast.Expr | undefined,
  range: Interval,
): number | undefined {
  if (!start) return 0;
  const otherwise = (): undefined =>
    ctx.reporter.error("bad-start", { name, why: "a start is a number" }, start.span);
  const value = ctx.elaborator.number(start, ctx.scope, otherwise);
  if (value === undefined) return undefined;
  if (value > range.low && value < range.high) return unsquash(value, range);
  const shown = `${value} is not between the ends of its range`;
  return ctx.reporter.error("bad-start", { name, why: shown }, start.span);
}
