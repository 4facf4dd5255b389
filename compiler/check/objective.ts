/**
 * What an algorithm minimises outright: one token's loss near the memory before it, the losses of all tokens so
 * far, or, for a memory of past tokens, the loss of what is read over all past tokens.
 */
import type * as ast from "../../grammar/ast.ts";
import { add, mul, substitute } from "../math/algebra.ts";
import type { Dim } from "../math/axis.ts";
import { constant, type Expr, isConstant, leaf, type Tensor, tensorsOf } from "../math/expr.ts";
import { REAL } from "../math/interval.ts";
import type { Span } from "../source/span.ts";
import { type Context, DK } from "./context.ts";
import { showShape } from "./dimensions.ts";
import type { Memory } from "./memory.ts";
import type { Algorithm, Carried, ReadFunction } from "./spec.ts";
import { bind, Scope, whole } from "./value.ts";

export function checkObjective(
  ctx: Context,
  minimize: ast.MinimizeItem,
  memory: Pick<Memory, "states" | "window">,
  read: ReadFunction,
  outer: Scope,
): Algorithm | undefined {
  const { span } = minimize;
  const loss: Tensor = { name: "loss", shape: [], domain: REAL };
  const scope = new Scope(outer);
  scope.define("loss", bind(whole(loss), "the loss of a token"));
  const terms = termsOf(minimize.value);
  const past = terms.filter(isPast);
  const others = terms.filter((t) => !isPast(t));
  if (memory.window) return regression(ctx, minimize, past, others, memory.window, read, scope, loss);
  const [state, second] = memory.states;
  if (!state) return undefined;
  const [rows, columns] = state.shape;
  if (second || minimize.over || !rows || !columns) {
    const why = second
      ? "the memory has a second state"
      : minimize.over
        ? "only a memory of past tokens is read by minimising"
        : "the state is no matrix";
    return ctx.reporter.error("bad-objective", { why }, (second ?? minimize.over ?? state).span, {
      others: [{ span, text: "this looks for one matrix" }],
      fix: { text: "choose an algorithm of gradient steps: `step rate * grad`", edits: [] },
    });
  }
  const w: Tensor = { name: "W", shape: state.shape, domain: REAL };
  scope.define("W", bind(whole(w), "the state that is looked for"));
  if (past.length === 0) {
    const kept: Tensor = { name: "kept", shape: state.shape, domain: REAL };
    scope.define("kept", bind(whole(kept), "what is kept of the state before the token"));
    const value = scalar(ctx, minimize.value, scope);
    if (!value) return undefined;
    if (!tensorsOf(value).has(loss)) return noLoss(ctx, span);
    return { kind: "proximal", value, w, kept, loss, span };
  }
  defineToken(ctx, scope);
  const weight = weightOf(ctx, past, scope, loss);
  const penalties = others.map((o) => scalar(ctx, o, scope));
  if (!weight || penalties.some((p) => !p)) return undefined;
  return {
    kind: "overall",
    weight,
    penalty: add(...(penalties as Expr[])),
    w,
    right: carried(`${state.name}.right`, [rows, columns]),
    gram: carried(`${state.name}.gram`, [columns, columns]),
    span,
  };
}

function carried(name: string, shape: readonly Dim[]): Carried {
  const tensor = (name: string): Tensor => ({ name, shape, domain: REAL });
  return { name, shape, initial: "zeros", previous: tensor(name), next: tensor(`${name}'`) };
}

function regression(
  ctx: Context,
  { over, span }: ast.MinimizeItem,
  past: readonly ast.Call[],
  others: readonly ast.Expr[],
  window: Dim,
  read: ReadFunction,
  scope: Scope,
  loss: Tensor,
): Algorithm | undefined {
  const stray = others[0] ?? (over?.kind === "ident" && over.text === "y" ? undefined : (over ?? undefined));
  if (past.length === 0 || !over || stray) {
    return ctx.reporter.error(
      "bad-objective",
      { why: "the memory keeps tokens, and what is read of them is looked for" },
      stray?.span ?? span,
      {
        fix: {
          text: "write `minimize past(weight * loss) over y`, weight being an expression over x and k",
          edits: [],
        },
      },
    );
  }
  defineToken(ctx, scope);
  scope.define("x", bind(whole(read.x), "where the memory is read"));
  const weight = weightOf(ctx, past, scope, loss);
  return weight && { kind: "regression", weight, x: read.x, window, span };
}

/** Inside `past(…)`: the key and the value of each token. */
function defineToken(ctx: Context, scope: Scope): void {
  for (const name of ["k", "v"]) {
    const value = ctx.isAlone
      ? whole({ name, shape: [DK], domain: REAL } satisfies Tensor)
      : ctx.scope.find(name)?.value();
    if (value) scope.define(name, bind(value, "of each token"));
  }
}

/** The summed weight c of `past(c * loss)`: what stands before the loss, which must stand in it alone. */
function weightOf(ctx: Context, past: readonly ast.Call[], scope: Scope, loss: Tensor): Expr | undefined {
  const weights: Expr[] = [];
  for (const call of past) {
    const [argument, ...extra] = call.args;
    if (!argument || extra.length > 0) {
      return ctx.reporter.error(
        "too-many-arguments",
        { what: "`past`", takes: 1, given: call.args.length },
        call.span,
      );
    }
    const value = scalar(ctx, argument.value, scope);
    if (!value) return undefined;
    const put = (x: Expr): Expr => substitute(value, (t) => (t === loss ? x : undefined));
    const weight = put(constant(1));
    const isLinear = isConstant(put(constant(0)), 0) && mul(weight, leaf(loss, [])) === value;
    if (!isLinear) return noLoss(ctx, argument.value.span);
    weights.push(weight);
  }
  return add(...weights);
}

function scalar(ctx: Context, e: ast.Expr, scope: Scope): Expr | undefined {
  const value = ctx.elaborator.real(e, scope);
  if (!value) return undefined;
  if (value.shape.length === 0) return value.expr;
  return ctx.reporter.error(
    "not-a-scalar",
    { what: "what is minimised", shape: showShape(value.shape) },
    e.span,
  );
}

const noLoss = (ctx: Context, span: Span): undefined =>
  ctx.reporter.error("bad-objective", { why: "the loss of a token does not stand linearly in it" }, span, {
    fix: {
      text: "`loss` stands for the loss of a token: `minimize sum((W - kept)^2) / (2 * eta) + loss`",
      edits: [],
    },
  });

const isPast = (e: ast.Expr): e is ast.Call => e.kind === "call" && e.callee.text === "past";

/** The terms of a sum as it is written. */
function termsOf(e: ast.Expr): ast.Expr[] {
  return e.kind === "binary" && e.op === "+" ? [...termsOf(e.left), ...termsOf(e.right)] : [e];
}
