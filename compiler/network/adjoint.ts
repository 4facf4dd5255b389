/** The adjoint of a network: the chain rule through its definitions, and through its memories by their own adjoints. */
import { Backwards, dependentOn } from "../form/adjoint.ts";
import type { Step as FormStep } from "../form/steps.ts";
import { axesFor } from "../math/axis.ts";
import { constant, leaf, type Tensor } from "../math/expr.ts";
import { REAL } from "../math/interval.ts";
import type { Loss } from "./loss.ts";
import type { MemoryCall, Step } from "./program.ts";

/** A memory's sequences, backwards: from the adjoint of what it gives, those of what it is given. */
export interface MemoryAdjoint {
  readonly kind: "memory adjoint";
  readonly call: MemoryCall;
  /** Of the output. */
  readonly output: Tensor;
  /** By name: of those that matter. */
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly states: ReadonlyMap<string, Tensor>;
}

export type AdjointStep = FormStep | MemoryAdjoint;

export interface NetworkAdjoint {
  readonly steps: readonly AdjointStep[];
  /** Of what is learned; absent where the loss does not depend on it. */
  readonly of: ReadonlyMap<Tensor, Tensor>;
}

/** ∂loss/∂learned: `loss` is a number that the steps make, whatever the `constants` among them are. */
export function networkAdjoint(
  steps: readonly Step[],
  { loss, constants }: Pick<Loss, "loss" | "constants">,
  learned: readonly Tensor[],
): NetworkAdjoint {
  const matters = dependentOnLearned(steps, learned);
  for (const t of constants) matters.delete(t);
  const walk = new Backwards(matters, (t) => `d ${t.name}`);
  const backwards: AdjointStep[] = [];
  const take = (): void => {
    backwards.push(...walk.steps.splice(0));
  };
  walk.add(loss, constant(1));
  for (const step of [...steps].reverse()) {
    if (step.kind === "definition") {
      walk.through(step);
      take();
      continue;
    }
    const output = walk.settled(step.output);
    take();
    if (!output) continue;
    const barsOf = (tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> =>
      new Map(
        [...tensors].flatMap(([name, t]) => {
          if (!matters.has(t)) return [];
          const bar: Tensor = { name: `d ${t.name} of ${step.output.name}`, shape: t.shape, domain: REAL };
          walk.add(t, leaf(bar, axesFor(t.shape)));
          return [[name, bar] as const];
        }),
      );
    backwards.push({
      kind: "memory adjoint",
      call: step,
      output,
      inputs: barsOf(step.inputs),
      parameters: barsOf(step.parameters),
      states: barsOf(step.states),
    });
  }
  const of = new Map(
    learned.flatMap((t) => {
      const bar = walk.settled(t);
      return bar ? [[t, bar] as const] : [];
    }),
  );
  take();
  return { steps: backwards, of };
}

function dependentOnLearned(steps: readonly Step[], learned: readonly Tensor[]): Set<Tensor> {
  let found = new Set(learned);
  for (const step of steps) {
    if (step.kind === "definition") found = dependentOn([...found], [[step]]);
    else if (
      [step.inputs, step.parameters, step.states].some((some) => [...some.values()].some((t) => found.has(t)))
    )
      found.add(step.output);
  }
  return found;
}
