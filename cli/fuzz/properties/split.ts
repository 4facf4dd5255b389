/** States carry all that a sequence leaves behind. */
import { type Extents, interpret, type Result } from "../../../compiler/derive/interpret.ts";
import { part } from "../case.ts";
import { tensorsOf, unequal } from "../compare.ts";
import type { Property } from "../property.ts";

export const split: Property = {
  name: "split",
  meaning: "a sequence cut in two at a chunk's start, its states carried over, is the whole",
  sides: ["in two parts", "whole"],
  applies: () => true,
  check: ({ model, case: tried, result }) => {
    const { extents, run } = tried;
    const chunk = model.spec.chunk ?? 1;
    const cut = Math.floor(tried.cut / chunk) * chunk;
    const first = interpret(model.rule, ...part(tried, 0, cut, run.states));
    const second = interpret(model.rule, ...part(tried, cut, extents.T, first.states));
    const both = { y: joined(first.y, second.y, extents, cut), states: second.states };
    for (const compared of tensorsOf(both, result, model, extents)) {
      const found = unequal(compared);
      if (found) return found;
    }
    return undefined;
  },
};

/** Outputs of the two parts of each sequence, one after the other. */
function joined(first: Result["y"], second: Result["y"], { B, T }: Extents, cut: number): Float64Array {
  const y = new Float64Array(first.length + second.length);
  const width = y.length / Math.max(1, B * T);
  for (let b = 0; b < B; b++) {
    const [a, c] = [cut * width, (T - cut) * width];
    y.set(first.subarray(b * a, (b + 1) * a), b * T * width);
    y.set(second.subarray(b * c, (b + 1) * c), b * T * width + a);
  }
  return y;
}
