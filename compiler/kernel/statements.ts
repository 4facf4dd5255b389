/**
 * A form's expressions as a list of statements, each one loop nest over named axes: every reduction
 * gets a tensor of its own, and so does everything that would be computed again and again inside a
 * larger nest.
 */
import type { RecurrentForm } from "../form/recurrent.ts";
import { add, at, mul, rebuild, reduce, renameAxes } from "../math/algebra.ts";
import { type Axis, axesFor, type Dim, freshAxis } from "../math/axis.ts";
import { domainOf } from "../math/domain.ts";
import { type Expr, leaf, open, type Tensor } from "../math/expr.ts";
import type { Reduction } from "../math/node.ts";

/** `target[result…] = body`, or `target[result…] = reduction over an axis of body`. */
export interface Statement {
  readonly kind: "value" | "update" | "output";
  readonly target: Tensor;
  /** The target's index: the canonical axes of its shape. */
  readonly result: readonly Axis[];
  readonly reduction: { readonly op: Reduction; readonly axis: Axis } | undefined;
  /** Over the result's axes and the reduction's; reads tensors only. */
  readonly body: Expr;
}

export const axesOf = (s: Statement): readonly Axis[] =>
  s.reduction ? [...s.result, s.reduction.axis] : s.result;

/** The tensor that the output is written to. */
export interface Statements {
  readonly list: readonly Statement[];
  readonly output: Tensor;
}

export function statements(form: RecurrentForm): Statements {
  const builder = new Builder(form.canonical);
  for (const s of form.carry) builder.assign("update", s.next, s.update);
  const output: Tensor = { name: "y", shape: form.outputShape, domain: domainOf(form.output) };
  builder.assign("output", output, form.output);
  return { list: builder.list, output };
}

class Builder {
  readonly list: Statement[] = [];
  /** The tensor that holds an expression over canonical axes. */
  readonly #held = new Map<Expr, Tensor>();
  readonly #withoutReductions = new Map<Expr, Expr>();
  readonly #canonical: (d: Dim) => Dim;

  constructor(canonical: (d: Dim) => Dim) {
    this.#canonical = canonical;
  }

  assign(kind: "update" | "output", target: Tensor, e: Expr): void {
    // One dimension for those that are equal: values along them are then seen to be the same.
    const result = axesFor(target.shape.map(this.#canonical));
    const body = this.#hoist(this.#flatten(at(e, axesFor(target.shape), result)), result);
    this.list.push({ kind, target, result, reduction: undefined, body });
  }

  /** The expression with every reduction replaced by a tensor that holds it. */
  #flatten(e: Expr): Expr {
    const seen = this.#withoutReductions.get(e);
    if (seen) return seen;
    let made: Expr;
    if (e.kind === "reduce") {
      const { axis, body } = open(e);
      const along = freshAxis(this.#canonical(axis.dim));
      made = this.#holdReductions(reduce(e.op, along, this.#flatten(at(body, [axis], [along]))));
    } else {
      made = rebuild(e, (x) => this.#flatten(x));
    }
    this.#withoutReductions.set(e, made);
    return made;
  }

  /** Rebuilding a reduction can pull factors out of it: hold what is left inside. */
  #holdReductions(e: Expr): Expr {
    return e.kind === "reduce"
      ? this.#hold(e)
      : e.kind === "apply"
        ? rebuild(e, (x) => this.#holdReductions(x))
        : e;
  }

  /** A tensor for the expression, at the expression's axes. Renamed copies share one tensor. */
  #hold(e: Expr): Expr {
    const order = [...e.axes].sort((a, b) => (a.dim.key < b.dim.key ? -1 : a.dim.key > b.dim.key ? 1 : 0));
    const shape = order.map((a) => a.dim);
    const result = axesFor(shape);
    const canonical = renameAxes(e, new Map(order.map((a, i) => [a, result[i] as Axis])));
    let target = this.#held.get(canonical);
    if (!target) {
      const reduction =
        canonical.kind === "reduce" ? { op: canonical.op, axis: open(canonical).axis } : undefined;
      const inside = canonical.kind === "reduce" ? open(canonical).body : canonical;
      const body = this.#hoist(inside, reduction ? [...result, reduction.axis] : result);
      target = { name: `t${this.#held.size + 1}`, shape, domain: domainOf(e) };
      this.#held.set(canonical, target);
      this.list.push({ kind: "value", target, result, reduction, body });
    }
    return leaf(target, order);
  }

  /** Takes out of a nest over `axes` what does not run over all of them. */
  #hoist(e: Expr, axes: readonly Axis[]): Expr {
    const full = (x: Expr): boolean => x.axes.length >= axes.length;
    const go = (x: Expr): Expr => {
      if (x.kind !== "apply") return x;
      if (!full(x)) return x.op.gives === "bool" ? rebuild(x, go) : this.#hold(this.#hoist(x, x.axes));
      const grouped =
        x.op.name === "mul"
          ? group(x.args, mul, axes)
          : x.op.name === "add"
            ? group(x.args, add, axes)
            : undefined;
      return grouped ? grouped(go) : rebuild(x, go);
    };
    return axes.length === 0 ? e : go(e);
  }
}

/**
 * Splits the operands of a sum or product by their axes, so that those of one kind meet first: in
 * `β · e[i] · k[j]` the product `β · e[i]` is then taken once for each i.
 */
function group(
  args: readonly Expr[],
  join: (...xs: readonly Expr[]) => Expr,
  axes: readonly Axis[],
): ((go: (x: Expr) => Expr) => Expr) | undefined {
  const full = (x: Expr): boolean => x.axes.length >= axes.length;
  const partial = args.filter((a) => !full(a));
  if (partial.length < 2) return undefined;
  const keys = new Map<string, Expr[]>();
  for (const a of partial) {
    const key = a.axes.map((x) => x.id).join();
    keys.set(key, [...(keys.get(key) ?? []), a]);
  }
  // Scalars go with a vector: the one along the outermost axis, which no lane has to fetch.
  const scalars = keys.get("") ?? [];
  const vectors = [...keys.keys()].filter((key) => key !== "");
  const first = vectors.find((key) => key === axes[0]?.id) ?? vectors[0];
  if (first !== undefined && scalars.length > 0) {
    keys.delete("");
    keys.set(first, [...scalars, ...(keys.get(first) ?? [])]);
  }
  const joined = [...keys.values()].map((xs) => join(...xs));
  if (joined.length === 1 && args.length === partial.length) return undefined;
  return (go) => join(...joined.map(go), ...args.filter(full).map(go));
}
