/** Simplifying changes how a rule is written, not what it is. */
import { compareAtPoints } from "../../../compiler/derive/compare.ts";
import { simplify } from "../../../compiler/derive/simplify.ts";
import type { Dim } from "../../../compiler/math/axis.ts";
import { type Expr, postorder } from "../../../compiler/math/expr.ts";
import type { Model } from "../../../compiler/pipeline.ts";
import { unfolded } from "../point.ts";
import type { Property, Violation } from "../property.ts";

export const simplification: Property = {
  name: "simplification",
  meaning: "simplifying a rule keeps its values, and doing it again changes nothing",
  sides: ["simplified", "as derived"],
  applies: () => true,
  check: ({ model }) => {
    // It is the same for every case of a model.
    if (!known.has(model)) known.set(model, differs(model));
    return known.get(model);
  },
};

const known = new WeakMap<Model, Violation | undefined>();

const BOUND = 1e-9;

function differs({ spec, rule }: Model): Violation | undefined {
  const written: { what: string; simple: Expr; raw: Expr; shape: readonly Dim[] }[] = [
    { what: "∂ℓ/∂y", simple: rule.error.simple, raw: rule.error.raw, shape: spec.bias.y.shape },
    ...rule.states.map((s) => ({
      what: `${s.name}'`,
      simple: s.update,
      raw: unfolded(rule, rule.definitions.get(s.next) as Expr),
      shape: s.shape,
    })),
    { what: "y", simple: rule.output, raw: spec.output, shape: spec.outputShape },
  ];
  for (const { what, simple, raw, shape } of written) {
    const again = simplify(simple);
    if (again !== simple) {
      const [left, right] = [postorder([again]).length, postorder([simple]).length];
      return {
        what: `nodes of ${what} simplified twice and once`,
        where: [],
        left,
        right,
        error: 1,
        bound: 0,
      };
    }
    const { witness } = compareAtPoints(spec.equalities, simple, raw, shape);
    if (!witness) continue;
    const { index: where, derived: left, expected: right } = witness;
    const error = Math.abs(left - right) / Math.max(1, Math.abs(right));
    return { what, where, left, right, error, bound: BOUND };
  }
  return undefined;
}
