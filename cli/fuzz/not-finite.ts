/** Where in a rule a number first stops being one, and whether it is only too large. */
import { elements } from "../../compiler/derive/interpret.ts";
import { axesFor } from "../../compiler/math/axis.ts";
import { evaluator } from "../../compiler/math/evaluate.ts";
import { children, type Expr, postorder, type Tensor } from "../../compiler/math/expr.ts";
import { printExpr } from "../../compiler/math/print.ts";
import { unicode } from "../../compiler/math/style.ts";
import type { Model } from "../../compiler/pipeline.ts";
import type { Case } from "./case.ts";
import { unflatten } from "./compare.ts";
import { given, type Place } from "./point.ts";
import type { Violation } from "./property.ts";

/** Runs turn by turn, and looks at every part of the rule where a state or an output is not finite. */
export function whereNotFinite(model: Model, tried: Case): Violation | "overflow" | undefined {
  const { B, H } = tried.extents;
  for (let b = 0; b < B; b++)
    for (let h = 0; h < H; h++) {
      const found = inRecord(model, tried, { b, h });
      if (found) return found;
    }
  return undefined;
}

function inRecord(
  { spec, rule }: Model,
  tried: Case,
  { b, h }: Omit<Place, "turn">,
): Violation | "overflow" | undefined {
  const { extents, run } = tried;
  const { H, T, sizes } = extents;
  const parts = (roots: readonly Expr[]) => {
    const nodes = postorder(roots);
    const values = evaluator(
      nodes.map((expr) => ({ expr, axes: expr.axes })),
      sizes,
    );
    return (at: ReadonlyMap<Tensor, Float64Array>): Parts =>
      new Map(values(at).map((v, i) => [nodes[i] as Expr, v]));
  };
  const updates = rule.states.map((s) => ({ expr: s.update, axes: axesFor(s.shape) }));
  const update = evaluator(updates, sizes);
  const [ofUpdates, ofOutput] = [parts(updates.map((u) => u.expr)), parts([rule.output])];
  const environment = new Map<Tensor, Float64Array>();
  for (const s of rule.states) {
    const n = elements(s.shape, sizes);
    environment.set(
      s.previous,
      (run.states.get(s.name) as Float64Array).slice((b * H + h) * n, (b * H + h + 1) * n),
    );
  }
  for (let turn = 0; turn < T * spec.steps; turn++) {
    for (const [t, x] of given({ spec }, tried, { b, h, turn })) environment.set(t, x);
    if (turn % ((spec.chunk ?? 1) * spec.steps) === 0)
      for (const s of rule.states)
        if (s.start) environment.set(s.start, environment.get(s.previous) as Float64Array);
    const next = update(environment);
    const place = `at token ${Math.floor(turn / spec.steps)}`;
    if (!next.every(areFinite)) return origin(ofUpdates(environment), spec, place);
    for (const [i, s] of rule.states.entries()) environment.set(s.next, next[i] as Float64Array);
    const output = ofOutput(environment);
    const isLast = turn % spec.steps === spec.steps - 1;
    if (isLast && !areFinite(output.get(rule.output) as Float64Array)) return origin(output, spec, place);
    for (const s of rule.states) environment.set(s.previous, environment.get(s.next) as Float64Array);
  }
  return undefined;
}

/** What each part of an expression is. */
type Parts = ReadonlyMap<Expr, Float64Array>;

const areFinite = (data: Float64Array): boolean => data.every(Number.isFinite);
const largest = (data: Float64Array): number => data.reduce((m, x) => Math.max(m, Math.abs(x)), 0);

/** Numbers above this make what is too large, with some help of powers and products. */
const LARGE = 1e30;
const EXPONENTIAL = new Set(["exp", "cosh", "sinh"]);

/** The first part that is not finite though what it is made of is. */
function origin(parts: Parts, spec: Model["spec"], place: string): Violation | "overflow" {
  const argumentsOf = (e: Expr): Float64Array[] => children(e).map((c) => parts.get(c) as Float64Array);
  const origins = [...parts].filter(([e, x]) => !areFinite(x) && argumentsOf(e).every(areFinite));
  const isOverflow = ([e, x]: [Expr, Float64Array]): boolean => {
    const sizes = argumentsOf(e).map(largest);
    // A product of these may be too large before it is multiplied by 0.
    if (!Number.isFinite(sizes.reduce((n, size) => n * Math.max(1, size), 1))) return true;
    const isExponential = e.kind === "apply" && EXPONENTIAL.has(e.op.name);
    return x.every((v) => !Number.isNaN(v)) && (isExponential || sizes.some((size) => size > LARGE));
  };
  if (origins.some(isOverflow)) return "overflow";
  const [e, data] = origins[0] as [Expr, Float64Array];
  const at = data.findIndex((x) => !Number.isFinite(x));
  return {
    what: `${printExpr(e, e.axes, { style: unicode, labels: spec.labels })} ${place}`,
    where: unflatten(at, [data.length]),
    left: data[at] as number,
    right: Math.max(0, ...argumentsOf(e).map(largest)),
    error: Number.POSITIVE_INFINITY,
    bound: 0,
  };
}
