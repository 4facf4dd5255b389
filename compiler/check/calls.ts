/** Calls: of operations, of the few built-in functions, and of functions that are inlined. */
import type * as ast from "../../grammar/ast.ts";
import { apply, at, elementwiseNamed, mul, pow, reduce, reductionNamed } from "../math/algebra.ts";
import { type Axis, axesFor, type Dim } from "../math/axis.ts";
import { constant, type Expr, postorder } from "../math/expr.ts";
import type { Elementwise, Reduction } from "../math/node.ts";
import { pow as powOp } from "../math/ops/index.ts";
import { type Span, textOf } from "../source/span.ts";
import { closest } from "../source/suggest.ts";
import { bindArguments } from "./arguments.ts";
import { broadcast } from "./broadcast.ts";
import { BUILTINS, LAYER_OPERATIONS } from "./builtins.ts";
import { showDim, showShape } from "./dimensions.ts";
import type { Elaborating } from "./elaborating.ts";
import { allowed, fitted } from "./operators.ts";
import { Scope, type TensorValue, tensorValue, type Value } from "./value.ts";

/** Calls that one model may inline. */
const MOST_CALLS = 1000;

export function call(
  el: Elaborating,
  callee: ast.Name,
  args: readonly ast.Argument[],
  scope: Scope,
  span: Span,
): Value | undefined {
  const bound = scope.find(callee.text)?.value();
  const name = bound?.kind === "function" ? bound.name : callee.text;
  const own = el.functions.get(name);
  if (own) return inline(el, own, args, scope, span);
  const op = elementwiseNamed(name);
  if (op?.callable) return elementwise(el, op, name, args, scope, span);
  const reduction = reductionNamed(name);
  if (reduction?.callable) return reduced(el, reduction, name, args, scope, span);
  if (name === "sqrt") return sqrt(el, args, scope, span);
  if (name === "outer") return outer(el, args, scope, span);
  if (name === "transpose") return transpose(el, args, scope, span);
  if (name === "read") return read(el, args, scope, span);
  if (LAYER_OPERATIONS.has(name)) return el.reporter.error("layer-outside", { name }, callee.span);
  const known = [...el.functions.keys(), ...BUILTINS];
  const near = closest(name, known);
  const binding = scope.find(name);
  if (binding) {
    return el.reporter.error("unknown-function", { name }, callee.span, {
      here: `this is ${binding.what}`,
      fix: {
        text: `to multiply by it write \`${name} * …\``,
        edits: [{ span: { ...callee.span, start: callee.span.end }, insert: " * " }],
      },
    });
  }
  return el.reporter.error("unknown-function", { name }, callee.span, {
    ...(near
      ? { fix: { text: `did you mean \`${near}\`?`, edits: [{ span: callee.span, insert: near }] } }
      : {}),
  });
}

/** Positional arguments as real tensors; reports a wrong number of them. */
function reals(
  el: Elaborating,
  what: string,
  args: readonly ast.Argument[],
  takes: number,
  scope: Scope,
  span: Span,
): TensorValue[] | undefined {
  if (!counted(el, what, args, takes, takes, span)) return undefined;
  const values = args.map((a) => el.real(a.value, scope));
  return values.some((v) => v === undefined) ? undefined : (values as TensorValue[]);
}

function counted(
  el: Elaborating,
  what: string,
  args: readonly ast.Argument[],
  least: number,
  most: number,
  span: Span,
): boolean {
  const named = args.find((a) => a.name);
  if (named?.name) {
    el.reporter.error("unknown-argument", { what, name: named.name.text }, named.name.span, {
      notes: ["the arguments of built-in operations have no names"],
      fix: {
        text: `leave the name out: \`${textOf(named.value.span)}\``,
        edits: [{ span: named.span, insert: textOf(named.value.span) }],
      },
    });
    return false;
  }
  if (args.length >= least && args.length <= most) return true;
  el.reporter.error(
    "too-many-arguments",
    { what, takes: args.length < least ? least : most, given: args.length },
    span,
  );
  return false;
}

function elementwise(
  el: Elaborating,
  op: Elementwise,
  name: string,
  args: readonly ast.Argument[],
  scope: Scope,
  span: Span,
): TensorValue | undefined {
  if (!counted(el, `\`${name}\``, args, op.takes.length, op.takes.length, span)) return undefined;
  const values: TensorValue[] = [];
  for (const [i, a] of args.entries()) {
    const value = el.tensor(a.value, scope);
    if (!value) return undefined;
    if (value.type !== op.takes[i]) {
      if (op.takes[i] !== "bool") return el.notANumber(a.span);
      const shown = textOf(a.value.span);
      return el.reporter.error("expected-condition", { is: showShape(value.shape) }, a.span, {
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
    const operands = { left: args[i - 1] as ast.Argument, right: args[i] as ast.Argument, span };
    const fit = fitted(el, widest, v, ",", operands);
    if (!fit) return undefined;
    widest = tensorValue(constant(0), fit.shape);
  }
  const exprs = values.map((v) => widen(el, v, widest.shape));
  const spans = args.map((a) => a.span);
  if (!allowed(el, op, exprs, spans)) return undefined;
  return tensorValue(apply(op, exprs), widest.shape, op.gives);
}

function widen(el: Elaborating, v: TensorValue, shape: readonly Dim[]): Expr {
  const fit = broadcast(shape, v.shape, el.equalities);
  return fit.kind === "fits" ? at(v.expr, axesFor(v.shape), fit.right) : v.expr;
}

function sqrt(
  el: Elaborating,
  args: readonly ast.Argument[],
  scope: Scope,
  span: Span,
): TensorValue | undefined {
  const [x] = reals(el, "`sqrt`", args, 1, scope, span) ?? [];
  const half = constant(0.5);
  const at = args[0]?.span ?? span;
  if (!x || !allowed(el, powOp, [x.expr, half], [at, at])) return undefined;
  return tensorValue(pow(x.expr, half), x.shape);
}

function reduced(
  el: Elaborating,
  op: Reduction,
  name: string,
  args: readonly ast.Argument[],
  scope: Scope,
  span: Span,
): TensorValue | undefined {
  if (!counted(el, `\`${name}\``, args, 1, 2, span)) return undefined;
  const [first, along] = args as [ast.Argument, ast.Argument | undefined];
  const x = el.real(first.value, scope);
  if (!x) return undefined;
  const axes = axesFor(x.shape);
  if (!along)
    return tensorValue(
      axes.reduce((e, a) => reduce(op, a, e), x.expr),
      [],
    );
  const over = el.size(along.value, scope);
  if (!over) return undefined;
  const exact = [...x.shape.keys()].filter((i) => x.shape[i] === over);
  const found =
    exact.length > 0 ? exact : [...x.shape.keys()].filter((i) => el.equalities.same(x.shape[i] as Dim, over));
  if (found.length !== 1) {
    return el.reporter.error(
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

function outer(
  el: Elaborating,
  args: readonly ast.Argument[],
  scope: Scope,
  span: Span,
): TensorValue | undefined {
  const [a, b] = reals(el, "`outer`", args, 2, scope, span) ?? [];
  if (!a || !b) return undefined;
  const shape = [...a.shape, ...b.shape];
  const axes = axesFor(shape);
  const left = at(a.expr, axesFor(a.shape), axes.slice(0, a.shape.length));
  const right = at(b.expr, axesFor(b.shape), axes.slice(a.shape.length));
  return tensorValue(mul(left, right), shape);
}

function transpose(
  el: Elaborating,
  args: readonly ast.Argument[],
  scope: Scope,
  span: Span,
): TensorValue | undefined {
  const [a] = reals(el, "`transpose`", args, 1, scope, span) ?? [];
  if (!a) return undefined;
  const shape = [...a.shape].reverse();
  return tensorValue(at(a.expr, axesFor(a.shape), axesFor(shape).reverse()), shape);
}

function read(
  el: Elaborating,
  args: readonly ast.Argument[],
  scope: Scope,
  span: Span,
): TensorValue | undefined {
  const reader = el.reader;
  if (!reader) {
    return el.reporter.error("read-outside", undefined, span, {
      fix: { text: "write the read where the output is made: `output = read(q)`", edits: [] },
    });
  }
  const [first, ...rest] = args;
  const before = first?.value.kind === "ident" && first.value.text === "prev" && !scope.find("prev");
  const [x] = reals(el, "`read`", before ? rest : args, 1, scope, span) ?? [];
  if (!x) return undefined;
  const wanted = el.readShape();
  const fits =
    x.shape.length === wanted.length && x.shape.every((d, i) => el.equalities.same(d, wanted[i] as Dim));
  if (!fits) {
    const argument = (before ? rest : args)[0] as ast.Argument;
    return el.reporter.error(
      "shape-mismatch",
      { what: `\`read\` takes ${showShape(wanted)}, but this is ${showShape(x.shape)}` },
      argument.span,
    );
  }
  return reader(x, before ? "previous" : "next");
}

/** Inlines a function of the prelude or of the file. */
function inline(
  el: Elaborating,
  def: ast.FunctionDef,
  args: readonly ast.Argument[],
  scope: Scope,
  span: Span,
): Value | undefined {
  const name = def.name.text;
  if (el.inlining.names.includes(name)) return el.reporter.error("recursive-function", { name }, span);
  const inner = new Scope();
  const given = bindArguments(el, `\`${name}\``, def.params, args, scope, inner, span);
  if (!given) return undefined;
  const key = `${name}(${given.map(keyOf)})`;
  const known = el.inlining.values.get(key);
  if (known) return known;
  if (++el.inlining.calls > MOST_CALLS) {
    return el.inlining.calls === MOST_CALLS + 1 ? el.reporter.error("too-large", undefined, span) : undefined;
  }
  el.inlining.names.push(name);
  el.reporter.calls.push({ name, span });
  try {
    const result = el.value(def.body, inner);
    const tensors = given.filter((v) => v.kind === "tensor").map((v) => v.expr);
    if (result?.kind === "tensor" && (result.expr.kind === "apply" || result.expr.kind === "reduce")) {
      // A call that came to nothing but (a part of) its argument needs no name.
      const isOwn = !el.labels.has(result.expr) && !postorder(tensors).includes(result.expr);
      if (isOwn) el.labels.set(result.expr, { name, args: tensors });
    }
    if (result) el.inlining.values.set(key, result);
    return result;
  } finally {
    el.reporter.calls.pop();
    el.inlining.names.pop();
  }
}

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
