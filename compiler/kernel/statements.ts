/**
 * A form's expressions as a list of statements, each one loop nest over named axes: every reduction
 * gets a tensor of its own, and so does everything that would be computed again and again inside a
 * larger nest. A linear system becomes a loop around statements of its own.
 */
import type { RecurrentForm } from "../form/recurrent.ts";
import { add, at, mul, rebuild, reduce, renameAxes, solve, substitute } from "../math/algebra.ts";
import { type Axis, axesFor, type Dim, freshAxis } from "../math/axis.ts";
import { domainOf } from "../math/domain.ts";
import {
  type Expr,
  leaf,
  open,
  openSolve,
  type Solve,
  systemAxes,
  type Tensor,
  tensorsOf,
} from "../math/expr.ts";
import type { Reduction } from "../math/node.ts";
import { printExpr } from "../math/print.ts";
import { unicode } from "../math/style.ts";
import { InternalError } from "../source/diagnostic.ts";
import { conjugateGradients, type Iteration, TOLERANCE } from "./solve.ts";

/** `target[result…] = body`, or `target[result…] = reduction over an axis of body`. */
export interface Statement {
  /** A start is the value, before its first turn, of what a loop carries. */
  readonly kind: "value" | "start" | "update" | "output";
  readonly target: Tensor;
  /** The target's index: the canonical axes of its shape. */
  readonly result: readonly Axis[];
  readonly reduction: { readonly op: Reduction; readonly axis: Axis } | undefined;
  /** Over the result's axes and the reduction's; reads tensors only. */
  readonly body: Expr;
}

/** Statements that are repeated, over tensors that are carried from turn to turn. */
export interface Repeat {
  readonly kind: "repeat";
  /** What it computes. */
  readonly note: string;
  readonly carry: Iteration["carry"];
  readonly turns: Iteration["turns"];
  /** It is over as soon as this is so: both are numbers. */
  readonly until: { readonly value: Tensor; readonly atMost: Tensor };
  readonly body: readonly Item[];
}

export type Item = Statement | Repeat;

/** All statements, those that are repeated among them. */
export const flattened = (items: readonly Item[]): Statement[] =>
  items.flatMap((item) => (item.kind === "repeat" ? flattened(item.body) : [item]));

/** The tensors that an item gives, and those of others that it reads. */
export const givenBy = (item: Item): Tensor[] =>
  item.kind === "repeat" ? item.carry.map((c) => c.next) : [item.target];

export function readBy(item: Item): Set<Tensor> {
  if (item.kind !== "repeat") return tensorsOf(item.body);
  const own = new Set(flattened(item.body).map((s) => s.target));
  const read = new Set([item.until.value, item.until.atMost, ...item.carry.map((c) => c.previous)]);
  for (const inner of item.body) for (const t of readBy(inner)) if (!own.has(t)) read.add(t);
  return read;
}

export const axesOf = (s: Statement): readonly Axis[] =>
  s.reduction ? [...s.result, s.reduction.axis] : s.result;

/** The tensor that the output is written to. */
export interface Statements {
  readonly list: readonly Item[];
  readonly output: Tensor;
}

export function statements(form: RecurrentForm): Statements {
  const builder = new Builder(
    form.canonical,
    form.carry.map((s) => s.previous),
  );
  for (const s of form.carry) builder.assign("update", s.next, s.update);
  const output: Tensor = { name: "y", shape: form.outputShape, domain: domainOf(form.output) };
  builder.assign("output", output, form.output);
  return { list: builder.list, output };
}

/** The inside of a loop, or of none. */
interface Scope {
  readonly list: Item[];
  /** What changes with its turns. */
  readonly varies: Set<Tensor>;
}

class Builder {
  readonly list: Item[] = [];
  /** The loops around what is being built, outermost first. */
  readonly #scopes: Scope[] = [{ list: this.list, varies: new Set() }];
  /** What is updated in place. */
  readonly #carried: Set<Tensor>;
  readonly #solutions = new Map<Expr, Expr>();
  /** The tensor that holds an expression over canonical axes. */
  readonly #held = new Map<Expr, Tensor>();
  readonly #withoutReductions = new Map<Expr, Expr>();
  readonly #canonical: (d: Dim) => Dim;

  constructor(canonical: (d: Dim) => Dim, carried: Iterable<Tensor>) {
    this.#canonical = canonical;
    this.#carried = new Set(carried);
  }

  /** `e` is over the axes of the target's shape, with one dimension for those that are equal. */
  assign(kind: "start" | "update" | "output", target: Tensor, e: Expr, scope = this.#innermost()): void {
    const result = axesFor(target.shape.map(this.#canonical));
    const flat = this.#flatten(e);
    const own = kind === "update" ? this.#copied(flat, result) : flat;
    const body = this.#hoist(own, result);
    this.#push({ kind, target, result, reduction: undefined, body }, scope);
  }

  /** Copies of smaller states: these are updated in a nest of their own, which would overwrite them first. */
  #copied(e: Expr, result: readonly Axis[]): Expr {
    return substitute(e, (t, index) =>
      this.#carried.has(t) && index.length < result.length ? this.#hold(leaf(t, index)) : undefined,
    );
  }

  /** The innermost loop that any of the tensors varies with. */
  #innermost(read?: ReadonlySet<Tensor>): Scope {
    const found = this.#scopes.findLast((s) => !read || [...read].some((t) => s.varies.has(t)));
    return found ?? (this.#scopes[0] as Scope);
  }

  #push(item: Item, scope: Scope): void {
    scope.list.push(item);
    if (scope !== this.#scopes[0]) for (const t of givenBy(item)) scope.varies.add(t);
  }

  // -------------------------------------------------------------- loops

  #repeat({ carry, turns, until }: Iteration, note: string): void {
    const inside: Scope = { list: [], varies: new Set(carry.map((c) => c.previous)) };
    this.#scopes.push(inside);
    for (const c of carry) this.#carried.add(c.previous);
    for (const c of carry) this.assign("update", c.next, c.update);
    this.#scopes.pop();
    const bound = this.#number(until.atMost);
    const loop: Repeat = {
      kind: "repeat",
      note,
      carry,
      turns,
      until: { value: until.value, atMost: bound },
      body: inside.list,
    };
    const starts = carry.flatMap((c) => [...tensorsOf(c.start)]);
    const scope = this.#innermost(new Set([...readBy(loop), ...starts]));
    for (const c of carry) this.assign("start", c.previous, c.start, scope);
    this.#push(loop, scope);
  }

  /** A number under a name. */
  #number(e: Expr): Tensor {
    const held = this.#hold(this.#flatten(e));
    if (held.kind !== "leaf") throw new InternalError("a number has no tensor");
    return held.tensor;
  }

  /** The solution of a system: an expression over what a loop has carried to its end. */
  #solution(e: Solve): Expr {
    const own = [e.result, ...systemAxes(e)];
    const axes = axesFor(own.map((a) => this.#canonical(a.dim)));
    const [axis, ...further] = axes as [Axis, ...Axis[]];
    // The same system over the one dimension that stands for those that are equal.
    const [rows, columns] = [freshAxis(axis.dim), freshAxis(axis.dim)];
    const system = openSolve(e);
    const matrix = at(
      system.matrix,
      [system.rows, system.columns, ...own.slice(1)],
      [rows, columns, ...further],
    );
    const right = at(system.right, [system.columns, ...own.slice(1)], [columns, ...further]);
    const standard = solve(rows, columns, matrix, right, axis);
    let found = this.#solutions.get(standard);
    if (!found) {
      const given = this.#flatten(at(right, [columns], [axis]));
      const b = given.kind === "leaf" ? given : this.#hold(given);
      const { steps, solution } = conjugateGradients({
        axis,
        further,
        together: true,
        matrix: (i, j) => at(matrix, [rows, columns], [i, j]),
        right: (i) => at(b, [axis], [i]),
      });
      const text = axes.length <= 2 ? printExpr(standard, axes, { style: unicode }) : "…";
      this.#repeat(
        steps,
        `x = ${text} by conjugate gradients: until the residual is ${TOLERANCE} of the right-hand side`,
      );
      found = this.#flatten(solution);
      this.#solutions.set(standard, found);
    }
    return at(found, axes, own);
  }

  // -------------------------------------------------------------- reductions

  /** The expression with every reduction replaced by a tensor that holds it. */
  #flatten(e: Expr): Expr {
    const seen = this.#withoutReductions.get(e);
    if (seen) return seen;
    let made: Expr;
    if (e.kind === "reduce") {
      const { axis, body } = open(e);
      const along = freshAxis(this.#canonical(axis.dim));
      made = this.#holdReductions(reduce(e.op, along, this.#flatten(at(body, [axis], [along]))));
    } else if (e.kind === "solve") {
      made = this.#solution(e);
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
      const statement: Statement = { kind: "value", target, result, reduction, body };
      this.#push(statement, this.#innermost(readBy(statement)));
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
