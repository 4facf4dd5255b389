/**
 * What one token does to a state, taken apart: a multiple of what was there, of the same and of other states,
 * plus products of something along its rows and something along its columns.
 *
 *     A' = Σ coefficient ⊙ P + Σ factor · left ⊗ right
 */

import { normalForm } from "../derive/normal-form.ts";
import type { RuleState } from "../derive/rule.ts";
import { add, call, mul, reduce } from "../math/algebra.ts";
import { type Axis, axesFor } from "../math/axis.ts";
import { constant, type Expr, open, postorder, type Reduce, type Tensor, tensorsOf } from "../math/expr.ts";
import { sum } from "../math/ops/index.ts";

/** `factor · left ⊗ right`: the factor has no axes and is free of states, the others are without numbers in front. */
export interface Outer {
  readonly factor: Expr;
  /** Along the first axis of the state; 1 for a state without axes. */
  readonly left: Expr;
  /** Along the second; 1 for a state without it. */
  readonly right: Expr;
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
    | "right side"
    | "reads a ring";
}

export const isObstacle = (x: object): x is Obstacle => "kind" in x && x.kind === "obstacle";

/** The states before the token, by their tensor. */
export type Before = ReadonlyMap<Tensor, RuleState>;

/** `before` has all states; those that `isLinear` does not accept are never part of a sum, only within its terms. */
/** Expressions of up to this many parts are multiplied out in search of a form. */
export const MULTIPLIED_OUT = 400;

export function planeOf(
  state: RuleState,
  before: Before,
  isLinear: (s: RuleState) => boolean,
): Plane | Obstacle {
  if (state.shape.length > 2) return { kind: "obstacle", state, part: state.update, why: "not linear" };
  const found = new Splitter(state, before, isLinear).plane(state.update);
  if (!isObstacle(found)) return found;
  // Multiplied out it may split after all; a long update would take too long to.
  if (postorder([state.update]).length > MULTIPLIED_OUT) return found;
  const again = new Splitter(state, before, isLinear).plane(normalForm(state.update));
  return isObstacle(again) ? found : again;
}

/** Factors, none of which is a product. */
type Product = readonly Expr[];

class Splitter {
  readonly #state: RuleState;
  readonly #before: Before;
  readonly #isLinear: (s: RuleState) => boolean;
  readonly #axes: readonly Axis[];

  constructor(state: RuleState, before: Before, isLinear: (s: RuleState) => boolean) {
    this.#state = state;
    this.#before = before;
    this.#isLinear = isLinear;
    this.#axes = axesFor(state.shape);
  }

  plane(update: Expr): Plane | Obstacle {
    const coefficients = new Map<RuleState, Expr>();
    const outers: Outer[] = [];
    for (const factors of this.#products(update)) {
      const direct = factors.filter((f) => this.#direct(f));
      const [only] = direct;
      const others = factors.filter((f) => f !== only);
      const source = only && this.#direct(only);
      if (source && direct.length === 1 && !others.some((f) => this.#hasState(f))) {
        coefficients.set(source, add(coefficients.get(source) ?? constant(0), mul(...others)));
        continue;
      }
      const outer = this.#outer(factors);
      if (isObstacle(outer)) return outer;
      outers.push(outer);
    }
    return { state: this.#state, coefficients, outers };
  }

  /** The state that a factor is, element for element. */
  #direct(f: Expr): RuleState | undefined {
    if (f.kind !== "leaf") return undefined;
    const source = this.#before.get(f.tensor);
    const isSame = f.index.length === this.#axes.length && f.index.every((a, i) => a === this.#axes[i]);
    return isSame && source && this.#isLinear(source) ? source : undefined;
  }

  #hasState = (e: Expr): boolean => [...tensorsOf(e)].some((t) => this.#before.has(t) || this.#isStart(t));

  #isStart = (t: Tensor): boolean => [...this.#before.values()].some((s) => s.start === t);

  #obstacle = (part: Expr, why: Obstacle["why"]): Obstacle => ({
    kind: "obstacle",
    state: this.#state,
    part,
    why,
  });

  #outer(factors: Product): Outer | Obstacle {
    const [rows, columns] = this.#axes;
    const has = (f: Expr, a: Axis | undefined): boolean => a !== undefined && f.axes.includes(a);
    const along = columns ? factors.filter((f) => has(f, rows) && has(f, columns)) : [];
    // Of several, one that is no state itself says more.
    const both = along.find((f) => !this.#direct(f)) ?? along[0];
    if (both) return this.#obstacle(both, this.#hasWhole(both) ? "not linear" : "does not split");
    const free = factors.filter((f) => f.axes.length === 0 && !this.#hasState(f));
    const right = factors.filter((f) => has(f, columns));
    const left = factors.filter((f) => !free.includes(f) && !right.includes(f));
    return { factor: mul(...free), left: mul(...left), right: mul(...right) };
  }

  /** Whether a state of this shape stands in it element for element. */
  #hasWhole = (e: Expr): boolean => postorder([e]).some((x) => this.#direct(x) !== undefined);

  /** The expression as a sum of products, multiplied out as far as the state's axes ask for. */
  #products(e: Expr): Product[] {
    const op = e.kind === "apply" ? e.op.name : e.kind;
    if (e.kind === "apply" && op === "add") return e.args.flatMap((a) => this.#products(a));
    if (e.kind === "apply" && op === "mul") {
      let made: Product[] = [[]];
      for (const f of e.args) {
        const parts = this.#isMixed(f) ? this.#products(f) : [[f]];
        made = made.flatMap((left) => parts.map((right) => [...left, ...right]));
      }
      return made;
    }
    if (!this.#isMixed(e)) return [[e]];
    if (e.kind === "apply" && op === "where") {
      const [c, a, b] = e.args as [Expr, Expr, Expr];
      const [zero, one] = [constant(0), constant(1)];
      const masked = (x: Expr, mask: Expr): Product[] => this.#products(x).map((p) => [...p, mask]);
      const both = [...masked(a, call("where", c, one, zero)), ...masked(b, call("where", c, zero, one))];
      return both.filter((p) => !p.includes(zero));
    }
    if (e.kind === "reduce" && e.op === sum) return this.#sums(e);
    return [[e]];
  }

  /** Σ of products, where only one side of each has the axis. */
  #sums(e: Reduce): Product[] {
    const { axis, body } = open(e);
    const [rows, columns] = this.#axes;
    const made: Product[] = [];
    for (const factors of this.#products(body)) {
      const inside = factors.filter((f) => f.axes.includes(axis));
      const outside = factors.filter((f) => !f.axes.includes(axis));
      const meets = (a: Axis | undefined): boolean =>
        inside.some((f) => a !== undefined && f.axes.includes(a));
      if (meets(rows) && meets(columns)) return [[e]];
      made.push([...outside, reduce(sum, axis, mul(...inside))]);
    }
    return made;
  }

  /** Whether it must be multiplied out: it has both axes, or the state itself among what is added. */
  #isMixed(e: Expr): boolean {
    if (e.kind === "leaf" || e.kind === "delta") return false;
    const isWhole = this.#axes.every((a) => e.axes.includes(a));
    return isWhole && (this.#axes.length === 2 || this.#hasWhole(e)) && this.#axes.length > 0;
  }
}
