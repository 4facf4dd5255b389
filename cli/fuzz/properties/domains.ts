/** What the compiler says of where a value lies is where it lies. */

import type { MemoryState } from "../../../compiler/check/spec.ts";
import { elements } from "../../../compiler/derive/interpret.ts";
import { linked } from "../../../compiler/derive/linked.ts";
import { axesFor } from "../../../compiler/math/axis.ts";
import { domainOf } from "../../../compiler/math/domain.ts";
import { evaluator } from "../../../compiler/math/evaluate.ts";
import type { Tensor } from "../../../compiler/math/expr.ts";
import type { Interval } from "../../../compiler/math/interval.ts";
import { type Case, linesOf, stridesOf } from "../case.ts";
import { unflatten } from "../compare.ts";
import { firstOf, given } from "../point.ts";
import type { Property, Violation } from "../property.ts";

export const domains: Property = {
  name: "domains",
  meaning: "what is said to lie in a range or on a simplex lies there",
  sides: ["value", "nearest that is said"],
  applies: () => true,
  check: ({ model, case: tried, result }) => {
    const { spec, rule } = model;
    const { extents } = tried;
    const { T, sizes } = extents;
    if (T === 0) return undefined;
    const output = outside("y", domainOf(rule.output), result.y, [result.y.length]);
    if (output) return output;
    const environment = given(model, tried, { b: 0, h: 0, turn: T * spec.steps - 1 });
    for (const s of rule.states) {
      const value = firstOf(result.states, s.name, elements(s.shape, sizes));
      environment.set(s.previous, value);
      const shape = s.shape.map((d) => elements([d], sizes));
      for (const domain of [s.next.domain, domainOf(s.update)]) {
        const found = outside(s.name, domain, value, shape);
        if (found) return found;
      }
    }
    for (const s of spec.states) {
      const found = ofRead(s, tried, environment);
      if (found) return found;
    }
    return undefined;
  },
};

/** What is read of a state at the end. */
function ofRead(
  s: MemoryState,
  { extents }: Case,
  environment: Map<Tensor, Float64Array>,
): Violation | undefined {
  const { sizes } = extents;
  const read = linked(s, s.previous);
  const [w] = evaluator([{ expr: read, axes: axesFor(s.shape) }], sizes)(environment) as [Float64Array];
  const shape = s.shape.map((d) => elements([d], sizes));
  const what = s.link ? `link of ${s.name}` : s.name;
  const { over } = s.penalty ?? {};
  const found = outside(what, domainOf(read), w, shape);
  if (found || !over) return found;
  const number = (e: typeof read): number =>
    (evaluator([{ expr: e, axes: [] }], sizes)(environment)[0] as Float64Array)[0] as number;
  if (over.kind === "box") {
    const low = over.low ? number(over.low) : -Infinity;
    const high = over.high ? number(over.high) : Infinity;
    return outside(what, { low, high }, w, shape);
  }
  const total = number(over.total);
  for (const line of linesOf(w, ...stridesOf(s, over.axis, sizes))) {
    const left = line.reduce((sum, i) => sum + (w[i] as number), 0);
    const where = unflatten(line[0] as number, shape);
    const error = Math.abs(left - total) / Math.max(1, Math.abs(total));
    if (!(error <= SLACK)) return { what: `sum of ${what}`, where, left, right: total, error, bound: SLACK };
  }
  return outside(what, { low: 0, high: total }, w, shape);
}

/** Rounding may put a value on an end that is left out, or just past it. */
const SLACK = 1e-9;

function outside(
  what: string,
  { low, high }: Pick<Interval, "low" | "high">,
  data: Float64Array,
  shape: readonly number[],
): Violation | undefined {
  for (const [i, left] of data.entries()) {
    const right = Math.min(high, Math.max(low, left));
    const error = Math.abs(left - right) / Math.max(1, Math.abs(right));
    if (left !== right && !(error <= SLACK))
      return { what, where: unflatten(i, shape), left, right, error, bound: SLACK };
  }
  return undefined;
}
