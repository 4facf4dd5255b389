/** Cases of the references as the GPU gets them: in the ranges that a model declares, and in numbers of 32 bits. */
import { REAL } from "../../compiler/math/interval.ts";
import type { Model } from "../../compiler/pipeline.ts";
import {
  type Case,
  type CaseOptions,
  type Reference,
  randomCase,
  type Sizes,
  type Tensors,
} from "../numeric/reference/index.ts";

export function caseFor(
  reference: Reference,
  { spec }: Model,
  sizes: Sizes,
  seed: number,
  options: Pick<CaseOptions, "edge" | "states" | "steady">,
): Case {
  const all = { ...reference.ranges, ...(options.steady ? reference.steady : {}) };
  // A gate's own domain may be narrower than what the recurrence would bear.
  const ranges = Object.fromEntries(
    Object.entries(all).map(([name, [low, high]]) => {
      const domain = spec.inputs.find((i) => i.tensor.name === name)?.tensor.domain ?? REAL;
      return [name, [Math.max(low, domain.low), Math.min(high, domain.high)] as const];
    }),
  );
  const drawn = randomCase(reference, sizes, seed, { ...options, ranges });
  const rounded = (tensors: Tensors): Tensors => mapped(tensors, (x) => x.map(Math.fround));
  return {
    sizes,
    inputs: rounded(drawn.inputs),
    params: rounded(drawn.params),
    states: rounded(drawn.states),
  };
}

const mapped = (tensors: Tensors, f: (data: Float64Array) => Float64Array): Tensors =>
  Object.fromEntries(Object.entries(tensors).map(([n, t]) => [n, { shape: t.shape, data: f(t.data) }]));

/** Whether states can be given: those as long as the sequence cannot. */
export const takesStates = (reference: Reference): boolean =>
  Object.keys(reference.states({ B: 1, T: 1, H: 1, dk: 4, dv: 4 })).length > 0;
