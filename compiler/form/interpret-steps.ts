/** The f64 interpreter of steps: each whole, one after the other, and a recursion position by position. */
import { type Axis, axesFor, elements, extentOf, type Sizes } from "../math/axis.ts";
import { type Environment, evaluator } from "../math/evaluate.ts";
import type { Tensor } from "../math/expr.ts";
import { type Definition, definitionsOf, type Step } from "./steps.ts";

/** Prepares steps for given sizes. What is given must be in the environment; the result has it, and all that is made. */
export function stepper(
  steps: readonly Step[],
  sizes: Sizes,
): (given: Environment) => Map<Tensor, Float64Array> {
  const prepare = ({ tensor, value }: Definition) =>
    evaluator([{ expr: value, axes: axesFor(tensor.shape) }], sizes);
  const prepared = steps.map((step) => ({ step, values: definitionsOf(step).map(prepare) }));
  return (given) => {
    const all = new Map(given);
    for (const { step, values } of prepared) {
      const made = definitionsOf(step);
      if (step.kind === "definition") {
        all.set(step.tensor, values[0]?.(all)[0] as Float64Array);
        continue;
      }
      for (const { tensor } of made) all.set(tensor, new Float64Array(elements(tensor.shape, sizes)));
      const count = extentOf(step.axis.dim, sizes);
      for (let turn = 0; turn < count; turn++) {
        const n = step.backwards ? count - 1 - turn : turn;
        for (const [i, { tensor }] of made.entries())
          copyAt(
            values[i]?.(all)[0] as Float64Array,
            all.get(tensor) as Float64Array,
            tensor,
            step.axis,
            n,
            sizes,
          );
      }
    }
    return all;
  };
}

/** Copies the elements at position `n` along an axis. */
function copyAt(
  from: Float64Array,
  to: Float64Array,
  { shape }: Tensor,
  axis: Axis,
  n: number,
  sizes: Sizes,
): void {
  const place = axesFor(shape).indexOf(axis);
  const inner = elements(shape.slice(place + 1), sizes);
  const count = extentOf(axis.dim, sizes);
  for (let start = n * inner; start < from.length; start += count * inner)
    to.set(from.subarray(start, start + inner), start);
}
