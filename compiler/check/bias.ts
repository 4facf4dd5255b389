/** The second choice: the attentional bias, a loss or its gradient. */
import type * as ast from "../../grammar/ast.ts";
import type { Expr, Tensor } from "../math/expr.ts";
import { REAL } from "../math/interval.ts";
import { positionOf } from "../source/lines.ts";
import { type Span, textOf } from "../source/span.ts";
import type { Context } from "./context.ts";
import { showShape } from "./dimensions.ts";
import type { BareState } from "./memory.ts";
import type { Bias, ReadFunction } from "./spec.ts";
import { bind, whole } from "./value.ts";

/** The objective, with what the memory reads as its prediction. */
export function checkBias(
  ctx: Context,
  item: ast.ChoiceItem,
  read: ReadFunction,
  states: readonly BareState[],
): Bias | undefined {
  const def = ctx.library.resolve("bias", item.name);
  if (!def) return undefined;
  const [yParam, vParam, ...params] = def.params;
  if (!yParam || !vParam) {
    return ctx.reporter.error(
      "missing-item",
      { what: `bias \`${def.name.text}\``, item: "(y, v)" },
      def.name.span,
      {
        notes: ["the first two parameters of a bias are the prediction y and the target v"],
      },
    );
  }
  const scope = ctx.innerScope();
  if (!ctx.once(def.items, ["loss", "grad"])) return undefined;
  const given = item.args.find((a) => a.name?.text === vParam.name.text);
  const own = item.args.filter((a) => a !== given);
  if (!ctx.choose(item, params, own, scope, given ? [given] : [])) return undefined;
  const target = given ? ctx.elaborator.real(given.value, ctx.scope) : ctx.scope.find("v")?.value();
  if (target?.kind !== "tensor") return undefined;
  if (!ctx.sameShape(target.shape, read.shape)) {
    const span = given?.value.span ?? ctx.scope.own("v")?.span;
    const memory = ctx.items("choice").find((c) => c.choice === "memory");
    const from = memory ? `, from \`memory ${memory.name.text}\` on line ${lineOf(memory.span)}` : "";
    return ctx.reporter.error(
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
          ...ctx.different(target.shape, read.shape),
        ],
        fix: ctx.requirement(target.shape, read.shape, "give the memory an output of the target's shape"),
      },
    );
  }
  const y: Tensor = { name: yParam.name.text, shape: read.shape, domain: REAL };
  const v: Tensor = { name: vParam.name.text, shape: target.shape, domain: REAL };
  scope.define(y.name, bind(whole(y), "the prediction", yParam.span));
  scope.define(v.name, bind(whole(v), "the target", vParam.span));
  ctx.lets(def.items, scope);
  let loss: Expr | undefined;
  let gradient: Expr | undefined;
  for (const i of def.items) {
    if (i.kind === "loss") {
      const value = ctx.elaborator.real(i.value, scope);
      if (!value) return undefined;
      if (value.shape.length > 0) {
        return ctx.reporter.error(
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
      const value = ctx.elaborator.real(i.value, scope);
      const placed = value && ctx.fitTo(value, y.shape, "the gradient", "y", i.value.span);
      if (!placed) return undefined;
      gradient = placed;
    }
  }
  if (!loss && !gradient) {
    return ctx.reporter.error(
      "missing-item",
      { what: `bias \`${def.name.text}\``, item: "loss` or `grad" },
      def.name.span,
    );
  }
  return { y, v, target: target.expr, loss, gradient };
}

const lineOf = (span: Span): number => positionOf(span.file, span.start).line;
