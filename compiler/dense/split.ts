/**
 * Definitions as jobs, each of which one kernel can do: at most one reduction that takes a loop, of the job's own
 * axes. Every other one, and whatever it is made from, is a job before it, which leaves its result in memory.
 */

import type { Definition } from "../form/steps.ts";
import { apply, mul, rebuild, reduce, renameAxes } from "../math/algebra.ts";
import { type Axis, axesFor, extentOf } from "../math/axis.ts";
import { domainOf } from "../math/domain.ts";
import { type Expr, leaf, postorder, type Reduce, type Tensor, tensorsOf } from "../math/expr.ts";
import { InternalError } from "../source/diagnostic.ts";
import { allParts } from "./lookup.ts";
import { isLight, productOf } from "./product.ts";
import { count } from "./space.ts";
import { spread, type Work } from "./work.ts";

export interface Output {
  readonly tensor: Tensor;
  readonly value: Expr;
}

export interface Job {
  /** Of the outputs, in the order in which they lie. */
  readonly axes: readonly Axis[];
  readonly outputs: readonly Output[];
  /** The reduction that the value is made from. */
  readonly main?: Reduce;
}

export class Splitter {
  readonly jobs: Job[] = [];
  readonly #work: Work;
  readonly #name: string;
  /** Tensors that a kernel can bind. */
  readonly #most: number;
  readonly #temporaries = new Map<Expr, Tensor>();

  constructor(name: string, work: Work, storageBuffers: number) {
    this.#name = name;
    this.#work = work;
    this.#most = storageBuffers;
  }

  define({ tensor, value }: Definition): void {
    this.#define(tensor, axesFor(tensor.shape), value, tensor.name);
  }

  /** What is computed before is named after `hint`. */
  #define(tensor: Tensor, axes: readonly Axis[], value: Expr, hint: string): void {
    let e = value;
    for (;;) {
      const flat = this.#flattened(e, axes, hint);
      const fitting = this.#fitted(flat.value, hint);
      if (fitting === flat.value) {
        this.jobs.push({
          axes,
          outputs: [{ tensor, value: fitting }],
          ...(flat.main && { main: flat.main }),
        });
        return;
      }
      e = fitting;
    }
  }

  /** The value with one heavy reduction at most. */
  #flattened(value: Expr, axes: readonly Axis[], hint: string): { value: Expr; main: Reduce | undefined } {
    let e = value;
    for (;;) {
      const outer = this.#work.outermost(e);
      const main = this.#mainOf(outer, axes);
      const made = rewrite(e, (x) => {
        if (!(outer as readonly Expr[]).includes(x)) return undefined;
        return x === main ? this.#plain(main, axes, hint) : this.#temporary(x, hint);
      });
      if (made === e) return { value: e, main };
      e = made;
    }
  }

  /** A reduction over elements that hold no heavy one. */
  #plain(main: Reduce, axes: readonly Axis[], hint: string): Expr {
    const { op, over, body } = spread(main);
    const made = rewrite(body, (x) => (this.#work.isHeavy(x) ? this.#temporary(x, hint) : undefined));
    if (made !== body) return over.reduceRight((e, axis) => reduce(op, axis, e), made);
    const product = productOf(main, axes, this.#work.sizes);
    if (!product) return main;
    // What takes work is not computed again for each tile of the product.
    const [left, right] = [product.left, product.right].map((operand) =>
      isLight(operand) ? operand : this.#temporary(operand, hint),
    ) as [Expr, Expr];
    if (left === product.left && right === product.right) return main;
    return over.reduceRight((e, axis) => reduce(op, axis, e), mul(left, right));
  }

  /** The longest one over all axes of the result. */
  #mainOf(candidates: readonly Reduce[], axes: readonly Axis[]): Reduce | undefined {
    const { sizes } = this.#work;
    const isLong = (a: Axis): boolean => extentOf(a.dim, sizes) > 1;
    const whole = candidates.filter((r) => axes.every((a) => !isLong(a) || r.axes.includes(a)));
    const length = (r: Reduce): number => count(spread(r).over, sizes);
    return whole.reduce<Reduce | undefined>((a, b) => (a && length(a) >= length(b) ? a : b), undefined);
  }

  /** An element of a tensor that holds the value, which is computed before. */
  #temporary(e: Expr, hint: string): Expr {
    const index = inOrder(e);
    const shape = index.map((a) => a.dim);
    const canonical = axesFor(shape);
    const key = renameAxes(e, new Map(index.map((a, i) => [a, canonical[i] as Axis])));
    let tensor = this.#temporaries.get(key);
    if (!tensor) {
      const what = e.kind === "reduce" ? (e.op.name === "sum" ? "sum" : "largest") : "part";
      const name = `${this.#name}.${hint}.${what}${this.#temporaries.size + 1}`;
      tensor = { name, shape, domain: domainOf(key) };
      this.#temporaries.set(key, tensor);
      this.#define(tensor, canonical, key, hint);
    }
    return leaf(tensor, index);
  }

  /** Of more tensors than a kernel can bind, some are brought together first. */
  #fitted(value: Expr, hint: string): Expr {
    const most = this.#most - 1;
    if (tensorsOf(value).size <= most) return value;
    const large = postorder([value]).find((x) => tensorsOf(x).size > most) as Expr;
    if (large.kind === "apply" && large.op.variadic) {
      const group: Expr[] = [];
      for (const a of large.args) if (tensorsOf(...group, a).size <= most) group.push(a);
      if (group.length > 1) {
        const others = large.args.filter((a) => !group.includes(a));
        const joined = apply(large.op, [this.#temporary(apply(large.op, group), hint), ...others]);
        return rewrite(value, (x) => (x === large ? joined : undefined));
      }
    }
    const joins = (x: Expr): boolean => x !== large && isNumber(x) && tensorsOf(x).size > 1;
    const candidates = postorder([large]).filter(joins);
    if (candidates.length === 0)
      throw new InternalError(`a part of ${hint} reads more tensors than can be bound`);
    const best = candidates.reduce((a, b) => (tensorsOf(a).size >= tensorsOf(b).size ? a : b));
    const one = this.#temporary(best, hint);
    return rewrite(value, (x) => (x === best ? one : undefined));
  }
}

const isNumber = (e: Expr): boolean => e.kind === "reduce" || (e.kind === "apply" && e.op.gives === "real");

/** The free axes, in the order in which what is read has them. */
function inOrder(e: Expr): Axis[] {
  const found = new Set<Axis>();
  for (const x of allParts([e])) if (x.kind === "leaf") for (const a of x.index) found.add(a);
  for (const a of e.axes) found.add(a);
  return [...found].filter((a) => e.axes.includes(a));
}

/** Replaces what `replace` has something else for, from the top. */
export function rewrite(e: Expr, replace: (x: Expr) => Expr | undefined): Expr {
  const memo = new Map<Expr, Expr>();
  const go = (x: Expr): Expr => {
    let made = memo.get(x);
    if (!made) {
      made = replace(x) ?? rebuild(x, go);
      memo.set(x, made);
    }
    return made;
  };
  return go(e);
}
