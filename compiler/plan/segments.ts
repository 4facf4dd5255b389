/** The steps of a network in pieces: what is lowered together, and what must lie in memory between. */
import { definitionsOf, type Step as FormStep } from "../form/steps.ts";
import { elements, type Sizes } from "../math/axis.ts";
import { type Tensor, tensorsOf } from "../math/expr.ts";
import type { MemoryAdjoint } from "../network/adjoint.ts";
import type { MemoryCall } from "../network/program.ts";
import type { PlanBuilder } from "./plan.ts";

/** Either definitions in a row, or a memory. */
export type Segment = FormStep[] | MemoryCall | MemoryAdjoint;

export function segmentsOf(steps: readonly (FormStep | MemoryCall | MemoryAdjoint)[]): Segment[] {
  const segments: Segment[] = [];
  for (const step of steps) {
    const last = segments.at(-1);
    if (step.kind === "memory" || step.kind === "memory adjoint") segments.push(step);
    else if (Array.isArray(last)) last.push(step);
    else segments.push([step]);
  }
  return segments;
}

/** The tensors that are read in another segment than they are made in, or from outside. */
export function readElsewhere(segments: readonly Segment[], wanted: readonly Tensor[]): Set<Tensor> {
  const kept = new Set(wanted);
  for (const segment of segments) {
    if (!Array.isArray(segment)) {
      const call = segment.kind === "memory" ? segment : segment.call;
      for (const some of [call.inputs, call.parameters, call.states])
        for (const t of some.values()) kept.add(t);
      kept.add(segment.output);
      continue;
    }
    const definitions = segment.flatMap(definitionsOf);
    const own = new Set(definitions.map((d) => d.tensor));
    for (const d of definitions) for (const t of tensorsOf(d.value)) if (!own.has(t)) kept.add(t);
  }
  return kept;
}

/** Every tensor of a program has the plan's tensor of its name. */
export const nameOf =
  (plan: PlanBuilder, sizes: Sizes) =>
  (t: Tensor): string =>
    plan.passing(t.name, elements(t.shape, sizes));
