/**
 * Reverse-mode differentiation. On index notation it is scalar calculus: an adjoint has the axes of
 * its node, and an argument with fewer axes gets its adjoint summed over the others.
 */
import { add, algebra, mul, neg, reduce, renameAxes, solve, sumOver } from "../math/algebra.ts";
import { axesFor } from "../math/axis.ts";
import { children, constant, type Expr, open, openSolve, postorder, type Tensor } from "../math/expr.ts";
import { sum } from "../math/ops/index.ts";
import { InternalError } from "../source/diagnostic.ts";

/**
 * ∂e/∂tensor for each of `tensors`, where `e` is a scalar: an expression over the canonical axes
 * (`axesFor`) of the tensor's shape.
 */
export function gradient(e: Expr, tensors: readonly Tensor[]): Map<Tensor, Expr> {
  if (e.axes.length > 0) throw new InternalError("only scalars have gradients");
  return pullBack([[e, constant(1)]], tensors);
}

/**
 * The vector–Jacobian product: Σ over the roots of adjoint · ∂root/∂tensor. An adjoint has (at most)
 * the axes of its root.
 */
export function pullBack(
  roots: readonly (readonly [root: Expr, adjoint: Expr])[],
  tensors: readonly Tensor[],
): Map<Tensor, Expr> {
  const wanted = new Set(tensors);
  const order = postorder(roots.map(([root]) => root));
  const depends = new Set<Expr>();
  for (const x of order) {
    const self = x.kind === "leaf" && wanted.has(x.tensor);
    if (self || children(x).some((c) => depends.has(c))) depends.add(x);
  }

  const adjoints = new Map<Expr, Expr[]>();
  const accumulate = (x: Expr, part: Expr): void => {
    if (!depends.has(x)) return;
    const surplus = part.axes.filter((a) => !x.axes.includes(a));
    const parts = adjoints.get(x);
    const summed = sumOver(part, surplus);
    if (parts) parts.push(summed);
    else adjoints.set(x, [summed]);
  };
  for (const [root, adjoint] of roots) accumulate(root, adjoint);

  const found = new Map<Tensor, Expr>(tensors.map((t) => [t, constant(0)]));
  for (const x of order.reverse()) {
    const parts = adjoints.get(x);
    if (!parts) continue;
    const adjoint = add(...parts);
    if (x.kind === "leaf") {
      const canonical = axesFor(x.tensor.shape);
      const moved = renameAxes(adjoint, new Map(x.index.map((a, i) => [a, canonical[i] as typeof a])));
      found.set(x.tensor, add(found.get(x.tensor) as Expr, moved));
    } else if (x.kind === "apply") {
      for (const [i, arg] of x.args.entries()) {
        if (!depends.has(arg) || !x.op.derivative) continue;
        // An argument that lacks axes of the node is used once for each of their elements.
        const local = mul(adjoint, x.op.derivative(algebra, x.args, i, x));
        const missing = x.axes.filter((a) => !arg.axes.includes(a) && !local.axes.includes(a));
        accumulate(arg, missing.length > 0 ? sumOver(local, missing) : local);
      }
    } else if (x.kind === "reduce") {
      const { axis, body } = open(x);
      const total = (e: Expr): Expr => reduce(sum, axis, e);
      accumulate(body, x.op.adjoint(algebra, x, body, adjoint, total));
    } else if (x.kind === "solve") {
      // b̄ = A⁻¹ x̄ and Ā = −b̄ xᵀ, of a symmetric A.
      const { rows, columns, matrix, right } = openSolve(x);
      const to = (e: Expr, a: typeof rows): Expr => renameAxes(e, new Map([[x.result, a]]));
      const back = (result: typeof rows): Expr => solve(rows, columns, matrix, to(adjoint, columns), result);
      const further = x.axes.filter((a) => a !== x.result);
      const used = (arg: Expr, local: Expr): Expr =>
        sumOver(
          local,
          further.filter((a) => !arg.axes.includes(a) && !local.axes.includes(a)),
        );
      if (depends.has(right)) accumulate(right, used(right, back(columns)));
      if (depends.has(matrix)) accumulate(matrix, used(matrix, neg(mul(back(rows), to(x, columns)))));
    }
  }
  return found;
}
