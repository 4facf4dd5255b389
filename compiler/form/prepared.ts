/**
 * A rule as its forms take it: over one dimension for all that are equal, with averages about a mean where only their
 * differences count, and one product of a matrix for several.
 */
import type { Rule } from "../derive/rule.ts";
import type { Dim } from "../math/axis.ts";
import type { Expr, Tensor } from "../math/expr.ts";
import { withCentredAverages } from "./averages.ts";
import { overOne } from "./dimensions.ts";
import { withJoinedProducts } from "./products.ts";

export function prepared(rule: Rule): Rule {
  const { equalities, outputShape } = rule.spec;
  const canonical = (d: Dim): Dim => equalities.canonical(d);
  const over = (e: Expr, shape: readonly Dim[]): Expr =>
    withJoinedProducts(withCentredAverages(overOne(e, shape, canonical)));
  return {
    ...rule,
    spec: { ...rule.spec, outputShape: outputShape.map(canonical) },
    definitions: new Map([...rule.definitions].map(([t, e]): [Tensor, Expr] => [t, over(e, t.shape)])),
    output: over(rule.output, outputShape),
    states: rule.states.map((s) => ({
      ...s,
      shape: s.shape.map(canonical),
      update: over(s.update, s.shape),
    })),
  };
}
