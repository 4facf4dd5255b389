/** Nothing is known of what comes later. */
import { interpret } from "../../../compiler/derive/interpret.ts";
import { withOtherEnd } from "../case.ts";
import { tensorsOf, unequal } from "../compare.ts";
import type { Property } from "../property.ts";

export const causality: Property = {
  name: "causality",
  meaning: "outputs up to a token do not change with what comes after it",
  sides: ["with another end", "as given"],
  applies: () => true,
  check: ({ model, case: tried, result }) => {
    const { extents, run, cut } = tried;
    const { B, T } = extents;
    if (T === 0) return undefined;
    const other = interpret(model.rule, extents, { ...run, tokens: withOtherEnd(model, tried) });
    const [y] = tensorsOf(other, result, model, extents);
    if (!y) return undefined;
    // What follows the cut may differ: take it from one side.
    const got = y.got.slice();
    const each = got.length / B;
    for (let b = 0; b < B; b++) {
      const from = b * each + (cut * each) / T;
      got.set(y.want.subarray(from, (b + 1) * each), from);
    }
    return unequal({ ...y, got });
  },
};
