/** The fourth choice: how the memory learns. */
import type * as ast from "../../grammar/ast.ts";
import { at } from "../math/algebra.ts";
import { axesFor } from "../math/axis.ts";
import { type Expr, type Tensor, tensorsOf } from "../math/expr.ts";
import { REAL } from "../math/interval.ts";
import { textOf } from "../source/span.ts";
import type { Context } from "./context.ts";
import { showShape } from "./dimensions.ts";
import type { BareState, Memory } from "./memory.ts";
import { checkObjective } from "./objective.ts";
import type { Algorithm, AlgorithmState, GradientPoint, ReadFunction } from "./spec.ts";
import { bind, Scope, whole } from "./value.ts";

export interface Learning {
  readonly algorithm: Algorithm;
  readonly point: GradientPoint;
  /** Where the error is read; undefined for the key. */
  readonly errorKey: Expr | undefined;
  readonly states: readonly AlgorithmState[];
  /** For each state of the memory; none where it does not learn by steps. */
  readonly steps: readonly Expr[];
}

/**
 * What an algorithm may be told besides its own parameters: at which memory the gradient is taken, where the error
 * is read, how many steps a token has, and over how many tokens the gradient is summed.
 */
const MODIFIERS = ["at", "error", "steps", "window"] as const;
type Modifiers = Partial<Record<(typeof MODIFIERS)[number], ast.Argument>>;

export function checkAlgorithm(
  ctx: Context,
  item: ast.ChoiceItem,
  memory: Pick<Memory, "item" | "states" | "window">,
  read: ReadFunction,
): Learning | undefined {
  const definition = ctx.library.resolve("algorithm", item.name);
  if (!definition) return undefined;
  const own = new Set(definition.params.map((p) => p.name.text));
  const modifiers: Modifiers = {};
  for (const m of MODIFIERS) {
    const given = item.args.find((a) => a.name?.text === m && !own.has(m));
    if (given) modifiers[m] = given;
  }
  const scope = ctx.innerScope();
  const given = item.args.filter((a) => !Object.values(modifiers).includes(a));
  const beside = Object.values(modifiers).filter((m) => m !== modifiers.at);
  if (!ctx.once(definition.items, ["step", "minimize"])) return undefined;
  if (!ctx.choose(item, definition.params, given, scope, beside)) return undefined;
  const minimize = definition.items.find((i) => i.kind === "minimize");
  if (minimize) return minimizing(ctx, definition, minimize, memory, read, scope, modifiers);
  if (memory.window) {
    return ctx.reporter.error("window-learns-nothing", { name: definition.name.text }, item.name.span, {
      others: [{ span: memory.item.span, text: "this memory keeps the tokens themselves" }],
      fix: {
        text: "choose an algorithm that says what is read of them: `minimize past(weight * loss) over y`",
        edits: [],
      },
    });
  }
  const point = checkPoint(ctx, modifiers.at);
  const errorKey = modifiers.error && checkErrorKey(ctx, modifiers.error, read);
  const window = modifiers.window && ctx.elaborator.size(modifiers.window.value, ctx.scope);
  if (!point || (modifiers.error && !errorKey) || (modifiers.window && !window)) return undefined;
  const steps: Expr[] = [];
  const states: AlgorithmState[] = [];
  for (const state of memory.states) {
    const made = stepOf(ctx, definition, state, scope);
    if (!made) return undefined;
    states.push(...made.states);
    steps.push(made.step);
  }
  return { algorithm: { kind: "step", window }, point, errorKey, states, steps };
}

function minimizing(
  ctx: Context,
  definition: ast.AlgorithmDef,
  minimize: ast.MinimizeItem,
  memory: Pick<Memory, "item" | "states" | "window">,
  read: ReadFunction,
  scope: Scope,
  modifiers: Modifiers,
): Learning | undefined {
  const other =
    definition.items.find((i) => i.kind === "step" || i.kind === "assign" || i.kind === "like-state") ??
    modifiers.at ??
    modifiers.error ??
    modifiers.window;
  if (other) {
    return ctx.reporter.error("two-ways", { one: "`minimize`", other: "a step" }, other.span, {
      here: "this says how a gradient becomes a step",
      others: [{ span: minimize.span, text: "this algorithm goes to a minimum outright" }],
      fix: { text: "keep one of the two", edits: [] },
    });
  }
  ctx.lets(definition.items, scope);
  const algorithm = checkObjective(ctx, minimize, memory, read, scope);
  return algorithm && { algorithm, point: "prev", errorKey: undefined, states: [], steps: [] };
}

function checkPoint(ctx: Context, given: ast.Argument | undefined): GradientPoint | undefined {
  if (!given) {
    ctx.defaults.push("at: prev");
    return "prev";
  }
  if (given.value.kind === "ident" && (given.value.text === "prev" || given.value.text === "kept")) {
    return given.value.text;
  }
  return ctx.reporter.error("bad-point", undefined, given.value.span, {
    notes: ["`prev`: at the memory before the token; `kept`: at what retention kept of it"],
    fix: {
      text: "write `at: prev`, which is the default",
      edits: [{ span: given.value.span, insert: "prev" }],
    },
  });
}

function checkErrorKey(ctx: Context, given: ast.Argument, read: ReadFunction): Expr | undefined {
  const value = ctx.elaborator.real(given.value, ctx.scope);
  if (!value) return undefined;
  if (ctx.sameShape(value.shape, read.x.shape))
    return at(value.expr, axesFor(value.shape), axesFor(read.x.shape));
  return ctx.reporter.error(
    "shape-mismatch",
    { what: `the memory is read at ${showShape(read.x.shape)}, but this is ${showShape(value.shape)}` },
    given.value.span,
  );
}

/** The algorithm's own states and step for one state of the memory. */
function stepOf(
  ctx: Context,
  def: ast.AlgorithmDef,
  state: BareState,
  outer: Scope,
): { states: AlgorithmState[]; step: Expr } | undefined {
  const scope = new Scope(outer);
  scope.define("grad", bind(whole(state.gradient), "the gradient"));
  scope.define("prev", bind(whole(state.previous), "the state before the token"));
  scope.define("kept", bind(whole(state.kept), "what is kept of the state before the token"));
  const own: { item: ast.LikeStateItem; state: Omit<AlgorithmState, "update">; update?: Expr }[] = [];
  for (const i of def.items) {
    if (i.kind !== "like-state") continue;
    const initial = ctx.initial(i.value);
    if (!initial) return undefined;
    if (i.like.text !== "W" && i.like.text !== state.name) {
      return ctx.reporter.error("unknown-name", { name: i.like.text }, i.like.span, {
        notes: ["`W` stands for each state of the memory here"],
        fix: { text: "write `like W`", edits: [{ span: i.like.span, insert: "W" }] },
      });
    }
    const twin = own.find((o) => o.item.name.text === i.name.text);
    if (twin) {
      return ctx.reporter.error("duplicate-name", { name: i.name.text }, i.name.span, {
        here: "the second",
        others: [{ span: twin.item.name.span, text: "the first" }],
      });
    }
    const name = `${i.name.text}.${state.name}`;
    const previous: Tensor = { name, shape: state.shape, domain: REAL };
    const next: Tensor = { name: `${name}'`, shape: state.shape, domain: REAL };
    scope.define(i.name.text, bind(whole(previous), "a state", i.name.span));
    scope.define(`${i.name.text}'`, bind(whole(next), "a state after the token", i.name.span));
    own.push({ item: i, state: { name, shape: state.shape, initial, previous, next } });
  }
  ctx.lets(def.items, scope);
  let step: Expr | undefined;
  for (const i of def.items) {
    if (i.kind === "assign") {
      const name = i.target.of.kind === "ident" ? i.target.of.text : textOf(i.target.span);
      const target = own.find((o) => o.item.name.text === name);
      if (!target) {
        return ctx.reporter.error("unknown-name", { name }, i.target.span, {
          notes: [
            ...(name === "W" || name === state.name
              ? ["the memory moves by `step …`: what is kept of it, minus the step"]
              : []),
            `the states of \`${def.name.text}\` are: ${own.map((o) => o.item.name.text).join(", ") || "none"}`,
          ],
        });
      }
      if (target.update) return ctx.reporter.error("duplicate-item", { item: `${name}'` }, i.span);
      const value = ctx.elaborator.real(i.value, scope);
      const placed = value && ctx.fitTo(value, state.shape, `\`${name}'\``, target.state.name, i.value.span);
      if (!placed) return undefined;
      target.update = placed;
    } else if (i.kind === "step") {
      const value = ctx.elaborator.real(i.value, scope);
      step = value && ctx.fitTo(value, state.shape, "the step", state.name, i.value.span);
      if (!step) return undefined;
    }
  }
  const what = `algorithm \`${def.name.text}\``;
  if (!step)
    return ctx.reporter.error("missing-item", { what, item: "step" }, def.name.span, {
      fix: { text: "add a line such as `step rate * grad`", edits: [] },
    });
  const idle = own.find((o) => !o.update);
  if (idle) {
    const item = `${idle.item.name.text}' = …`;
    return ctx.reporter.error("missing-item", { what, item }, idle.item.span, {
      fix: { text: `say what \`${idle.item.name.text}\` becomes: \`${item}\``, edits: [] },
    });
  }
  const made = own.map((o) => ({ ...o.state, update: o.update as Expr }));
  const loop = own.find((_, i) => dependsOnItself(made[i] as AlgorithmState, made));
  if (loop) {
    const itself = `${loop.item.name.text}'`;
    return ctx.reporter.error("definition-cycle", { name: itself }, loop.item.span, {
      here: "its value after the token depends on itself",
      fix: {
        text: `use \`${loop.item.name.text}\`, its value before the token, somewhere in the circle`,
        edits: [],
      },
    });
  }
  return { states: made, step };
}

/** Whether a state's value after the token is made of that value itself. */
function dependsOnItself(state: AlgorithmState, all: readonly AlgorithmState[]): boolean {
  const reached = new Set<Tensor>();
  const visit = (e: Expr): void => {
    for (const t of tensorsOf(e)) {
      const next = all.find((s) => s.next === t);
      if (!next || reached.has(t)) continue;
      reached.add(t);
      visit(next.update);
    }
  };
  visit(state.update);
  return reached.has(state.next);
}
