/** The third choice: what is kept of the old state, in closed form or as the penalty that it minimises. */
import type * as ast from "../../grammar/ast.ts";
import { at } from "../math/algebra.ts";
import { type Axis, axesFor, type Dim } from "../math/axis.ts";
import { domainOf } from "../math/domain.ts";
import { constant, type Expr, type Tensor } from "../math/expr.ts";
import { type Interval, interval, REAL } from "../math/interval.ts";
import { textOf } from "../source/span.ts";
import { place } from "./broadcast.ts";
import type { Context } from "./context.ts";
import { showDim, showShape } from "./dimensions.ts";
import type { BareState } from "./memory.ts";
import type { Constraint, Penalty } from "./spec.ts";
import { bind, Scope, tensorValue, whole } from "./value.ts";

export interface Retained {
  readonly keep: Expr;
  readonly link: Expr | undefined;
  readonly prox: Expr | undefined;
  readonly penalty: Penalty | undefined;
  /** What the elements of W can be. */
  readonly domain: Interval;
}

const WORDS = ["keep", "link", "prox", "minimize"] as const;

/** What is kept of each state, and how W follows from the accumulator. */
export function checkRetention(
  ctx: Context,
  item: ast.ChoiceItem,
  states: readonly BareState[],
): Retained[] | undefined {
  const definition = ctx.library.resolve("retention", item.name);
  const scope = ctx.innerScope();
  if (!definition || !ctx.once(definition.items, WORDS)) return undefined;
  if (!ctx.choose(item, definition.params, item.args, scope)) return undefined;
  const retained = states.map((state) => retainedOf(ctx, item, definition, state, scope));
  return retained.some((r) => !r) ? undefined : (retained as Retained[]);
}

function retainedOf(
  ctx: Context,
  item: ast.ChoiceItem,
  definition: ast.RetentionDef,
  state: BareState,
  outer: Scope,
): Retained | undefined {
  const scope = new Scope(outer);
  const last = state.shape.at(-1);
  if (last) scope.define("last", bind({ kind: "size", dim: last }, "the last dimension of the state"));
  ctx.lets(definition.items, scope);
  let keep: Expr = constant(1);
  let link: Expr | undefined;
  let prox: Expr | undefined;
  let penalty: Penalty | undefined;
  for (const i of definition.items) {
    if (i.kind === "keep") {
      const kept = checkKeep(ctx, item, i, state, scope);
      if (!kept) return undefined;
      keep = kept;
    } else if (i.kind === "link" || i.kind === "prox") {
      const inner = new Scope(scope);
      inner.define(i.param.text, bind(whole(state.linkArgument), "the accumulator", i.param.span));
      const value = ctx.elaborator.real(i.value, inner);
      const placed = value && ctx.fitTo(value, state.shape, `the ${i.kind}`, state.name, i.value.span);
      if (!placed) return undefined;
      if (i.kind === "link") link = placed;
      else prox = placed;
    } else if (i.kind === "minimize") {
      penalty = checkPenalty(ctx, i, state, scope);
      if (!penalty) return undefined;
    }
  }
  const domain = link ? domainOf(link) : penalty ? penalty.w.domain : REAL;
  return { keep, link, prox, penalty, domain };
}

function checkKeep(
  ctx: Context,
  item: ast.ChoiceItem,
  { value: written, span }: ast.KeepItem,
  state: BareState,
  scope: Scope,
): Expr | undefined {
  const value = ctx.elaborator.real(written, scope);
  if (!value) return undefined;
  const placed = place(value.shape, state.shape, ctx.equalities);
  if (typeof placed === "string") {
    return ctx.reporter.error(
      "keep-shape",
      { keep: showShape(value.shape), state: showShape(state.shape), name: state.name },
      item.span,
      { others: [{ span, text: "it is scaled here" }] },
    );
  }
  const axes = axesFor(state.shape);
  return at(
    value.expr,
    axesFor(value.shape),
    placed.map((p) => axes[p] as Axis),
  );
}

/** `minimize R(W, prev) over …`: a scalar over W and perhaps the W before. */
function checkPenalty(
  ctx: Context,
  { value: written, over, span }: ast.MinimizeItem,
  state: BareState,
  scope: Scope,
): Penalty | undefined {
  const constraint = over ? checkConstraint(ctx, over, state.shape, scope) : undefined;
  if (over && !constraint) return undefined;
  const domain = constraint?.domain ?? REAL;
  const w: Tensor = { name: "W", shape: state.shape, domain };
  const previous: Tensor = { name: "prev", shape: state.shape, domain };
  const inner = new Scope(scope);
  inner.define("W", bind(whole(w), "the state that is looked for"));
  inner.define("prev", bind(whole(previous), "the state before"));
  const value = ctx.elaborator.real(written, inner);
  if (!value) return undefined;
  if (value.shape.length > 0) {
    const summed = `sum(${textOf(written.span)})`;
    return ctx.reporter.error(
      "not-a-scalar",
      { what: "what is minimised", shape: showShape(value.shape) },
      written.span,
      { fix: { text: `sum over it: \`${summed}\``, edits: [{ span: written.span, insert: summed }] } },
    );
  }
  return { value: value.expr, w, previous, over: constraint?.over, span };
}

interface Limits {
  readonly over: Constraint;
  readonly domain: Interval;
}

const FORMS = ["`simplex(dk)`", "`simplex(dk, total)`", "`box(low, high)`", "`positive`"];

/** Where W may lie: `simplex(last)`, `box(0, 1)`, `positive`. */
function checkConstraint(ctx: Context, e: ast.Expr, shape: readonly Dim[], scope: Scope): Limits | undefined {
  const name = e.kind === "call" ? e.callee.text : e.kind === "ident" ? e.text : undefined;
  const args = e.kind === "call" ? e.args : [];
  if (name === "positive" && args.length === 0)
    return { over: { kind: "box", low: constant(0), high: undefined }, domain: interval(0, Infinity, true) };
  if (name === "simplex" && (args.length === 1 || args.length === 2))
    return checkSimplex(ctx, args, shape, scope);
  if (name === "box" && args.length === 2) {
    const [low, high] = args.map((a) => {
      const value = ctx.elaborator.real(a.value, scope);
      if (!value || value.shape.length === 0) return value?.expr;
      const is = { what: "an end of a box", shape: showShape(value.shape) };
      return ctx.reporter.error("not-a-scalar", is, a.value.span);
    });
    if (!low || !high) return undefined;
    const [least, most] = [domainOf(low), domainOf(high)];
    return { over: { kind: "box", low, high }, domain: interval(least.low, most.high, true, true) };
  }
  if (e.kind === "invalid") return undefined;
  return ctx.reporter.error("bad-constraint", undefined, e.span, {
    notes: [`what a state can be held to: ${FORMS.join(", ")}`],
  });
}

function checkSimplex(
  ctx: Context,
  [along, sum]: readonly ast.Argument[],
  shape: readonly Dim[],
  scope: Scope,
): Limits | undefined {
  const size = along && ctx.elaborator.size(along.value, scope);
  const given = sum ? ctx.elaborator.real(sum.value, scope) : tensorValue(constant(1), []);
  if (!along || !size || !given) return undefined;
  const exact = shape.lastIndexOf(size);
  const axis = exact >= 0 ? exact : shape.findIndex((d) => ctx.equalities.same(d, size));
  if (axis < 0) {
    return ctx.reporter.error(
      "not-a-dimension",
      { shape: showShape(shape), dim: showDim(size) },
      along.span,
      {
        fix: {
          text: "`last` is the last dimension of each state: `simplex(last)`",
          edits: [{ span: along.span, insert: "last" }],
        },
      },
    );
  }
  // There is a sum for each element of the other dimensions.
  const others = shape.filter((_, i) => i !== axis);
  const placed = place(given.shape, others, ctx.equalities);
  if (typeof placed === "string") {
    return ctx.reporter.error("bad-constraint", undefined, sum?.span ?? along.span, {
      here: `this is ${showShape(given.shape)}, but the sums along ${showDim(size)} are ${showShape(others)}`,
    });
  }
  const axes = axesFor(shape).filter((_, i) => i !== axis);
  const total = at(
    given.expr,
    axesFor(given.shape),
    placed.map((p) => axes[p] as Axis),
  );
  return { over: { kind: "simplex", axis, total }, domain: interval(0, domainOf(total).high, true) };
}
