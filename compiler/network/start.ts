/** How far from zero the memory of a layer starts, where its start is learned. */
import type { Rule, RuleState } from "../derive/rule.ts";
import { extentOf, type Sizes } from "../math/axis.ts";

/** The deviation with which an untrained start is drawn: that of a linear map of its last dimension. */
export function startDeviation(_rule: Rule, { shape }: RuleState, sizes: Sizes): number {
  const last = shape.at(-1);
  return last ? extentOf(last, sizes) ** -0.5 : 1;
}
