/**
 * The memory that minimises a discounted sum over all tokens so far, Σ weight · ℓ(W m, v) + ½ Σ λ W². Where
 * dℓ/dy = c y − p, its gradient vanishes at W (Σ weight c m mᵀ + Λ) = Σ weight p mᵀ: regularised least squares, of which
 * two sums are carried.
 */
import type { Reporter } from "../check/report.ts";
import type { Algorithm, AlgorithmState, Carried, MemoryState, Spec } from "../check/spec.ts";
import { add, at, mul, solve, sub, substitute, sumOver } from "../math/algebra.ts";
import { type Axis, axesFor, freshAxis } from "../math/axis.ts";
import { constant, delta, type Expr, leaf, tensorsOf } from "../math/expr.ts";
import { textOf } from "../source/span.ts";
import { affineError } from "./error.ts";
import type { Found, Reading } from "./found.ts";
import { gradient } from "./gradient.ts";
import { linearRead, readAt } from "./linear-read.ts";
import { normalForm } from "./normal-form.ts";
import { simplify } from "./simplify.ts";

type Overall = Extract<Algorithm, { kind: "overall" }>;

export function optimumOf(spec: Spec, algorithm: Overall, reporter: Reporter): Found | undefined {
  const [state] = spec.states as [MemoryState];
  const { right, gram, span } = algorithm;
  const error = affineError(spec.bias);
  const m = linearRead(spec.read, state.read);
  const diagonal = diagonalOf(algorithm);
  if (!error || !m || !diagonal) {
    const term = !error
      ? "the loss, which is not quadratic"
      : !m
        ? "the read, which is not linear"
        : "the penalty";
    return reporter.error("not-solved", { term }, span, {
      notes: [
        `\`${textOf(span)}\``,
        "a minimum over all tokens has a formula for a quadratic loss of a linear read",
      ],
    });
  }
  const [row, column] = axesFor(right.shape) as [Axis, Axis];
  const [first, second] = axesFor(gram.shape) as [Axis, Axis];
  const key = readAt(spec, m, spec.key);
  const along = (a: Axis): Expr => at(key, [column], [a]);
  const kept = (c: Carried, axes: readonly Axis[]): Expr => mul(state.keep, leaf(c.previous, axes));
  const pull = at(error.pull, axesFor(spec.bias.y.shape), [row]);
  const written = (c: Carried, update: Expr): AlgorithmState => ({ ...c, update: simplify(update) });
  const carried = [
    written(right, add(kept(right, [row, column]), mul(algorithm.weight, pull, along(column)))),
    written(
      gram,
      add(kept(gram, [first, second]), mul(algorithm.weight, error.slope, along(first), along(second))),
    ),
  ];
  const dim = column.dim;
  const matrix = add(
    leaf(gram.next, [first, second]),
    mul(delta(first, second), at(diagonal, [column], [first])),
  );
  const reading: Reading = (x, when) => {
    const [i, j, out] = [freshAxis(dim), freshAxis(dim), freshAxis(dim)];
    const system = at(matrix, [first, second], [i, j]);
    const x0 = solve(i, j, system, at(readAt(spec, m, x), [column], [j]), out);
    const y = sumOver(mul(leaf(right.next, [row, out]), x0), [out]);
    const placed = at(y, [row], axesFor(spec.read.shape));
    return when === "next" ? placed : earlier(placed, [right, gram]);
  };
  return {
    spec: { ...spec, states: [] },
    reading,
    carried,
    derivation: {
      of: state.name,
      steps: [
        { say: "the sum over all tokens is quadratic in W: two sums of the tokens say all of it", axes: [] },
        ...carried.map((c) => ({
          say:
            c === carried[0]
              ? "what its gradient is at W = 0, but for the sign"
              : "what W is multiplied by in it",
          left: leaf(c.next, axesFor(c.shape)),
          right: c.update,
          axes: axesFor(c.shape),
        })),
        {
          say: `the gradient vanishes where W times this is ${right.name}: a linear system, solved for what is read`,
          right: matrix,
          axes: [first, second],
        },
      ],
    },
  };
}

const earlier = (e: Expr, carried: readonly Carried[]): Expr =>
  substitute(e, (t, index) => {
    const c = carried.find((x) => x.next === t);
    return c && leaf(c.previous, index);
  });

/** λ of ½ Σ λ W², over the second axis of W. */
function diagonalOf({ penalty, w }: Overall): Expr | undefined {
  const [row] = axesFor(w.shape) as [Axis, Axis];
  const slope = gradient(penalty, [w]).get(w) as Expr;
  const diagonal = substitute(slope, (t) => (t === w ? constant(1) : undefined));
  if (tensorsOf(diagonal).has(w) || diagonal.axes.includes(row)) return undefined;
  const isWhole = normalForm(sub(slope, mul(diagonal, leaf(w, axesFor(w.shape))))) === constant(0);
  return isWhole ? simplify(diagonal) : undefined;
}
