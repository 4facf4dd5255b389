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
import { type Definition, definitionsOf, type Step } from "./steps.ts";

export interface Adjoint {
  readonly steps: readonly Step[];
  /** Of each tensor that was asked for; of none that the results do not depend on. */
  readonly of: ReadonlyMap<Tensor, Tensor>;
}

/** `seeds`: the adjoints of results, over the canonical axes of their shapes. `name` gives an adjoint its name. */
export function adjointOf(
  steps: readonly Step[],
  seeds: ReadonlyMap<Tensor, Expr>,
  wanted: readonly Tensor[],
  name: (t: Tensor) => string,
): Adjoint {
  const made = new Map(steps.flatMap((s) => definitionsOf(s).map((d) => [d.tensor, d.value] as const)));
  const matters = dependentOn(steps, wanted);
  const parts = new Map<Tensor, Expr[]>([...seeds].map(([t, e]) => [t, [e]]));
  const tensors = new Map<Tensor, Tensor>();
  const barOf = (t: Tensor): Tensor => {
    let bar = tensors.get(t);
    if (!bar) {
      bar = { name: name(t), shape: t.shape, domain: REAL };
      tensors.set(t, bar);
    }
    return bar;
  };
  const contribute = (from: readonly Tensor[], among: ReadonlySet<Tensor>): void => {
    const roots = from.map((t) => [made.get(t) as Expr, leaf(barOf(t), axesFor(t.shape))] as const);
    for (const [t, e] of pullBack(roots, [...among])) {
      if (isConstant(e, 0)) continue;
      const known = parts.get(t);
      if (known) known.push(e);
      else parts.set(t, [e]);
    }
  };
  const definition = (t: Tensor): Definition => ({
    kind: "definition",
    tensor: barOf(t),
    value: simplify(add(...(parts.get(t) as Expr[]))),
  });

  const backwards: Step[] = [];
  for (const step of [...steps].reverse()) {
    const own = definitionsOf(step).map((d) => d.tensor);
    const read = new Set(
      definitionsOf(step).flatMap((d) => [...tensorsOf(d.value)].filter((t) => matters.has(t))),
    );
    if (step.kind === "definition") {
      const { tensor } = step;
      if (!parts.has(tensor) || !matters.has(tensor)) continue;
      backwards.push(definition(tensor));
      contribute([tensor], read);
      continue;
    }
    const active = own.filter((t) => matters.has(t));
    if (!active.some((t) => parts.has(t))) continue;
    // Those that nothing after the recursion reads may still be read inside it.
    contribute(active, read);
    const definitions = active.filter((t) => parts.has(t)).reverse();
    const reached = new Set(definitions);
    if (active.some((t) => !reached.has(t))) {
      // An adjoint that nothing contributes to is zero.
      for (const t of active) if (!reached.has(t)) parts.set(t, []);
    }
    backwards.push({
      kind: "recursion",
      axis: step.axis,
      backwards: !step.backwards,
      definitions: [...active].reverse().map(definition),
    });
  }
  const ends = wanted.filter((t) => parts.has(t) && !made.has(t));
  backwards.push(...ends.map(definition));
  return { steps: backwards, of: new Map(ends.map((t) => [t, barOf(t)])) };
}

/** The tensors that depend on any of these, and these. */
function dependentOn(steps: readonly Step[], roots: readonly Tensor[]): Set<Tensor> {
  const found = new Set(roots);
  for (const step of steps) {
    const definitions = definitionsOf(step);
    const depends = (d: Definition): boolean => [...tensorsOf(d.value)].some((t) => found.has(t));
    // Of a recursion, those that read one another.
    for (let grows = true; grows; ) {
      grows = false;
      for (const d of definitions) {
        if (found.has(d.tensor) || !depends(d)) continue;
        found.add(d.tensor);
        grows = true;
      }
    }
  }
  return found;
}
