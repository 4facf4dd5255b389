/** What a network takes: numbers that are learned, bytes that are carried, and arithmetic. */
import type { Rule } from "../derive/rule.ts";
import { elements, extentOf, type Sizes } from "../math/axis.ts";
import { type Expr, open, postorder } from "../math/expr.ts";
import type { Program, Step } from "./program.ts";

const BYTES_OF_F32 = 4;

/** How many numbers are learned. */
export const learnedCount = ({ learned }: Program, sizes: Sizes): number =>
  learned.reduce((n, { tensor }) => n + elements(tensor.shape, sizes), 0);

/** Bytes that a memory carries from token to token for one sequence, in f32, of all heads. */
export const stateBytes = ({ states }: Rule, sizes: Sizes): number =>
  states.reduce((n, s) => n + elements(s.shape, sizes), 0) * (sizes.H as number) * BYTES_OF_F32;

/**
 * Floating-point operations of one token through a step, each sum, product and function counted as one; `tokens` among
 * the sizes is how long the sequence is. Looking a value up, comparing and choosing count nothing.
 */
export function operationsOf(step: Step, sizes: Sizes): number {
  const one = { ...sizes, B: 1, T: 1 };
  if (step.kind === "definition") return arithmetic([step.value], one);
  const { states, output, spec } = step.rule;
  const updates = arithmetic(
    states.map((s) => s.update),
    one,
  );
  return (updates * spec.steps + arithmetic([output], one)) * (sizes.H as number);
}

function arithmetic(roots: readonly Expr[], sizes: Sizes): number {
  const isInside = (e: Expr): boolean => !isLookup(e);
  return postorder(roots, isInside).reduce((n, e) => n + ownOperations(e, sizes), 0);
}

function ownOperations(e: Expr, sizes: Sizes): number {
  const along = (x: Expr): number => x.axes.reduce((n, a) => n * extentOf(a.dim, sizes), 1);
  if (e.kind === "apply") {
    if (e.op.gives === "bool" || e.op.name === "where") return 0;
    return along(e) * (e.op.variadic ? e.args.length - 1 : 1);
  }
  if (e.kind === "reduce") return isLookup(e) ? 0 : along(open(e).body);
  if (e.kind !== "solve") return 0;
  // By Cholesky's factors: a third of n³, and two triangular systems.
  const n = extentOf(e.result.dim, sizes);
  return (along(e) / n) * (n ** 3 / 3 + 2 * n * n);
}

/** `sum[s](where(position(s) = e, body(s), 0))`, which reads one element. */
function isLookup(e: Expr): boolean {
  if (e.kind !== "reduce" || e.op.name !== "sum") return false;
  const { axis, body } = open(e);
  if (body.kind !== "apply" || body.op.name !== "where") return false;
  const [condition, , otherwise] = body.args;
  if (otherwise?.kind !== "constant" || otherwise.value !== 0) return false;
  if (condition?.kind !== "apply" || condition.op.name !== "equal") return false;
  const [left, right] = condition.args;
  return left?.kind === "index" && left.axis === axis && right?.axes.includes(axis) === false;
}
