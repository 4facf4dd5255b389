/** What a model gives of a token, and what its author claims of its states. */
import type * as ast from "../../grammar/ast.ts";
import { at } from "../math/algebra.ts";
import { axesFor, type Dim } from "../math/axis.ts";
import { leaf, type Tensor } from "../math/expr.ts";
import { textOf } from "../source/span.ts";
import type { Context } from "./context.ts";
import { showShape } from "./dimensions.ts";
import type { Reader } from "./elaborating.ts";
import { memoryOutput } from "./layer.ts";
import { readsAt } from "./memory.ts";
import type { Carried, Expectation, MemoryState, Read, ReadFunction } from "./spec.ts";
import { bind, Scope, type TensorValue, tensorValue, whole } from "./value.ts";

/** Every `read(…)` so far: each is a name, until it is known how the memory is read. */
export class Reads {
  readonly read: ReadFunction;
  readonly all: Read[] = [];

  constructor(read: ReadFunction) {
    this.read = read;
  }

  readonly reader: Reader = (x, when) => {
    const { shape, domain } = this.read;
    const place = at(x.expr, axesFor(x.shape), axesFor(this.read.x.shape));
    let known = this.all.find((r) => r.x === place && r.when === when);
    if (!known) {
      const tensor: Tensor = { name: `read ${this.all.length + 1}`, shape, domain };
      known = { tensor, x: place, when };
      this.all.push(known);
    }
    return tensorValue(leaf(known.tensor, axesFor(shape)), shape);
  };
}

/** y of a token, over what is read. */
export function checkOutput(ctx: Context, reads: Reads, memory: ast.ChoiceItem): TensorValue | undefined {
  const [item, second] = ctx.items("output");
  if (item && second) {
    ctx.once(ctx.items("output"), ["output"]);
    return undefined;
  }
  if (!item) {
    ctx.defaults.push("output = read(q)");
    const q = ctx.scope.find("q")?.value();
    return q?.kind === "tensor" && readsAt(ctx, "q", reads.read, memory, undefined)
      ? reads.reader(q, "next")
      : undefined;
  }
  const core = memoryOutput(item.value, ctx.reporter);
  return core && ctx.elaborator.reading(reads.reader, () => ctx.elaborator.real(core, ctx.scope));
}

/** The rules that the author claims. */
export function checkExpectations(
  ctx: Context,
  reads: Reads,
  states: readonly MemoryState[],
  carried: readonly Carried[],
): Expectation[] {
  const scope = new Scope(ctx.scope);
  const targets = new Map<string, { tensor: Tensor; shape: readonly Dim[] }>();
  for (const s of [...states, ...carried]) {
    scope.define(s.name, bind(whole(s.previous), "a state"));
    scope.define(`${s.name}'`, bind(whole(s.next), "a state after the token"));
    targets.set(s.name, { tensor: s.next, shape: s.shape });
  }
  for (const s of states) scope.define(`grad.${s.name}`, bind(whole(s.gradient), "a gradient"));
  const [only] = states;
  if (only && states.length === 1) scope.define("grad", bind(whole(only.gradient), "the gradient"));
  const found: Expectation[] = [];
  for (const item of ctx.items("expect")) {
    if (ctx.reporter.isBroken(item.span)) continue;
    const name = item.target.kind === "primed" ? textOf(item.target.of.span) : undefined;
    const target = name === undefined ? undefined : targets.get(name);
    if (!target) {
      if (item.target.kind !== "invalid") {
        ctx.reporter.error("expect-target", undefined, item.target.span, {
          notes: [`the states are: ${[...targets.keys()].map((t) => `${t}'`).join(", ")}`],
        });
      }
      continue;
    }
    const value = ctx.elaborator.reading(reads.reader, () => ctx.elaborator.real(item.value, scope));
    if (value && value.shape.length !== target.shape.length) {
      const state = showShape(target.shape);
      ctx.reporter.error(
        "state-shape",
        { what: "this rule", is: showShape(value.shape), state, name: `${name}'` },
        item.value.span,
        {
          fix: {
            text: `write a rule for the whole of ${name}, such as one with \`outer(v, k)\``,
            edits: [],
          },
        },
      );
      continue;
    }
    const placed = value && ctx.fitTo(value, target.shape, "this rule", `${name}'`, item.value.span);
    if (placed) found.push({ target: target.tensor, value: placed, span: item.span });
  }
  return found;
}
