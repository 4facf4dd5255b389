/** Operators between tensors: shapes are brought together, or said not to fit. */
import type * as ast from "../../grammar/ast.ts";
import { add, apply, at, div, elementwiseNamed, mul, pow, sub, sumOver } from "../math/algebra.ts";
import { type Axis, axesFor, type Dim, freshAxis } from "../math/axis.ts";
import { domainOf } from "../math/domain.ts";
import { delta, type Expr } from "../math/expr.ts";
import { showInterval } from "../math/interval.ts";
import type { Elementwise } from "../math/node.ts";
import { pow as powOp } from "../math/ops/index.ts";
import { type Span, textOf } from "../source/span.ts";
import { broadcast } from "./broadcast.ts";
import { showDim, showShape } from "./dimensions.ts";
import type { Elaborating } from "./elaborating.ts";
import { type Scope, type TensorValue, tensorValue, type Value } from "./value.ts";

export function binary(el: Elaborating, e: ast.Binary, scope: Scope): TensorValue | undefined {
  const leftValue = el.value(e.left, scope);
  const rightValue = el.value(e.right, scope);
  if (!leftValue || !rightValue) return undefined;
  const left = besides(el, leftValue, rightValue, e.left.span);
  const right = besides(el, rightValue, leftValue, e.right.span);
  if (!left || !right) return undefined;
  for (const [side, value] of [
    [e.left, left],
    [e.right, right],
  ] as const) {
    if (value.type === "bool") return el.notANumber(side.span);
  }
  const fit = fitted(el, left, right, e.op, e);
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
        return el.reporter.error("domain", { reason: "nothing can be divided by zero" }, e.right.span, {
          here: e.right.kind === "number" ? "" : "this is always 0",
        });
      }
      return made(div(a, b));
    case "^":
      return allowed(el, powOp, [a, b], [e.left.span, e.right.span]) ? made(pow(a, b)) : undefined;
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
function besides(el: Elaborating, value: Value, neighbour: Value, span: Span): TensorValue | undefined {
  if (value.kind !== "identity") return el.asTensor(value, span);
  if (neighbour.kind !== "tensor" || neighbour.shape.length !== 2) {
    return el.reporter.error("identity-shape", undefined, span, {
      here:
        neighbour.kind === "tensor"
          ? `beside it is ${showShape(neighbour.shape)}, not a square matrix`
          : "there is no square matrix beside it",
      notes: ["`I` stands beside a square matrix: `I - outer(k, k)`"],
    });
  }
  const [rows, columns] = neighbour.shape as [Dim, Dim];
  if (!el.equalities.same(rows, columns)) {
    return el.reporter.error(
      "shape-mismatch",
      { what: `\`I\` is square, but what it is combined with is ${showShape(neighbour.shape)}` },
      span,
    );
  }
  const [i, j] = axesFor(neighbour.shape) as [Axis, Axis];
  return tensorValue(delta(i, j), neighbour.shape);
}

/** Brings two operands to one shape. */
export function fitted(
  el: Elaborating,
  left: TensorValue,
  right: TensorValue,
  op: string,
  e: { left: { span: Span }; right: { span: Span }; span: Span },
): { shape: readonly Dim[]; operands: [Expr, Expr] } | undefined {
  const fit = broadcast(left.shape, right.shape, el.equalities);
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
    return el.reporter.error(
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
    return el.reporter.error(
      "broadcast-union",
      { left: showShape(left.shape), right: showShape(right.shape), op },
      e.span,
      { ...labels, fix: repair },
    );
  }
  if (fit.kind === "ambiguous") {
    return el.reporter.error(
      "broadcast-ambiguous",
      { shape: showShape(fit.small), other: showShape(fit.large) },
      e.span,
      labels,
    );
  }
  return {
    shape: fit.shape,
    operands: [at(left.expr, axesFor(left.shape), fit.left), at(right.expr, axesFor(right.shape), fit.right)],
  };
}

export function contract(el: Elaborating, e: ast.Binary, scope: Scope): Value | undefined {
  const leftValue = el.value(e.left, scope);
  const rightValue = el.value(e.right, scope);
  if (!leftValue || !rightValue) return undefined;
  if (leftValue.kind === "identity") return rightValue;
  if (rightValue.kind === "identity") return leftValue;
  const left = el.asTensor(leftValue, e.left.span);
  const right = el.asTensor(rightValue, e.right.span);
  if (!left || !right) return undefined;
  const inner = left.shape.at(-1);
  const first = right.shape[0];
  if (!inner || !first || !el.equalities.same(inner, first)) {
    const turned = left.shape.length === 2 && first && left.shape[0] === first;
    return el.reporter.error(
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

/** Whether the operation takes arguments of these domains; reports the one that it refuses. */
export function allowed(
  el: Elaborating,
  op: Elementwise,
  args: readonly Expr[],
  spans: readonly Span[],
): boolean {
  const refused = op.refuses?.(...args.map(domainOf));
  if (!refused) return true;
  const is = showInterval(domainOf(args[refused.arg] as Expr));
  el.reporter.error("domain", { reason: refused.reason }, spans[refused.arg] as Span, {
    here: /^[-\d]/.test(is) ? `this is ${is}` : `this can be ${is}`,
    fix: { text: refused.repair, edits: [] },
  });
  return false;
}
