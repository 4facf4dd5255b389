/** How far from zero the memory of a layer starts, where its start is learned. */
import type { MemoryState } from "../check/spec.ts";
import type { Rule, RuleState } from "../derive/rule.ts";
import { axesFor, elements, extentOf, type Sizes } from "../math/axis.ts";
import { evaluator } from "../math/evaluate.ts";
import { tensorsOf } from "../math/expr.ts";

/**
 * The deviation with which an untrained start is drawn. What is read should vary as a linear map of its last dimension
 * does, by 1/√n. Where a link stands between what is kept and what is read, this deviation and 1 are tried, and the one
 * is taken that comes nearer: a softmax of small numbers, for one, would be the same everywhere.
 */
export function startDeviation(rule: Rule, { name, shape }: RuleState, sizes: Sizes): number {
  const last = shape.at(-1);
  const usual = last ? extentOf(last, sizes) ** -0.5 : 1;
  const state = rule.spec.states.find((s) => s.name === name);
  if (!state?.link || [...tensorsOf(state.link)].some((t) => t !== state.linkArgument)) return usual;
  const distance = (deviation: number): number => {
    const spread = spreadOfLink(state, deviation, sizes);
    return spread > 0 ? Math.abs(Math.log(spread / usual)) : Infinity;
  };
  return distance(1) < distance(usual) ? 1 : usual;
}

/** How far what is read lies from its mean along the last dimension, where the accumulator is drawn at random. */
function spreadOfLink({ link, linkArgument, shape }: MemoryState, deviation: number, sizes: Sizes): number {
  const count = elements(shape, sizes);
  const row = count / elements(shape.slice(0, -1), sizes);
  const drawn = normals(count).map((x) => x * deviation);
  const [read] = link
    ? evaluator([{ expr: link, axes: axesFor(shape) }], sizes)(new Map([[linkArgument, drawn]]))
    : [drawn];
  let squares = 0;
  for (let start = 0; read && start < count; start += row) {
    const part = read.subarray(start, start + row);
    const mean = part.reduce((a, b) => a + b, 0) / row;
    squares += part.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  }
  return Math.sqrt(squares / count);
}

/** The same numbers each time, of mean 0 and deviation 1. */
function normals(count: number): Float64Array {
  let state = 1;
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return Float64Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}
