/**
 * What one token does to a state, taken apart: a multiple of what was there, of the same and of other states,
 * plus products of something along its rows and something along its columns.
 *
 *     A' = Σ coefficient ⊙ P + Σ factor · left ⊗ right
 *
 * A token may write several such products at once, as with one for each of the last tokens: left and right then have
 * a further axis, that they are summed over.
 */

import { normalForm } from "../derive/normal-form.ts";
import type { RuleState } from "../derive/rule.ts";
import { add, call, isApply, mul, reduce, sumOver } from "../math/algebra.ts";
import { type Axis, axesFor } from "../math/axis.ts";
import {
  type Apply,
  constant,
  type Expr,
  isConstant,
  open,
  postorder,
  type Reduce,
  type Tensor,
  tensorsOf,
} from "../math/expr.ts";
import { sum } from "../math/ops/index.ts";

/** `factor · Σ left ⊗ right`: the factor has no axes and is free of states. */
export interface Outer {
  readonly factor: Expr;
  /** Along the first axis of the state; 1 for a state without axes. */
  readonly left: Expr;
  /** Along the second; 1 for a state without it. */
  readonly right: Expr;
  /** What both have besides, and are summed over. */
  readonly over: readonly Axis[];
}

export interface Plane {
  readonly state: RuleState;
  /** What each state before the token counts in it, over the state's axes. */
  readonly coefficients: ReadonlyMap<RuleState, Expr>;
  readonly outers: readonly Outer[];
}

/** What keeps a state from being a plane: a part of its update, and why. */
export interface Obstacle {
  readonly kind: "obstacle";
  readonly state: RuleState;
  readonly part: Expr;
  readonly why:
    | "not linear"
    | "does not split"
    | "mixed coefficient"
    | "mixed sum"
    | "read as a whole"
    | "right side";
}

export const isObstacle = (x: object): x is Obstacle => "kind" in x && x.kind === "obstacle";

/** The states that updates read, by their tensors. */
export type Read = ReadonlyMap<Tensor, RuleState>;

/** Expressions of up to this many parts are multiplied out in search of a form. */
export const MULTIPLIED_OUT = 400;

/** `read` has all states; those that `isLinear` does not accept are never part of a sum, only within its terms. */
export function planeOf(
  state: RuleState,
  update: Expr,
  read: Read,
  isLinear: (s: RuleState) => boolean,
): Plane | Obstacle {
  if (state.shape.length > 2) return { kind: "obstacle", state, part: update, why: "not linear" };
  const found = new Splitter(state, read, isLinear).plane(update);
  if (!isObstacle(found)) return found;
  // Multiplied out it may split after all; a long update would take too long to.
  if (postorder([update]).length > MULTIPLIED_OUT) return found;
  const again = new Splitter(state, read, isLinear).plane(normalForm(update));
  return isObstacle(again) ? found : again;
}

/** Factors, none of which is a product, summed over axes that they have. */
interface Product {
  readonly factors: readonly Expr[];
  readonly over: readonly Axis[];
}

/** A product of which what is masked out counts for nothing, whatever it is. */
function guarded(factors: readonly Expr[]): Expr {
  const isMask = (f: Expr): f is Apply => isApply(f, "where") && f.args.slice(1).every((a) => isConstant(a));
  const masks = factors.filter(isMask);
  const rest = mul(...factors.filter((f) => !isMask(f)));
  return masks.reduce((e, { args }) => {
    const [condition, a, b] = args as [Expr, Expr, Expr];
    return call("where", condition, mul(a, e), mul(b, e));
  }, rest);
}

const ONE: Product = { factors: [], over: [] };

const only = (e: Expr): Product => ({ factors: [e], over: [] });

const times = (a: Product, b: Product): Product => ({
  factors: [...a.factors, ...b.factors],
  over: [...a.over, ...b.over],
});

class Splitter {
  readonly #state: RuleState;
  readonly #read: Read;
  readonly #isLinear: (s: RuleState) => boolean;
  readonly #axes: readonly Axis[];

  constructor(state: RuleState, read: Read, isLinear: (s: RuleState) => boolean) {
    this.#state = state;
    this.#read = read;
    this.#isLinear = isLinear;
    this.#axes = axesFor(state.shape);
  }

  plane(update: Expr): Plane | Obstacle {
    const coefficients = new Map<RuleState, Expr>();
    const outers: Outer[] = [];
    for (const { factors, over } of this.#products(update)) {
      const direct = factors.filter((f) => this.#direct(f));
      const [only] = direct;
      const others = factors.filter((f) => f !== only);
      const source = only && this.#direct(only);
      if (source && direct.length === 1 && !others.some((f) => this.#hasState(f))) {
        const coefficient = sumOver(mul(...others), over);
        coefficients.set(source, add(coefficients.get(source) ?? constant(0), coefficient));
        continue;
      }
      const outer = this.#outer({ factors, over });
      if (isObstacle(outer)) return outer;
      outers.push(outer);
    }
    return { state: this.#state, coefficients, outers };
  }

  /** The state that a factor is, element for element. */
  #direct(f: Expr): RuleState | undefined {
    if (f.kind !== "leaf") return undefined;
    const source = this.#read.get(f.tensor);
    const isSame = f.index.length === this.#axes.length && f.index.every((a, i) => a === this.#axes[i]);
    return isSame && source && this.#isLinear(source) ? source : undefined;
  }

  #hasState = (e: Expr): boolean => [...tensorsOf(e)].some((t) => this.#read.has(t) || this.#isStart(t));

  #isStart = (t: Tensor): boolean => [...this.#read.values()].some((s) => s.start === t);

  #obstacle = (part: Expr, why: Obstacle["why"]): Obstacle => ({
    kind: "obstacle",
    state: this.#state,
    part,
    why,
  });

  #outer({ factors, over }: Product): Outer | Obstacle {
    const [rows, columns] = this.#axes;
    const has = (f: Expr, a: Axis | undefined): boolean => a !== undefined && f.axes.includes(a);
    const along = columns ? factors.filter((f) => has(f, rows) && has(f, columns)) : [];
    // Of several, one that is no state itself says more.
    const both = along.find((f) => !this.#direct(f)) ?? along[0];
    if (both) return this.#obstacle(both, this.#hasWhole(both) ? "not linear" : "does not split");
    const free = factors.filter((f) => f.axes.length === 0 && !this.#hasState(f));
    const right = factors.filter((f) => has(f, columns));
    const left = factors.filter((f) => !free.includes(f) && !right.includes(f));
    return { factor: mul(...free), left: guarded(left), right: mul(...right), over };
  }

  /** Whether a state of this shape stands in it element for element. */
  #hasWhole = (e: Expr): boolean => postorder([e]).some((x) => this.#direct(x) !== undefined);

  /** The expression as a sum of products, multiplied out as far as the state's axes ask for. */
  #products(e: Expr): Product[] {
    const op = e.kind === "apply" ? e.op.name : e.kind;
    if (e.kind === "apply" && op === "add") return e.args.flatMap((a) => this.#products(a));
    if (e.kind === "apply" && op === "mul") {
      let made = [ONE];
      for (const f of e.args) {
        const parts = this.#isMixed(f) ? this.#products(f) : [only(f)];
        made = made.flatMap((left) => parts.map((right) => times(left, right)));
      }
      return made;
    }
    if (!this.#isMixed(e)) return [only(e)];
    if (e.kind === "apply" && op === "where") {
      const [c, a, b] = e.args as [Expr, Expr, Expr];
      const [zero, one] = [constant(0), constant(1)];
      const masked = (x: Expr, mask: Expr): Product[] => this.#products(x).map((p) => times(p, only(mask)));
      const both = [...masked(a, call("where", c, one, zero)), ...masked(b, call("where", c, zero, one))];
      return both.filter((p) => !p.factors.includes(zero));
    }
    if (e.kind === "reduce" && e.op === sum) return this.#sums(e);
    return [only(e)];
  }

  /** Σ of products: within one side of each where only that has the axis, else of both together. */
  #sums(e: Reduce): Product[] {
    const { axis, body } = open(e);
    const [rows, columns] = this.#axes;
    const made: Product[] = [];
    for (const { factors, over } of this.#products(body)) {
      const inside = factors.filter((f) => f.axes.includes(axis));
      const outside = factors.filter((f) => !f.axes.includes(axis));
      const meets = (a: Axis | undefined): boolean =>
        inside.some((f) => a !== undefined && f.axes.includes(a));
      if (!meets(rows) || !meets(columns))
        made.push({ factors: [...outside, reduce(sum, axis, mul(...inside))], over });
      else if (inside.some((f) => this.#isMatrix(f))) return [only(e)];
      else made.push({ factors, over: [...over, axis] });
    }
    return made;
  }

  /** Whether it is a state, over whichever axes: a product of that with a matrix is no sum of a few products. */
  #isMatrix(f: Expr): boolean {
    const source = f.kind === "leaf" ? this.#read.get(f.tensor) : undefined;
    return source !== undefined && this.#isLinear(source);
  }

  /** Whether it must be multiplied out: it has both axes, or the state itself among what is added. */
  #isMixed(e: Expr): boolean {
    if (e.kind === "leaf" || e.kind === "delta") return false;
    const isWhole = this.#axes.every((a) => e.axes.includes(a));
    return isWhole && (this.#axes.length === 2 || this.#hasWhole(e)) && this.#axes.length > 0;
  }
}
