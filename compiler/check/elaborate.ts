/**
 * Expressions of the language become expressions of the mathematics: names are resolved, functions
 * inlined, shapes and domains checked. A part that is in error is reported once and becomes
 * `undefined`, which everything built on it passes on in silence.
 */
import type * as ast from "../../grammar/ast.ts";
import {
  add, apply, at, div, elementwiseNamed, mul, neg, pow, reduce, reductionNamed, sub, sumOver,
} from "../math/algebra.ts"; // biome-ignore format: a list
import { type Axis, axesFor, type Dim, dim, freshAxis } from "../math/axis.ts";
import { domainOf } from "../math/domain.ts";
import { constant, delta, type Expr, extent, postorder } from "../math/expr.ts";
import { type Interval, includes, interval, REAL, showInterval } from "../math/interval.ts";
import type { Elementwise, Reduction } from "../math/node.ts";
import { elementwise, pow as powOp, reductions } from "../math/ops/index.ts";
import { GREEK } from "../math/style.ts";
import type { Code } from "../messages/index.ts";
import { type Span, textOf } from "../source/span.ts";
import { closest } from "../source/suggest.ts";
import { broadcast } from "./broadcast.ts";
import { type Equalities, showDim, showShape } from "./dimensions.ts";
import type { CallLabel } from "./labels.ts";
import type { Details, Reporter } from "./report.ts";
import { bind, type FunctionTable, Scope, type TensorValue, tensorValue, type Value } from "./value.ts";

/** Names with learned weights, which only the layer around the memory may use. */
export const LAYER_OPERATIONS: ReadonlySet<string> = new Set(["project", "conv", "norm"]);

const STRUCTURAL = ["sqrt", "outer", "transpose", "read"];
export const LARGEST_F32 = 3.4028234663852886e38;
/** Sizes in numbers are factors such as the 4 of `4 * dk`. */
const LARGEST_SIZE = 4096;
/** Calls that one model may inline. */
const MOST_CALLS = 1000;

/** What `read(…)` means in a place where it may be used. */
export type Reader = (x: TensorValue, when: "next" | "previous") => TensorValue;

export class Elaborator {
  readonly labels = new Map<Expr, CallLabel>();
  readonly #reporter: Reporter;
  readonly #functions: FunctionTable;
  readonly #equalities: Equalities;
  readonly #inlining: string[] = [];
  /** What calls came to, by function and arguments: a function that calls another twice is inlined once. */
  readonly #inlined = new Map<string, Value>();
  #calls = 0;
  readonly #readShape: () => readonly Dim[];
  #reader: Reader | undefined;

  constructor(
    reporter: Reporter,
    functions: FunctionTable,
    equalities: Equalities,
    readShape: () => readonly Dim[],
  ) {
    this.#reporter = reporter;
    this.#functions = functions;
    this.#equalities = equalities;
    this.#readShape = readShape;
  }

  /** Elaborates with `read` available. */
  reading<T>(reader: Reader, work: () => T): T {
    this.#reader = reader;
    try {
      return work();
    } finally {
      this.#reader = undefined;
    }
  }

  // -------------------------------------------------------------- kinds of results

  /** A number or a tensor of numbers. */
  real(e: ast.Expr, scope: Scope): TensorValue | undefined {
    const value = this.#tensor(e, scope);
    return value?.type === "bool" ? this.#notANumber(e.span) : value;
  }

  #notANumber(span: Span): undefined {
    const insert = `where(${textOf(span).replace(/^\(([^()]*)\)$/, "$1")}, 1, 0)`;
    return this.#reporter.error("unexpected-condition", undefined, span, {
      fix: { text: `make a number of it: \`${insert}\``, edits: [{ span, insert }] },
    });
  }

  size(e: ast.Expr, scope: Scope): Dim | undefined {
    const fail = (why: string): undefined => this.#reporter.error("bad-size", { why }, e.span);
    if (e.kind === "invalid") return undefined;
    if (e.kind === "number") {
      if (!Number.isSafeInteger(e.value) || e.value < 1) {
        return fail(`${textOf(e.span)} is not a whole number from 1 on`);
      }
      return e.value <= LARGEST_SIZE
        ? dim([], e.value)
        : fail(`${textOf(e.span)} is more than ${LARGEST_SIZE}`);
    }
    if (e.kind === "binary" && e.op === "*") {
      const left = this.size(e.left, scope);
      const right = this.size(e.right, scope);
      if (!left || !right) return undefined;
      const scale = left.scale * right.scale;
      if (scale > LARGEST_SIZE) return fail(`its number, ${scale}, is more than ${LARGEST_SIZE}`);
      return dim([...left.names, ...right.names], scale);
    }
    if (e.kind !== "ident") return fail("sizes are whole numbers, names and products of these");
    const binding = scope.find(e.text);
    if (!binding)
      return this.#unknown(e.text, e.span, scope, [
        "a dimension is `dk`, `dv`, a number, or a product of these",
      ]);
    const value = binding.value();
    if (!value || value.kind === "size") return value?.dim;
    if (binding.what === "a const" && value.kind === "tensor" && value.expr.kind === "constant") {
      const n = value.expr.value;
      if (Number.isSafeInteger(n) && n >= 1 && n <= LARGEST_SIZE) return dim([], n);
      return fail(`\`${e.text}\` is ${n}, not a whole number from 1 to ${LARGEST_SIZE}`);
    }
    return fail(`\`${e.text}\` is ${binding.what}`);
  }

  shape(s: ast.Shape, scope: Scope): readonly Dim[] | undefined {
    const dims = s.dims.map((d) => this.size(d, scope));
    return dims.some((d) => d === undefined) ? undefined : (dims as Dim[]);
  }

  /** A number that does not depend on any tensor; `otherwise` reports what does. */
  number(e: ast.Expr, scope: Scope, otherwise: () => undefined): number | undefined {
    const value = this.real(e, scope);
    if (!value) return undefined;
    return value.expr.kind === "constant" ? value.expr.value : otherwise();
  }

  range(r: ast.Range, scope: Scope): Interval | undefined {
    const end = (e: ast.Expr): number | undefined => {
      const otherwise = (): undefined =>
        this.#reporter.error("bad-range", { why: `\`${textOf(e.span)}\` is not a constant` }, e.span, {
          fix: {
            text: "write a number; what depends on the token can be a factor: `beta * alpha`",
            edits: [],
          },
        });
      // The names of a model are not known yet where the ranges of its gates are read.
      return e.kind === "ident" && !scope.find(e.text) ? otherwise() : this.number(e, scope, otherwise);
    };
    const low = r.low ? end(r.low.value) : -Infinity;
    const high = r.high ? end(r.high.value) : Infinity;
    if (low === undefined || high === undefined) return undefined;
    if (!(low < high)) {
      const bounds = r.low && r.high ? [r.low.value.span, r.high.value.span] : [];
      return this.#reporter.error("bad-range", { why: `${low} is not below ${high}` }, r.span, {
        ...(low > high && bounds[0] && bounds[1]
          ? {
              fix: {
                text: "exchange its ends",
                edits: [
                  { span: bounds[0], insert: textOf(bounds[1]) },
                  { span: bounds[1], insert: textOf(bounds[0]) },
                ],
              },
            }
          : {}),
      });
    }
    return interval(low, high, r.low?.open ?? true, r.high?.open ?? true);
  }

  /** A tensor that must lie in `range`; reports `what` with both sides if it can leave it. */
  within(value: TensorValue, range: Interval, what: string, span: Span, details: Details = {}): boolean {
    const is = domainOf(value.expr);
    if (includes(range, is)) return true;
    this.#reporter.error(
      "argument-range",
      {
        what,
        wants: /^[[(]/.test(showInterval(range)) ? `in ${showInterval(range)}` : showInterval(range),
        is: showInterval(is),
      },
      span,
      details,
    );
    return false;
  }

  // -------------------------------------------------------------- expressions

  value(e: ast.Expr, scope: Scope): Value | undefined {
    switch (e.kind) {
      case "number":
        if (Math.abs(e.value) > LARGEST_F32) {
          return this.#reporter.error(
            "domain",
            { reason: "this number does not fit 32-bit floating point" },
            e.span,
            { here: `the largest is ${LARGEST_F32.toPrecision(3)}` },
          );
        }
        return tensorValue(constant(e.value), []);
      case "ident":
        return this.#named(e.text, e.span, scope);
      case "primed": {
        const of = e.of.kind === "ident" ? e.of.text : `${e.of.object.text}.${e.of.name.text}`;
        return this.#named(`${of}'`, e.span, scope);
      }
      case "field":
        return this.#named(`${e.object.text}.${e.name.text}`, e.span, scope);
      case "unary": {
        const x = this.real(e.arg, scope);
        return x && tensorValue(neg(x.expr), x.shape);
      }
      case "binary":
        return e.op === "@" ? this.#contract(e, scope) : this.#binary(e, scope);
      case "call":
        return this.#call(e.callee, e.args, scope, e.span);
      case "pipe":
        return this.#pipe(e, scope);
      case "invalid":
        return undefined;
    }
  }

  #tensor(e: ast.Expr, scope: Scope): TensorValue | undefined {
    const value = this.value(e, scope);
    if (value?.kind === "identity") return this.#reporter.error("identity-shape", undefined, e.span);
    return value && this.#asTensor(value, e.span);
  }

  #asTensor(value: Value, span: Span): TensorValue | undefined {
    switch (value.kind) {
      case "tensor":
        return value;
      case "size":
        return tensorValue(extent(value.dim), []);
      case "function":
        return this.#reporter.error("not-a-value", { is: `the function \`${value.name}\`` }, span, {
          fix: { text: `call it: \`${value.name}(…)\``, edits: [] },
        });
      case "identity":
        return this.#reporter.error("identity-shape", undefined, span);
    }
  }

  #named(name: string, span: Span, scope: Scope): Value | undefined {
    const binding = scope.find(name);
    if (binding) return binding.value();
    if (name === "I") return { kind: "identity" };
    if (this.#functions.has(name) || isBuiltin(name)) return { kind: "function", name };
    if (LAYER_OPERATIONS.has(name)) return this.#reporter.error("layer-outside", { name }, span);
    return this.#unknown(name, span, scope);
  }

  #unknown(name: string, span: Span, scope: Scope, facts: readonly string[] = []): undefined {
    const names = scope.names();
    const near = names.find((n) => n !== name && spelledOut(n) === spelledOut(name)) ?? closest(name, names);
    const notes = near ? facts : [...hints(scope), ...(FACTS[name] ?? []), ...facts];
    scope.forgive(name);
    return this.#reporter.error("unknown-name", { name }, span, {
      notes,
      ...(near ? { fix: { text: `did you mean \`${near}\`?`, edits: [{ span, insert: near }] } } : {}),
    });
  }

  #binary(e: ast.Binary, scope: Scope): TensorValue | undefined {
    const leftValue = this.value(e.left, scope);
    const rightValue = this.value(e.right, scope);
    if (!leftValue || !rightValue) return undefined;
    const left = this.#besides(leftValue, rightValue, e.left.span);
    const right = this.#besides(rightValue, leftValue, e.right.span);
    if (!left || !right) return undefined;
    for (const [side, value] of [
      [e.left, left],
      [e.right, right],
    ] as const) {
      if (value.type === "bool") return this.#notANumber(side.span);
    }
    const fit = this.#fit(left, right, e.op, e);
    if (!fit) return undefined;
    const [a, b] = fit.operands;
    const made = (expr: Expr): TensorValue => tensorValue(expr, fit.shape);
    const compare = (name: string, x: Expr, y: Expr): TensorValue =>
      tensorValue(apply(elementwiseNamed(name) as Elementwise, [x, y]), fit.shape, "bool");
    switch (e.op) {
      case "+":
        return made(add(a, b));
      case "-":
        return made(sub(a, b));
      case "*":
        return made(mul(a, b));
      case "/":
        if (b.kind === "constant" && b.value === 0) {
          return this.#reporter.error("domain", { reason: "nothing can be divided by zero" }, e.right.span, {
            here: e.right.kind === "number" ? "" : "this is always 0",
          });
        }
        return made(div(a, b));
      case "^":
        return this.#allowed(powOp, [a, b], [e.left.span, e.right.span]) ? made(pow(a, b)) : undefined;
      case "<":
        return compare("less", a, b);
      case "<=":
        return compare("lessEqual", a, b);
      case ">":
        return compare("less", b, a);
      case ">=":
        return compare("lessEqual", b, a);
      case "==":
        return compare("equal", a, b);
      case "@":
        return undefined;
    }
  }

  /** `I` becomes the identity of its neighbour's shape. */
  #besides(value: Value, neighbour: Value, span: Span): TensorValue | undefined {
    if (value.kind !== "identity") return this.#asTensor(value, span);
    if (neighbour.kind !== "tensor" || neighbour.shape.length !== 2) {
      return this.#reporter.error("identity-shape", undefined, span, {
        here:
          neighbour.kind === "tensor"
            ? `beside it is ${showShape(neighbour.shape)}, not a square matrix`
            : "there is no square matrix beside it",
        notes: ["`I` stands beside a square matrix: `I - outer(k, k)`"],
      });
    }
    const [rows, columns] = neighbour.shape as [Dim, Dim];
    if (!this.#equalities.same(rows, columns)) {
      return this.#reporter.error(
        "shape-mismatch",
        { what: `\`I\` is square, but what it is combined with is ${showShape(neighbour.shape)}` },
        span,
      );
    }
    const [i, j] = axesFor(neighbour.shape) as [Axis, Axis];
    return tensorValue(delta(i, j), neighbour.shape);
  }

  /** Brings two operands to one shape. */
  #fit(
    left: TensorValue,
    right: TensorValue,
    op: string,
    e: { left: { span: Span }; right: { span: Span }; span: Span },
  ): { shape: readonly Dim[]; operands: [Expr, Expr] } | undefined {
    const fit = broadcast(left.shape, right.shape, this.#equalities);
    const labels = {
      here: `${showShape(left.shape)} ${op} ${showShape(right.shape)}`,
      others: [
        { span: e.left.span, text: showShape(left.shape) },
        { span: e.right.span, text: showShape(right.shape) },
      ],
    };
    const turned = [...right.shape].reverse();
    if (fit.kind === "union" && left.shape.length === 2 && left.shape.every((d, i) => d === turned[i])) {
      const text = textOf(e.right.span);
      return this.#reporter.error(
        "shape-mismatch",
        {
          what: `${showShape(left.shape)} ${op} ${showShape(right.shape)}: one of them lies the other way round`,
        },
        e.span,
        {
          others: labels.others,
          fix: {
            text: "transpose one side; `outer(a, b)` has the rows of a and the columns of b",
            edits: [{ span: e.right.span, insert: `transpose(${text})` }],
          },
        },
      );
    }
    if (fit.kind === "union") {
      const vectors = left.shape.length === 1 && right.shape.length === 1;
      const [a, b] = [textOf(e.left.span), textOf(e.right.span)];
      const product = vectors && op === "*";
      const repair = product
        ? {
            text: `for all products write \`outer(${a}, ${b})\``,
            edits: [{ span: e.span, insert: `outer(${a}, ${b})` }],
          }
        : vectors
          ? {
              text: `add \`require ${showDim(left.shape[0] as Dim)} = ${showDim(right.shape[0] as Dim)}\` to the model if these are the same size, or combine them with \`outer(a, b)\``,
              edits: [],
            }
          : { text: "sum over a dimension, contract with `@`, or transpose one side", edits: [] };
      return this.#reporter.error(
        "broadcast-union",
        { left: showShape(left.shape), right: showShape(right.shape), op },
        e.span,
        { ...labels, fix: repair },
      );
    }
    if (fit.kind === "ambiguous") {
      return this.#reporter.error(
        "broadcast-ambiguous",
        { shape: showShape(fit.small), other: showShape(fit.large) },
        e.span,
        labels,
      );
    }
    return {
      shape: fit.shape,
      operands: [
        at(left.expr, axesFor(left.shape), fit.left),
        at(right.expr, axesFor(right.shape), fit.right),
      ],
    };
  }

  #contract(e: ast.Binary, scope: Scope): Value | undefined {
    const leftValue = this.value(e.left, scope);
    const rightValue = this.value(e.right, scope);
    if (!leftValue || !rightValue) return undefined;
    if (leftValue.kind === "identity") return rightValue;
    if (rightValue.kind === "identity") return leftValue;
    const left = this.#asTensor(leftValue, e.left.span);
    const right = this.#asTensor(rightValue, e.right.span);
    if (!left || !right) return undefined;
    const inner = left.shape.at(-1);
    const first = right.shape[0];
    if (!inner || !first || !this.#equalities.same(inner, first)) {
      const turned = left.shape.length === 2 && first && left.shape[0] === first;
      return this.#reporter.error(
        "contraction-mismatch",
        { left: showShape(left.shape), right: showShape(right.shape) },
        e.span,
        {
          others: [
            { span: e.left.span, text: showShape(left.shape) },
            { span: e.right.span, text: showShape(right.shape) },
          ],
          fix: turned
            ? {
                text: "transpose the left side",
                edits: [{ span: e.left.span, insert: `transpose(${textOf(e.left.span)})` }],
              }
            : left.shape.length === 1 && right.shape.length === 1
              ? {
                  text: `for the matrix of all products write \`outer(${textOf(e.left.span)}, ${textOf(e.right.span)})\``,
                  edits: [{ span: e.span, insert: `outer(${textOf(e.left.span)}, ${textOf(e.right.span)})` }],
                }
              : { text: "for an elementwise product write `*`", edits: [] },
        },
      );
    }
    const shape = [...left.shape.slice(0, -1), ...right.shape.slice(1)];
    const shared = freshAxis(inner);
    const kept = left.shape.slice(0, -1).map((d) => freshAxis(d));
    const rest = right.shape.slice(1).map((d) => freshAxis(d));
    const product = mul(
      at(left.expr, axesFor(left.shape), [...kept, shared]),
      at(right.expr, axesFor(right.shape), [shared, ...rest]),
    );
    return tensorValue(at(sumOver(product, [shared]), [...kept, ...rest], axesFor(shape)), shape);
  }

  #pipe(e: ast.Pipe, scope: Scope): Value | undefined {
    const [first, ...stages] = e.stages;
    if (!first) return undefined;
    let piped: ast.Expr = first;
    for (const stage of stages) {
      const callee = stage.kind === "call" ? stage.callee : stage.kind === "ident" ? stage : undefined;
      if (!callee) {
        return this.#reporter.error("pipeline", { why: "a stage of a pipeline is a function" }, stage.span);
      }
      const args = [{ value: piped, span: piped.span }, ...(stage.kind === "call" ? stage.args : [])];
      piped = { kind: "call", callee, args, span: stage.span };
    }
    return this.value(piped, scope);
  }

  // -------------------------------------------------------------- calls

  #call(callee: ast.Name, args: readonly ast.Argument[], scope: Scope, span: Span): Value | undefined {
    const bound = scope.find(callee.text)?.value();
    const name = bound?.kind === "function" ? bound.name : callee.text;
    const own = this.#functions.get(name);
    if (own) return this.#inline(own, args, scope, span);
    const op = elementwiseNamed(name);
    if (op?.callable) return this.#elementwise(op, name, args, scope, span);
    const reduction = reductionNamed(name);
    if (reduction?.callable) return this.#reduction(reduction, name, args, scope, span);
    if (name === "sqrt") return this.#sqrt(args, scope, span);
    if (name === "outer") return this.#outer(args, scope, span);
    if (name === "transpose") return this.#transpose(args, scope, span);
    if (name === "read") return this.#read(args, scope, span);
    if (LAYER_OPERATIONS.has(name)) return this.#reporter.error("layer-outside", { name }, callee.span);
    const known = [...this.#functions.keys(), ...BUILTINS];
    const near = closest(name, known);
    const binding = scope.find(name);
    if (binding) {
      return this.#reporter.error("unknown-function", { name }, callee.span, {
        here: `this is ${binding.what}`,
        fix: {
          text: `to multiply by it write \`${name} * …\``,
          edits: [{ span: { ...callee.span, start: callee.span.end }, insert: " * " }],
        },
      });
    }
    return this.#reporter.error("unknown-function", { name }, callee.span, {
      ...(near
        ? { fix: { text: `did you mean \`${near}\`?`, edits: [{ span: callee.span, insert: near }] } }
        : {}),
    });
  }

  /** Positional arguments as real tensors; reports a wrong number of them. */
  #reals(
    what: string,
    args: readonly ast.Argument[],
    takes: number,
    scope: Scope,
    span: Span,
  ): TensorValue[] | undefined {
    if (!this.#counted(what, args, takes, takes, span)) return undefined;
    const values = args.map((a) => this.real(a.value, scope));
    return values.some((v) => v === undefined) ? undefined : (values as TensorValue[]);
  }

  #counted(what: string, args: readonly ast.Argument[], least: number, most: number, span: Span): boolean {
    const named = args.find((a) => a.name);
    if (named?.name) {
      this.#reporter.error("unknown-argument", { what, name: named.name.text }, named.name.span, {
        notes: ["the arguments of built-in operations have no names"],
        fix: {
          text: `leave the name out: \`${textOf(named.value.span)}\``,
          edits: [{ span: named.span, insert: textOf(named.value.span) }],
        },
      });
      return false;
    }
    if (args.length >= least && args.length <= most) return true;
    this.#reporter.error(
      "too-many-arguments",
      { what, takes: args.length < least ? least : most, given: args.length },
      span,
    );
    return false;
  }

  #elementwise(
    op: Elementwise,
    name: string,
    args: readonly ast.Argument[],
    scope: Scope,
    span: Span,
  ): TensorValue | undefined {
    if (!this.#counted(`\`${name}\``, args, op.takes.length, op.takes.length, span)) return undefined;
    const values: TensorValue[] = [];
    for (const [i, a] of args.entries()) {
      const value = this.#tensor(a.value, scope);
      if (!value) return undefined;
      if (value.type !== op.takes[i]) {
        if (op.takes[i] !== "bool") return this.#notANumber(a.span);
        const shown = textOf(a.value.span);
        return this.#reporter.error("expected-condition", { is: showShape(value.shape) }, a.span, {
          fix: {
            text: `compare it with something: \`${shown} > 0\``,
            edits: [{ span: a.span, insert: `${shown} > 0` }],
          },
        });
      }
      values.push(value);
    }
    // Bring all operands to the shape of the largest, one after the other.
    let widest = values[0] as TensorValue;
    for (const [i, v] of values.entries()) {
      if (i === 0) continue;
      const pair = { left: args[i - 1] as ast.Argument, right: args[i] as ast.Argument, span };
      const fit = this.#fit(widest, v, ",", pair);
      if (!fit) return undefined;
      widest = tensorValue(constant(0), fit.shape);
    }
    const exprs = values.map((v) => this.#widen(v, widest.shape));
    const spans = args.map((a) => a.span);
    if (!this.#allowed(op, exprs, spans)) return undefined;
    return tensorValue(apply(op, exprs), widest.shape, op.gives);
  }

  #widen(v: TensorValue, shape: readonly Dim[]): Expr {
    const fit = broadcast(v.shape, shape, this.#equalities);
    return fit.kind === "fits" ? at(v.expr, axesFor(v.shape), fit.left) : v.expr;
  }

  /** Whether the operation takes arguments of these domains; reports the one that it refuses. */
  #allowed(op: Elementwise, args: readonly Expr[], spans: readonly Span[]): boolean {
    const refused = op.refuses?.(...args.map(domainOf));
    if (!refused) return true;
    const is = showInterval(domainOf(args[refused.arg] as Expr));
    this.#reporter.error("domain", { reason: refused.reason }, spans[refused.arg] as Span, {
      here: /^[-\d]/.test(is) ? `this is ${is}` : `this can be ${is}`,
      fix: { text: refused.repair, edits: [] },
    });
    return false;
  }

  #sqrt(args: readonly ast.Argument[], scope: Scope, span: Span): TensorValue | undefined {
    const [x] = this.#reals("`sqrt`", args, 1, scope, span) ?? [];
    const half = constant(0.5);
    const at = args[0]?.span ?? span;
    if (!x || !this.#allowed(powOp, [x.expr, half], [at, at])) return undefined;
    return tensorValue(pow(x.expr, half), x.shape);
  }

  #reduction(
    op: Reduction,
    name: string,
    args: readonly ast.Argument[],
    scope: Scope,
    span: Span,
  ): TensorValue | undefined {
    if (!this.#counted(`\`${name}\``, args, 1, 2, span)) return undefined;
    const [first, along] = args as [ast.Argument, ast.Argument | undefined];
    const x = this.real(first.value, scope);
    if (!x) return undefined;
    const axes = axesFor(x.shape);
    if (!along)
      return tensorValue(
        axes.reduce((e, a) => reduce(op, a, e), x.expr),
        [],
      );
    const over = this.size(along.value, scope);
    if (!over) return undefined;
    const exact = [...x.shape.keys()].filter((i) => x.shape[i] === over);
    const found =
      exact.length > 0
        ? exact
        : [...x.shape.keys()].filter((i) => this.#equalities.same(x.shape[i] as Dim, over));
    if (found.length !== 1) {
      return this.#reporter.error(
        "not-a-dimension",
        { shape: showShape(x.shape), dim: showDim(over) },
        along.span,
        {
          others: [{ span: first.span, text: showShape(x.shape) }],
          fix: {
            text: `sum over one of its own dimensions, or over all: \`${name}(${textOf(first.span)})\``,
            edits: [],
          },
        },
      );
    }
    const position = found[0] as number;
    const shape = x.shape.filter((_, i) => i !== position);
    const kept = axes.filter((_, i) => i !== position);
    return tensorValue(at(reduce(op, axes[position] as Axis, x.expr), kept, axesFor(shape)), shape);
  }

  #outer(args: readonly ast.Argument[], scope: Scope, span: Span): TensorValue | undefined {
    const [a, b] = this.#reals("`outer`", args, 2, scope, span) ?? [];
    if (!a || !b) return undefined;
    const shape = [...a.shape, ...b.shape];
    const axes = axesFor(shape);
    const left = at(a.expr, axesFor(a.shape), axes.slice(0, a.shape.length));
    const right = at(b.expr, axesFor(b.shape), axes.slice(a.shape.length));
    return tensorValue(mul(left, right), shape);
  }

  #transpose(args: readonly ast.Argument[], scope: Scope, span: Span): TensorValue | undefined {
    const [a] = this.#reals("`transpose`", args, 1, scope, span) ?? [];
    if (!a) return undefined;
    const shape = [...a.shape].reverse();
    return tensorValue(at(a.expr, axesFor(a.shape), axesFor(shape).reverse()), shape);
  }

  #read(args: readonly ast.Argument[], scope: Scope, span: Span): TensorValue | undefined {
    const reader = this.#reader;
    if (!reader) {
      return this.#reporter.error("read-outside", undefined, span, {
        fix: { text: "write the read where the output is made: `output = read(q)`", edits: [] },
      });
    }
    const [first, ...rest] = args;
    const before = first?.value.kind === "ident" && first.value.text === "prev" && !scope.find("prev");
    const [x] = this.#reals("`read`", before ? rest : args, 1, scope, span) ?? [];
    if (!x) return undefined;
    const wanted = this.#readShape();
    const fits =
      x.shape.length === wanted.length && x.shape.every((d, i) => this.#equalities.same(d, wanted[i] as Dim));
    if (!fits) {
      const argument = (before ? rest : args)[0] as ast.Argument;
      return this.#reporter.error(
        "shape-mismatch",
        { what: `\`read\` takes ${showShape(wanted)}, but this is ${showShape(x.shape)}` },
        argument.span,
      );
    }
    return reader(x, before ? "previous" : "next");
  }

  /** Inlines a function of the prelude or of the file. */
  #inline(def: ast.FunctionDef, args: readonly ast.Argument[], scope: Scope, span: Span): Value | undefined {
    const name = def.name.text;
    if (this.#inlining.includes(name)) return this.#reporter.error("recursive-function", { name }, span);
    const inner = new Scope();
    const given = this.bindArguments(`\`${name}\``, def.params, args, scope, inner, span);
    if (!given) return undefined;
    const key = `${name}(${given.map(keyOf)})`;
    const known = this.#inlined.get(key);
    if (known) return known;
    if (++this.#calls > MOST_CALLS) {
      return this.#calls === MOST_CALLS + 1 ? this.#reporter.error("too-large", undefined, span) : undefined;
    }
    this.#inlining.push(name);
    this.#reporter.calls.push({ name, span });
    try {
      const result = this.value(def.body, inner);
      const tensors = given.filter((v) => v.kind === "tensor").map((v) => v.expr);
      if (result?.kind === "tensor" && (result.expr.kind === "apply" || result.expr.kind === "reduce")) {
        // A call that came to nothing but (a part of) its argument needs no name.
        const isOwn = !this.labels.has(result.expr) && !postorder(tensors).includes(result.expr);
        if (isOwn) this.labels.set(result.expr, { name, args: tensors });
      }
      if (result) this.#inlined.set(key, result);
      return result;
    } finally {
      this.#reporter.calls.pop();
      this.#inlining.pop();
    }
  }

  /** Checks the names in a function that nothing calls; its shapes depend on what it is called with. */
  names(def: ast.FunctionDef, standIn: (p: ast.Param) => Value | undefined): void {
    const inner = new Scope();
    if (!this.bindArguments(`\`${def.name.text}\``, def.params, [], inner, inner, def.name.span, standIn))
      return;
    this.#reporter.telling(NAMING, () => this.value(def.body, inner));
  }

  /**
   * Binds arguments to parameters in `inner`: by position, then by name, then defaults, then what
   * `missing` finds. Shape patterns such as `x [n]` bind `n`.
   */
  bindArguments(
    what: string,
    params: readonly ast.Param[],
    args: readonly ast.Argument[],
    scope: Scope,
    inner: Scope,
    span: Span,
    missing: (p: ast.Param) => Value | undefined = () => undefined,
  ): Value[] | undefined {
    const positional = args.filter((a) => !a.name);
    if (positional.length > params.length) {
      const extra = positional[params.length] as ast.Argument;
      return this.#reporter.error(
        "too-many-arguments",
        { what, takes: params.length, given: positional.length },
        extra.span,
        {
          notes: params.length > 0 ? [`its parameters: ${params.map((p) => p.name.text).join(", ")}`] : [],
        },
      );
    }
    for (const a of args) {
      if (!a.name || params.some((p) => p.name.text === a.name?.text)) continue;
      const near =
        closest(
          a.name.text,
          params.map((p) => p.name.text),
        ) ?? only(params)?.name.text;
      return this.#reporter.error("unknown-argument", { what, name: a.name.text }, a.name.span, {
        notes:
          params.length > 0
            ? [`its parameters: ${params.map((p) => p.name.text).join(", ")}`]
            : ["it has no parameters"],
        ...(near
          ? { fix: { text: `did you mean \`${near}\`?`, edits: [{ span: a.name.span, insert: near }] } }
          : {}),
      });
    }
    const values: Value[] = [];
    let failed = false;
    for (const [i, p] of params.entries()) {
      const named = args.filter((a) => a.name?.text === p.name.text);
      const given = [...positional.slice(i, i + 1), ...named].sort((a, b) => a.span.start - b.span.start);
      const [argument, second] = given;
      if (argument && second) {
        return this.#reporter.error("duplicate-item", { item: p.name.text }, second.span, {
          others: [{ span: argument.span, text: `this is \`${p.name.text}\` already` }],
        });
      }
      const value = argument
        ? this.#argument(p, argument.value, scope, what)
        : p.default
          ? this.#argument(p, p.default, inner, what)
          : missing(p);
      if (!value) {
        if (!argument && !p.default) {
          const declared = `gate ${p.name.text}${p.range ? ` ${rangeOf(p.range)}` : ""}`;
          const given = `\`${what.replaceAll("`", "")}(${p.name.text}: …)\``;
          this.#reporter.error("missing-argument", { what, name: p.name.text }, span, {
            others: [{ span: p.span, text: "it has no default" }],
            fix: what.startsWith("`")
              ? { text: `give it, as in ${given}`, edits: [] }
              : { text: `give it, as in ${given}, or declare \`${declared}\` in the model`, edits: [] },
          });
        }
        failed = true;
        inner.define(p.name.text, { what: "a parameter", span: p.span, value: () => undefined });
        continue;
      }
      if (!this.#accept(p, value, inner, what, argument?.value ?? { span }, scope)) failed = true;
      inner.define(p.name.text, bind(value, "a parameter", p.span));
      values.push(value);
    }
    return failed ? undefined : values;
  }

  #argument(p: ast.Param, e: ast.Expr, scope: Scope, what: string): Value | undefined {
    if (p.type?.text === "size") {
      const size = this.size(e, scope);
      return size && { kind: "size", dim: size };
    }
    const value = this.value(e, scope);
    if (!value) return undefined;
    if (p.type?.text === "function") {
      if (value.kind === "function") return value;
      const is =
        value.kind === "size" || (value.kind === "tensor" && value.shape.length === 0)
          ? "a number"
          : `a ${value.kind}`;
      return this.#reporter.error(
        "argument-kind",
        { what: `\`${p.name.text}\` of ${what}`, wants: "a function", is },
        e.span,
        {
          fix: { text: "name a function, such as `tanh`, or one of your own: `fn f(x) = …`", edits: [] },
        },
      );
    }
    return this.#asTensor(value, e.span);
  }

  /** Checks a value against a parameter's shape pattern and range. */
  #accept(
    p: ast.Param,
    value: Value,
    inner: Scope,
    what: string,
    from: ast.Expr | { span: Span },
    scope: Scope,
  ): boolean {
    if (value.kind !== "tensor") return true;
    if (p.shape && !this.#matches(p.shape, value, inner, what, from.span, p.name.text)) return false;
    const range = p.range ? this.range(p.range, inner) : REAL;
    if (!range) return false;
    const name = "kind" in from && from.kind === "ident" ? from.text : undefined;
    const declared = name === undefined ? undefined : scope.find(name);
    return this.within(value, range, `\`${p.name.text}\` of ${what}`, from.span, {
      others: [
        ...(declared?.span
          ? [
              {
                span: declared.span,
                text: `${declared.what} that can be ${showInterval(domainOf(value.expr))}`,
              },
            ]
          : []),
        { span: p.span, text: "its range is declared here" },
      ],
      fix: {
        text:
          declared?.what === "a gate"
            ? `give the gate that range: \`gate ${name} ${rangeText(range)}\``
            : `use a value ${rangeText(range)}`,
        edits: [],
      },
    });
  }

  #matches(
    pattern: ast.Shape,
    value: TensorValue,
    inner: Scope,
    what: string,
    span: Span,
    name: string,
  ): boolean {
    const wanted = `[${pattern.dims.map((d) => textOf(d.span)).join(", ")}]`;
    const fail = (): boolean => {
      this.#reporter.error(
        "shape-mismatch",
        { what: `\`${name}\` of ${what} is ${wanted}, but this is ${showShape(value.shape)}` },
        span,
        { others: [{ span: pattern.span, text: "its shape is declared here" }] },
      );
      return false;
    };
    if (pattern.dims.length !== value.shape.length) return fail();
    for (const [i, d] of pattern.dims.entries()) {
      const is = value.shape[i] as Dim;
      if (d.kind === "ident" && !inner.own(d.text)) {
        inner.define(d.text, bind({ kind: "size", dim: is }, "a size", d.span));
        continue;
      }
      const known = this.size(d, inner);
      if (!known) return false;
      if (!this.#equalities.same(known, is)) return fail();
    }
    return true;
  }
}

/** What is wrong with a function whatever it is called with. */
const NAMING: ReadonlySet<Code> = new Set<Code>([
  "unknown-name",
  "unknown-function",
  "unknown-argument",
  "layer-outside",
]);

/** A value as a part of a key: equal keys are equal values. */
function keyOf(value: Value): string {
  switch (value.kind) {
    case "tensor":
      return `${value.expr.serial} ${value.type} [${value.shape.map((d) => d.key)}]`;
    case "size":
      return value.dim.key;
    case "function":
      return value.name;
    case "identity":
      return "I";
  }
}

/** A range as it is written after a name. */
const rangeText = (range: Interval): string => {
  const shown = showInterval(range).replace("≥", ">=").replace("≤", "<=");
  return /^[[(]/.test(shown) ? `in ${shown.replace("[", "(").replace("]", ")")}` : shown;
};

const ASCII = new Map(Object.entries(GREEK).map(([name, letter]) => [letter, name]));

/** A name with its Greek letters written out: `λ` and `lambda` are one name to a reader. */
const spelledOut = (name: string): string => [...name].map((c) => ASCII.get(c) ?? c).join("");

/** Words that mean something elsewhere. */
const FACTS: Readonly<Record<string, readonly string[]>> = {
  grad: ["the gradient is known inside an algorithm, and in `expect`"],
  prev: ["`prev` is known inside a retention, and in `read(prev, q)`"],
};

const only = <T>(xs: readonly T[]): T | undefined => (xs.length === 1 ? xs[0] : undefined);

/** The range of a parameter as the range of a gate: a gate never reaches its bounds. */
const rangeOf = (range: ast.Range): string => textOf(range.span).replace("[", "(").replace("]", ")");

/** What there is in a scope; a definition sees nothing of the model that chooses it. */
function hints(scope: Scope): string[] {
  const names = scope.names();
  const inDefinition = !names.includes("head");
  return [
    `here there are: ${names.slice(0, 24).join(", ")}`,
    ...(inDefinition
      ? ["a definition sees only its own parameters: add one, and pass it where the model chooses it"]
      : []),
  ];
}

/** The functions that need no definition. */
const BUILTINS: ReadonlySet<string> = new Set([
  ...[...elementwise, ...reductions].filter((op) => op.callable).map((op) => op.name),
  ...STRUCTURAL,
]);

export const isBuiltin = (name: string): boolean => BUILTINS.has(name);
