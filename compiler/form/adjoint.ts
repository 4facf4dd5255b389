/**
 * The adjoint of a computation: from that of its results, those of all it was given. Step by step backwards, each by
 * the differentiator: a contraction gives contractions, and a recursion one that runs the other way.
 */
import { pullBack } from "../derive/gradient.ts";
import { simplify } from "../derive/simplify.ts";
import { add } from "../math/algebra.ts";
import { axesFor } from "../math/axis.ts";
import { type Expr, isConstant, leaf, type Tensor, tensorsOf } from "../math/expr.ts";
import { REAL } from "../math/interval.ts";
import { type Definition, definitionsOf, type Recursion, type Step } from "./steps.ts";

/** What an adjoint is called. */
export type BarName = (t: Tensor) => string;

/** Walks through steps backwards. What is read is the adjoint of all that has been walked through. */
export class Backwards {
  /** In the order in which they run. */
  readonly steps: Step[] = [];
  readonly #name: BarName;
  /** Tensors that matter: what does not depend on what is asked for has no adjoint. */
  readonly #matters: ReadonlySet<Tensor>;
  readonly #parts = new Map<Tensor, Expr[]>();
  readonly #bars = new Map<Tensor, Tensor>();

  constructor(matters: ReadonlySet<Tensor>, name: BarName) {
    this.#matters = matters;
    this.#name = name;
  }

  /** Adds to the adjoint of a tensor, over the canonical axes of its shape. */
  add(t: Tensor, part: Expr): void {
    if (isConstant(part, 0) || !this.#matters.has(t)) return;
    const known = this.#parts.get(t);
    if (known) known.push(part);
    else this.#parts.set(t, [part]);
  }

  /** The adjoint of a tensor that everything which reads it has been walked through; undefined where it is zero. */
  settled(t: Tensor): Tensor | undefined {
    if (!this.#parts.has(t)) return undefined;
    this.steps.push(this.#definition(t));
    return this.#bar(t);
  }

  through(step: Step): void {
    if (step.kind === "definition") {
      if (this.settled(step.tensor)) this.#pull([step]);
    } else this.#recursion(step);
  }

  #recursion(step: Recursion): void {
    const active = step.definitions.filter((d) => this.#matters.has(d.tensor));
    if (!active.some((d) => this.#parts.has(d.tensor))) return;
    this.#pull(active);
    this.steps.push({
      kind: "recursion",
      axis: step.axis,
      backwards: !step.backwards,
      definitions: active.map((d) => this.#definition(d.tensor)).reverse(),
    });
  }

  #pull(definitions: readonly Definition[]): void {
    const read = new Set(
      definitions.flatMap((d) => [...tensorsOf(d.value)].filter((t) => this.#matters.has(t))),
    );
    const roots = definitions.map(
      ({ tensor, value }) => [value, leaf(this.#bar(tensor), axesFor(tensor.shape))] as const,
    );
    for (const [t, e] of pullBack(roots, [...read])) this.add(t, e);
  }

  #definition(t: Tensor): Definition {
    return { kind: "definition", tensor: this.#bar(t), value: simplify(add(...(this.#parts.get(t) ?? []))) };
  }

  #bar(t: Tensor): Tensor {
    let bar = this.#bars.get(t);
    if (!bar) {
      bar = { name: this.#name(t), shape: t.shape, domain: REAL };
      this.#bars.set(t, bar);
    }
    return bar;
  }
}

export interface Adjoint {
  readonly steps: readonly Step[];
  /** Of each tensor that was asked for; of none that the results do not depend on. */
  readonly of: ReadonlyMap<Tensor, Tensor>;
}

/** `seeds`: the adjoints of results, over the canonical axes of their shapes. */
export function adjointOf(
  steps: readonly Step[],
  seeds: ReadonlyMap<Tensor, Expr>,
  wanted: readonly Tensor[],
  name: BarName,
): Adjoint {
  const walk = new Backwards(dependentOn(wanted, steps.map(definitionsOf)), name);
  for (const [t, e] of seeds) walk.add(t, e);
  for (const step of [...steps].reverse()) walk.through(step);
  const of = new Map(
    wanted.flatMap((t) => {
      const bar = walk.settled(t);
      return bar ? [[t, bar] as const] : [];
    }),
  );
  return { steps: walk.steps, of };
}

/** These tensors, and those that depend on any of them, by way of groups of definitions that may read one another. */
export function dependentOn(
  roots: readonly Tensor[],
  groups: readonly (readonly Definition[])[],
): Set<Tensor> {
  const found = new Set(roots);
  for (const group of groups) {
    const depends = (d: Definition): boolean =>
      !found.has(d.tensor) && [...tensorsOf(d.value)].some((t) => found.has(t));
    for (let next = group.find(depends); next; next = group.find(depends)) found.add(next.tensor);
  }
  return found;
}
