/** How far apart two results may be that are rounded on different ways: measured, with the rule itself. */
import { type Data, interpret, type Result, type Run } from "../../compiler/derive/interpret.ts";
import type { Rule } from "../../compiler/derive/rule.ts";
import { uniform } from "../../compiler/derive/sample.ts";
import { add, call, mul, rebuild } from "../../compiler/math/algebra.ts";
import { constant, type Expr, position } from "../../compiler/math/expr.ts";
import type { Interval } from "../../compiler/math/interval.ts";
import type { Model } from "../../compiler/pipeline.ts";
import { type Case, startsEmpty } from "./case.ts";
import { errorRatio, tensorsOf } from "./compare.ts";

const TRIES = 3;
/** The size of a nudge, and how far apart it allows results to be, in units of the rounding. */
const NUDGE = 4;
const ALLOWED = 16;

/**
 * 16 · rounding · condition, where the condition is how much the result moves with all data and every operation being
 * off by a little. Memories that amplify show here, and kinks that the data lie on.
 */
export function tolerance(
  { spec, rule }: Pick<Model, "spec" | "rule">,
  { extents, run }: Pick<Case, "extents" | "run">,
  want: Result,
  rounding: number,
): number {
  const size = NUDGE * rounding;
  const moved = Array.from({ length: TRIES }, (_, n) => {
    const random = uniform(n + 1);
    const got = interpret(roughened(rule, size, random), extents, nudged({ spec, rule }, run, size, random));
    const apart = tensorsOf(got, want, { spec, rule }, extents).map((t) => errorRatio(t.got, t.want));
    return Math.max(...apart);
  });
  return (ALLOWED / NUDGE) * Math.max(...moved);
}

/** The same data, a little off, and still in their ranges. */
function nudged(
  { spec, rule }: Pick<Model, "spec" | "rule">,
  run: Run,
  size: number,
  random: () => number,
): Run {
  const domains = new Map<string, Interval>([
    ...spec.inputs.map(({ tensor }) => [tensor.name, tensor.domain] as const),
    ...rule.states.map((s) => [s.name, s.previous.domain] as const),
  ]);
  const near = (data: Data): Data =>
    new Map(
      [...data].map(([name, x]) => {
        if (startsEmpty(name)) return [name, x];
        const { low, high } = domains.get(name) as Interval;
        const by = (v: number): number => size * (2 * random() - 1) * Math.max(1, Math.abs(v));
        return [name, x.map((v) => Math.min(high, Math.max(low, v + by(v))))];
      }),
    );
  return { ...run, tokens: near(run.tokens), states: near(run.states) };
}

/** The rule with each operation off by up to `size` of its value, by as much as chance has it for each element. */
function roughened(rule: Rule, size: number, random: () => number): Rule {
  const made = new Map<Expr, Expr>();
  const off = (e: Expr): Expr => {
    const terms = e.axes.map((a) => mul(constant(1 + 10 * random()), position(a)));
    return add(constant(1), mul(constant(size), call("sin", add(constant(10 * random()), ...terms))));
  };
  const go = (e: Expr): Expr => {
    const known = made.get(e);
    if (known) return known;
    const isOperation = e.kind === "apply" || e.kind === "reduce" || e.kind === "solve";
    // What is compared for being equal is counted, and exact.
    const isExact = !isOperation || (e.kind === "apply" && e.op.name === "equal");
    const inner = isExact ? e : rebuild(e, go);
    const isCondition = e.kind === "apply" && e.op.gives === "bool";
    const rough = isExact || isCondition ? inner : mul(inner, off(e));
    made.set(e, rough);
    return rough;
  };
  const states = rule.states.map((s) => (startsEmpty(s.name) ? s : { ...s, update: go(s.update) }));
  return { ...rule, states, output: go(rule.output) };
}
