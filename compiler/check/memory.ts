/** The first choice: the tensors that are kept, or the tokens themselves, and how they are read. */
import type * as ast from "../../grammar/ast.ts";
import { axesFor, type Dim } from "../math/axis.ts";
import { domainOf } from "../math/domain.ts";
import { leaf, type Tensor } from "../math/expr.ts";
import { type Interval, REAL } from "../math/interval.ts";
import type { Span } from "../source/span.ts";
import { type Context, DK, DV } from "./context.ts";
import { showDim, showShape } from "./dimensions.ts";
import type { Initial, MemoryState, ReadFunction } from "./spec.ts";
import { bind, Scope, whole } from "./value.ts";

/** A state of the memory before retention and algorithm have had their say. */
export type BareState = Pick<
  MemoryState,
  "name" | "shape" | "initial" | "previous" | "next" | "linkArgument" | "kept" | "stepped" | "gradient"
> & { readonly span: Span };

export interface Memory {
  readonly item: ast.ChoiceItem;
  readonly definition: ast.MemoryDef;
  readonly scope: Scope;
  readonly states: readonly BareState[];
  /** How many of the last tokens it keeps, if it is these. */
  readonly window: Dim | undefined;
}

export function bareState(name: string, shape: readonly Dim[], initial: Initial, span: Span): BareState {
  const tensor = (name: string): Tensor => ({ name, shape, domain: REAL });
  return {
    name,
    shape,
    initial,
    span,
    previous: tensor(name),
    next: tensor(`${name}'`),
    linkArgument: tensor("A"),
    kept: tensor("kept"),
    stepped: tensor("step"),
    gradient: tensor(`grad.${name}`),
  };
}

/** The states of the memory that a model chooses. */
export function checkMemory(ctx: Context, item: ast.ChoiceItem): Memory | undefined {
  const definition = ctx.library.resolve("memory", item.name);
  const scope = ctx.innerScope();
  if (!definition || !ctx.choose(item, definition.params, item.args, scope)) return undefined;
  for (const i of definition.items) if (i.kind === "require") requireIn(ctx, i, scope);
  const windows = definition.items.filter((i) => i.kind === "window");
  if (windows.length > 0) return checkWindow(ctx, item, definition, scope, windows);
  const states: BareState[] = [];
  for (const i of definition.items) {
    if (i.kind !== "state") continue;
    const shape = i.shape ? ctx.elaborator.shape(i.shape, scope) : [];
    const initial = ctx.initial(i.value);
    if (!shape || !initial) return undefined;
    const state = bareState(i.name.text, shape, initial, i.span);
    const twin = states.find((s) => s.name === state.name)?.span;
    const before =
      scope.own(i.name.text) ?? (twin && { what: "a state", span: twin }) ?? ctx.scope.own(i.name.text);
    if (before) {
      return ctx.reporter.error("duplicate-name", { name: i.name.text }, i.name.span, {
        here: "a state of the memory that the model chooses",
        others: before.span ? [{ span: before.span, text: `${before.what} of the same name` }] : [],
        fix: { text: "give one of them another name", edits: [] },
      });
    }
    states.push(state);
  }
  if (states.length === 0)
    return ctx.reporter.error(
      "missing-item",
      { what: `memory \`${definition.name.text}\``, item: "state" },
      definition.name.span,
      {
        fix: { text: "add a line such as `state W [dv, dk] = zeros`", edits: [] },
      },
    );
  return { item, definition, scope, states, window: undefined };
}

/** A memory that is the last tokens themselves. */
function checkWindow(
  ctx: Context,
  item: ast.ChoiceItem,
  definition: ast.MemoryDef,
  scope: Scope,
  windows: readonly ast.WindowItem[],
): Memory | undefined {
  if (!ctx.once(windows, ["window"])) return undefined;
  const other = definition.items.find((i) => i.kind === "state" || i.kind === "read");
  if (other) {
    return ctx.reporter.error("two-ways", { one: "`window`", other: `\`${other.kind}\`` }, other.span, {
      others: [{ span: (windows[0] as ast.WindowItem).span, text: "it keeps the tokens themselves" }],
      fix: { text: "keep one of the two", edits: [] },
    });
  }
  const window = ctx.elaborator.size((windows[0] as ast.WindowItem).value, scope);
  return window && { item, definition, scope, states: [], window };
}

/**
 * How the memory is read, W of each state being within `domains`. Undefined where that is in error, or where it
 * cannot be read at the model's keys.
 */
export function checkRead(
  ctx: Context,
  { item, definition, scope, states, window }: Memory,
  domains: readonly Interval[],
): { readonly read: ReadFunction; readonly tensors: readonly Tensor[] } | undefined {
  if (window) {
    const x: Tensor = { name: "x", shape: [DK], domain: REAL };
    const answer: Tensor = { name: "y", shape: [DV], domain: REAL };
    const read = { x, body: leaf(answer, axesFor([DV])), shape: [DV], domain: REAL };
    return readsAt(ctx, "k", read, item, undefined) ? { read, tensors: [] } : undefined;
  }
  const [readItem, second] = definition.items.filter((i) => i.kind === "read");
  if (!readItem)
    return ctx.reporter.error(
      "missing-item",
      { what: `memory \`${definition.name.text}\``, item: "read" },
      definition.name.span,
      {
        fix: { text: "add a line such as `read(x [dk]) = …`", edits: [] },
      },
    );
  if (second) {
    ctx.once(definition.items, ["read"]);
    return undefined;
  }
  const tensors = states.map(
    (s, i): Tensor => ({ name: s.name, shape: s.shape, domain: domains[i] as Interval }),
  );
  for (const [i, s] of states.entries())
    scope.define(s.name, bind(whole(tensors[i] as Tensor), "a state", s.span));
  const inner = new Scope(scope);
  const xShape = readItem.param.shape ? ctx.elaborator.shape(readItem.param.shape, scope) : [DK];
  if (!xShape) return undefined;
  const x: Tensor = { name: readItem.param.name.text, shape: xShape, domain: REAL };
  inner.define(x.name, bind(whole(x), "what is read at", readItem.param.span));
  ctx.lets(definition.items, inner);
  const body = ctx.elaborator.real(readItem.body, inner);
  if (!body) return undefined;
  ctx.readShape = xShape;
  const read = { x, body: body.expr, shape: body.shape, domain: domainOf(body.expr) };
  return readsAt(ctx, "k", read, item, readItem) ? { read, tensors } : undefined;
}

/** Whether the memory can be read at an input of the model. */
export function readsAt(
  ctx: Context,
  name: string,
  read: ReadFunction,
  item: ast.ChoiceItem,
  at: ast.ReadItem | undefined,
): boolean {
  const binding = ctx.scope.find(name);
  const input = binding?.value();
  if (input?.kind !== "tensor") return false;
  const { shape } = read.x;
  if (ctx.sameShape(shape, input.shape)) return true;
  ctx.reporter.error(
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
        ...ctx.different(shape, input.shape),
      ],
      fix: ctx.requirement(shape, input.shape, "make the two shapes equal"),
    },
  );
  return false;
}

function requireIn(ctx: Context, item: ast.RequireItem, scope: Scope): void {
  const left = ctx.elaborator.size(item.left, scope);
  const right = ctx.elaborator.size(item.right, scope);
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
    ctx.equalities.require(a, b);
  } else if (left !== right) {
    ctx.reporter.error("unsquare", { left: showDim(left), right: showDim(right) }, item.span);
  }
}
