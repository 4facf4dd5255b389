/** What feeds the memory, and what becomes of its output: the layer of a model, checked. */
import type * as ast from "../../grammar/ast.ts";
import { at } from "../math/algebra.ts";
import { axesFor, type Dim } from "../math/axis.ts";
import { type Tensor, tensorsOf } from "../math/expr.ts";
import { REAL } from "../math/interval.ts";
import type { Span } from "../source/span.ts";
import type { Context } from "./context.ts";
import type { DeclaredInput, DeclaredParameter } from "./declarations.ts";
import { showShape } from "./dimensions.ts";
import { memoryOutput } from "./layer.ts";
import { Making, startOf } from "./making.ts";
import type { LayerOutput, Made, Parameter, TokenInput } from "./spec.ts";
import { type TensorValue, whole } from "./value.ts";

/** The inputs and gates with how the layer makes them; undefined where one is in error, which has been reported. */
export function madeInputs(ctx: Context, declared: readonly DeclaredInput[]): TokenInput[] | undefined {
  const all = new Set(declared.map((d) => d.tensor));
  const found = declared.map(({ item, ...input }): TokenInput | undefined => {
    const made = item?.kind === "gate" ? gate(ctx, item, input.tensor) : plain(ctx, item, input.tensor);
    const span = item?.value?.span ?? ctx.model.name.span;
    return made && readsNone(ctx, made, all, span) ? { ...input, made } : undefined;
  });
  return found.some((f) => f === undefined) ? undefined : (found as TokenInput[]);
}

function plain(ctx: Context, item: ast.InputItem | undefined, tensor: Tensor): Made | undefined {
  const making = new Making(ctx, { shape: tensor.shape, rank: undefined, bias: undefined });
  const span = item?.span ?? ctx.model.name.span;
  const value = item?.value ?? { kind: "ident", text: "project", span };
  return placed(ctx, making, value, tensor);
}

function gate(ctx: Context, item: ast.GateItem, tensor: Tensor): Made | undefined {
  const { shape, domain, name } = tensor;
  const rank = item.rank && ctx.elaborator.size(item.rank, ctx.scope);
  if (item.rank && !rank) return undefined;
  if (!item.value) {
    const bias = startOf(ctx, name, item.start, domain);
    return bias === undefined ? undefined : new Making(ctx, { shape, rank, bias }).squashed(domain);
  }
  if (item.start) {
    const why = "its value says how it is made, so that no range squashes it";
    return ctx.reporter.error("bad-start", { name, why }, item.start.span);
  }
  const made = placed(ctx, new Making(ctx, { shape, rank, bias: 0 }), item.value, tensor);
  if (!made) return undefined;
  const value: TensorValue = { kind: "tensor", expr: made.value, shape, type: "real" };
  const others = item.range ? [{ span: item.range.span, text: "its range is declared here" }] : [];
  return ctx.elaborator.within(value, domain, `the value of gate \`${name}\``, item.value.span, { others })
    ? made
    : undefined;
}

/** What an expression makes, along the axes of the tensor that it is the value of. */
function placed(ctx: Context, making: Making, e: ast.Expr, tensor: Tensor): Made | undefined {
  const made = making.made(e);
  if (!made) return undefined;
  if (made.shape.length > 0 && !ctx.sameShape(made.shape, tensor.shape)) {
    const [is, wants] = [showShape(made.shape), showShape(tensor.shape)];
    const what = `\`${tensor.name}\` is ${wants}, but this makes ${is}`;
    return ctx.reporter.error("shape-mismatch", { what }, e.span);
  }
  return { operations: making.operations, value: at(made.value, axesFor(made.shape), axesFor(tensor.shape)) };
}

/** What feeds the memory is made side by side: none of it reads another. */
function readsNone(ctx: Context, made: Made, inputs: ReadonlySet<Tensor>, span: Span): boolean {
  const read = everythingIn(made).find((t) => inputs.has(t));
  if (!read) return true;
  ctx.reporter.error("pipeline", { why: `\`${read.name}\` is made of the layer's input, as this is` }, span, {
    notes: ["what feeds the memory is made side by side; a quantity that follows from others is a `let`"],
  });
  return false;
}

const everythingIn = ({ operations, value }: Made): readonly Tensor[] => [
  ...tensorsOf(value, ...operations.map((o) => o.from)),
];

export function madeParameters(
  ctx: Context,
  declared: readonly DeclaredParameter[],
): Parameter[] | undefined {
  const found = declared.map(({ item, tensor, span }): Parameter | undefined => {
    const start = startOf(ctx, tensor.name, item.start, tensor.domain);
    return start === undefined ? undefined : { tensor, span, start };
  });
  return found.some((f) => f === undefined) ? undefined : (found as Parameter[]);
}

/** What the layer makes of the memory's output, which has the shape `shape`. */
export function madeOutput(
  ctx: Context,
  shape: readonly Dim[],
  inputs: readonly DeclaredInput[],
): LayerOutput | undefined {
  const y: Tensor = { name: "y", shape, domain: REAL };
  const given = whole(y);
  const [item] = ctx.items("output");
  if (!item) return { y, operations: [], value: given.expr, shape };
  const node = memoryOutput(item.value, ctx.reporter);
  if (!node) return undefined;
  const making = new Making(ctx, { shape, rank: undefined, bias: undefined }, { node, value: given });
  const made = making.made(item.value);
  if (!made) return undefined;
  const stepped = inputs.filter((i) => i.each === "step").map((i) => i.tensor);
  const read = everythingIn(made).find((t) => stepped.includes(t));
  if (!read) return { y, ...made };
  const why = `\`${read.name}\` comes with each step of a token, and the output once a token`;
  return ctx.reporter.error("pipeline", { why }, item.value.span);
}
