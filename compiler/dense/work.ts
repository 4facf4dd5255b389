/** How much a value is to compute: which reductions are loops worth a kernel, and what an element of the rest costs. */
import { type Axis, extentOf, type Sizes } from "../math/axis.ts";
import { type Expr, open, type Reduce } from "../math/expr.ts";
import type { Reduction } from "../math/node.ts";
import { allParts, isLoop, parts } from "./lookup.ts";

/** Turns of a loop that is computed wherever it is needed. */
const SHORT = 8;

export class Work {
  readonly sizes: Sizes;
  readonly #turns = new WeakMap<Expr, number>();

  constructor(sizes: Sizes) {
    this.sizes = sizes;
  }

  /** Turns of the loops inside each other, at the most. */
  turns(e: Expr): number {
    let found = this.#turns.get(e);
    if (found === undefined) {
      found = Math.max(1, ...parts(e).map((p) => this.turns(p)));
      if (isLoop(e)) found *= Math.max(1, extentOf(e.axis.dim, this.sizes));
      this.#turns.set(e, found);
    }
    return found;
  }

  isHeavy(e: Expr): e is Reduce {
    return isLoop(e) && this.turns(e) > SHORT;
  }

  /** The heavy reductions that are in no other. */
  outermost(e: Expr): Reduce[] {
    return allParts([e], (x) => !this.isHeavy(x)).filter((x): x is Reduce => this.isHeavy(x));
  }

  hasHeavy(e: Expr): boolean {
    return this.outermost(e).length > 0;
  }
}

/** A reduction over several axes at once. */
export interface Spread {
  readonly op: Reduction;
  readonly over: readonly Axis[];
  readonly body: Expr;
}

/** Sums of sums as one, where that makes no more terms. */
export function spread(e: Reduce): Spread {
  const { axis, body } = open(e);
  if (isLoop(body) && body.op === e.op) {
    const inner = spread(body);
    return { ...inner, over: [axis, ...inner.over] };
  }
  return { op: e.op, over: [axis], body };
}

const DEAR = new Set(["exp", "log", "tanh", "sinh", "cosh", "sigmoid", "sin", "cos"]);
const DEAR_COST = 8;

/** Operations of one element, those that take long counted several times. */
export function cost(e: Expr): number {
  let total = 0;
  for (const x of allParts([e])) {
    if (x.kind !== "apply") continue;
    total += DEAR.has(x.op.name) || isPower(x) ? DEAR_COST : x.op.variadic ? x.args.length - 1 : 1;
  }
  return total;
}

/** Operations of an element that take longer than to read it. */
const LONG_COST = 8;

export const isDear = (e: Expr): boolean => cost(e) >= LONG_COST;

/** Elements that are worth a kernel of their own for what so many of them share, and how many share each. */
export const MANY = 2 ** 16;
export const AGAIN = 8;

const isPower = (e: Expr): boolean => {
  const exponent = e.kind === "apply" && e.op.name === "pow" ? e.args[1] : undefined;
  return exponent !== undefined && !(exponent.kind === "constant" && [2, 3, 4].includes(exponent.value));
};
