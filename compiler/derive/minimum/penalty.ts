/**
 * Penalties, solved. A retention that looks back gives W' = argmin ⟨W, step⟩ + R(W, prev); one that does not gives
 * W = argmin R(W) − ⟨W, A⟩ of what is accumulated. Either way the gradient is set to zero and W is isolated; where
 * the same function h stands before W and before prev, A = h(W) is what is carried, and W = h⁻¹(A) its link.
 */
import type { Penalty } from "../../check/spec.ts";
import {
  add,
  call,
  div,
  factorsOf,
  isApply,
  mul,
  neg,
  rebuild,
  reduce,
  reductionNamed,
  sub,
  substitute,
  sumOver,
  termsOf,
} from "../../math/algebra.ts";
import { type Axis, axesFor } from "../../math/axis.ts";
import { domainOf } from "../../math/domain.ts";
import { constant, type Expr, isConstant, type Leaf, leaf, type Tensor } from "../../math/expr.ts";
import { includes, interval } from "../../math/interval.ts";
import type { Reduction } from "../../math/node.ts";
import type { Step } from "../derivation.ts";
import { gradient } from "../gradient.ts";
import { normalForm } from "../normal-form.ts";
import { simplify } from "../simplify.ts";
import { isConvex } from "./convex.ts";
import { isObstacle, isolate, type Obstacle, put, reads, slopeIn } from "./isolate.ts";
import { eliminateSum } from "./sums.ts";

/** W = link(A), with A' = prox(keep · A − scale · step), or A' = advance(previous, step) outright. */
export interface Solved {
  /** Undefined where the penalty does not say: it does not look back. */
  readonly keep: Expr | undefined;
  readonly scale: Expr;
  readonly link: Expr | undefined;
  readonly prox: Expr | undefined;
  readonly advance: Expr | undefined;
}

export interface Solution {
  readonly result: Solved | Obstacle;
  readonly steps: readonly Step[];
}

/** `argument` stands for the accumulator in the link and the prox, `step` for the step in `advance`. */
export function solvePenalty(penalty: Penalty, argument: Tensor, step: Tensor): Solution {
  const solver = new Solver(penalty, argument, step);
  return { result: solver.solve(), steps: solver.steps };
}

const ONE = constant(1);
const ZERO = constant(0);

class Solver {
  readonly steps: Step[] = [];
  readonly #penalty: Penalty;
  readonly #axes: readonly Axis[];
  readonly #w: Leaf;
  readonly #previous: Leaf;
  readonly #argument: Leaf;
  readonly #step: Leaf;

  constructor(penalty: Penalty, argument: Tensor, step: Tensor) {
    this.#penalty = penalty;
    this.#axes = axesFor(penalty.w.shape);
    this.#w = leaf(penalty.w, this.#axes);
    this.#previous = leaf(penalty.previous, this.#axes);
    this.#argument = leaf(argument, this.#axes);
    this.#step = leaf(step, this.#axes);
  }

  solve(): Solved | Obstacle {
    const { value, w } = this.#penalty;
    this.#say("the penalty R", value, undefined, []);
    const slope = separateLogarithms(gradient(value, [w]).get(w) as Expr);
    if (!isConvex(slope, w))
      return { term: value, why: "it is not convex: where its gradient vanishes need not be a minimum" };
    const looksBack = reads(slope, this.#previous);
    if (looksBack) this.#say("∂R/∂W + step vanishes", add(slope, this.#step), ZERO);
    else this.#say("∂R/∂W is what is accumulated", slope, this.#argument);
    const terms = termsOf(slope);
    return looksBack ? this.#lookingBack(terms) : this.#accumulating(slope);
  }

  #say(say: string, left: Expr, right?: Expr, axes = this.#axes): void {
    this.steps.push({ say, left, ...(right ? { right } : {}), axes });
  }

  // -------------------------------------------------------------- without prev

  #accumulating(slope: Expr): Solved | Obstacle {
    const { sizes, rest } = this.#splitSigns(termsOf(slope));
    const target = sizes === ZERO ? this.#argument : softThreshold(this.#argument, sizes);
    if (sizes !== ZERO)
      this.#say("the sum of absolute values takes a threshold off what is accumulated", add(...rest), target);
    const joined = eliminateSum(add(...rest), this.#w, target);
    const free = joined ?? isolate(add(...rest), this.#w, target);
    if (isObstacle(free)) return free;
    const link = this.#held(simplify(free));
    if (isObstacle(link)) return link;
    if (joined && link !== simplify(free))
      return {
        term: slope,
        why: "a sum joins its elements, so that they are not held to a range one by one",
      };
    this.#say("solved for W: the link", this.#w, link);
    return { keep: undefined, scale: ONE, link, prox: undefined, advance: undefined };
  }

  // -------------------------------------------------------------- with prev

  #lookingBack(terms: readonly Expr[]): Solved | Obstacle {
    const isMixed = (t: Expr): boolean => reads(t, this.#w) && reads(t, this.#previous);
    if (terms.some(isMixed)) return this.#advancing(add(...terms));
    const { sizes, rest } = this.#splitSigns(terms);
    const own = this.#carried(rest);
    if (isObstacle(own)) return own;
    const { total, keep } = own;
    const scale = simplify(div(ONE, total));
    this.#say(
      "the same function of W and of prev: carry its value A, and divide by what stands before W",
      this.#argument,
      own.of,
    );
    this.#say("what is kept of A", keep);
    this.#say("what the step is multiplied by", scale);
    const isIdentity = own.of === this.#w;
    const free = isIdentity ? this.#argument : isolate(own.of, this.#w, this.#argument);
    if (isObstacle(free)) return free;
    const { over } = this.#penalty;
    if (isIdentity && over?.kind === "simplex") return this.#projection();
    const offset = add(
      ...rest.filter((t) => !reads(t, this.#w) && !reads(t, this.#previous) && this.#tells(t)),
    );
    const shifted = simplify(sub(this.#argument, div(offset, total)));
    if (sizes !== ZERO && !isIdentity)
      return { term: sizes, why: "an absolute value is solved beside a quadratic penalty only" };
    const threshold = simplify(div(sizes, total));
    const shrunk = sizes === ZERO ? shifted : softThreshold(shifted, threshold);
    if (isIdentity) {
      const prox = simplify(this.#clamped(shrunk));
      if (prox !== this.#argument) this.#say("what follows the step", this.#w, prox);
      return {
        keep,
        scale,
        link: undefined,
        prox: prox === this.#argument ? undefined : prox,
        advance: undefined,
      };
    }
    const link = this.#held(simplify(free), total);
    if (isObstacle(link)) return link;
    if (over?.kind === "box" && link !== simplify(free))
      return { term: own.of, why: "the box cuts off what is carried" };
    this.#say("solved for W: the link", this.#w, link);
    return { keep, scale, link, prox: shrunk === this.#argument ? undefined : shrunk, advance: undefined };
  }

  /** W and prev stand in one term: W is found outright, and not as a function of something carried. */
  #advancing(slope: Expr): Solved | Obstacle {
    const found = isolate(slope, this.#w, neg(this.#step));
    if (isObstacle(found)) return found;
    const free = normalForm(found);
    if (this.#penalty.over?.kind === "simplex") return this.#projectionOf(free);
    const advance = simplify(this.#clamped(free));
    this.#say("solved for W", this.#w, advance);
    return { keep: ONE, scale: ONE, link: undefined, prox: undefined, advance };
  }

  #projection(): Obstacle {
    return {
      term: this.#penalty.value,
      why: "the nearest point of a simplex is found by sorting, and has no formula",
    };
  }

  // -------------------------------------------------------------- parts

  /** Whether a term that W does not stand in matters: what is the same along a sum that is held fixed is part of its multiplier. */
  #tells(t: Expr): boolean {
    const { over } = this.#penalty;
    return over?.kind !== "simplex" || t.axes.includes(this.#axes[over.axis] as Axis);
  }

  #ofPrevious(e: Expr): Expr {
    return put(e, this.#w, this.#previous);
  }

  /** c of the terms c · sign(W), and the other terms. */
  #splitSigns(terms: readonly Expr[]): { sizes: Expr; rest: Expr[] } {
    const sign = call("sign", this.#w);
    if (sign.kind === "constant") return { sizes: ZERO, rest: [...terms] };
    const isSign = (t: Expr): boolean =>
      t === sign ||
      (isApply(t, "mul") && t.args.includes(sign) && t.args.every((f) => f === sign || !reads(f, this.#w)));
    const signs = terms.filter(isSign);
    const sizes = add(
      ...signs.map((t) =>
        t === sign ? ONE : mul(...(t as { args: readonly Expr[] }).args.filter((f) => f !== sign)),
      ),
    );
    return { sizes, rest: terms.filter((t) => !signs.includes(t)) };
  }

  /** The functions of an unknown in some terms, each with what it is multiplied by. */
  #functionsOf(terms: readonly Expr[], unknown: Leaf): Map<Expr, Expr> {
    const found = new Map<Expr, Expr>();
    for (const t of terms) {
      if (!reads(t, unknown)) continue;
      const factors = factorsOf(t);
      const of = mul(...factors.filter((f) => reads(f, unknown)));
      const times = mul(...factors.filter((f) => !reads(f, unknown)));
      found.set(of, add(found.get(of) ?? ZERO, times));
    }
    return found;
  }

  /** Terms as total · of(W) − keep · total · of(prev): one function of W and of prev. */
  #carried(terms: readonly Expr[]): { total: Expr; of: Expr; keep: Expr } | Obstacle {
    const own = this.#functionsOf(terms, this.#w);
    const before = this.#functionsOf(terms, this.#previous);
    const [[first, total] = [ZERO, ZERO]] = own;
    const share = (c: Expr): Expr => simplify(div(c, total));
    const strange = [...own].find(([, c]) => share(c).kind !== "constant");
    if (strange) return { term: strange[0], why: "it has a coefficient of its own" };
    const keep = simplify(neg(div(before.get(this.#ofPrevious(first)) ?? ZERO, total)));
    const isSame =
      own.size === before.size &&
      [...own].every(([g, c]) => {
        const other = before.get(this.#ofPrevious(g));
        return other !== undefined && simplify(add(div(other, c), keep)) === ZERO;
      });
    if (!isSame) {
      const known = new Set([...own.keys()].map((g) => this.#ofPrevious(g)));
      const term = [...before.keys()].find((g) => !known.has(g)) ?? first;
      return { term, why: "W and prev stand in different functions, so that nothing can be carried" };
    }
    return { total: simplify(total), of: add(...[...own].map(([g, c]) => mul(share(c), g))), keep };
  }

  /** The solution without a constraint, held to where W may lie; the gradient was divided by `total`. */
  #held(free: Expr, total: Expr = ONE): Expr | Obstacle {
    const { over } = this.#penalty;
    if (over?.kind !== "simplex") return this.#clamped(free);
    const exponent = isApply(free, "exp") ? (free.args[0] as Expr) : undefined;
    if (!exponent) return this.#projectionOf(free);
    const along = this.#axes[over.axis] as Axis;
    if ([slopeIn(exponent, this.#argument), total].some((e) => e.axes.includes(along)))
      return {
        term: exponent,
        why: "the multiplier of the sum that is held fixed counts differently along it",
      };
    this.#say(
      "a sum that is held fixed subtracts a multiplier from what is accumulated: a factor, so that W is divided by its sum",
      this.#w,
      free,
    );
    const plain = substitute(exponent, () => undefined);
    const own = termsOf(plain).filter((t) => t.axes.includes(along));
    const kept = add(...own);
    const largest = reduce(reductionNamed("maxOver") as Reduction, along, kept);
    const raised = call("exp", sub(kept, largest));
    return div(mul(over.total, raised), sumOver(raised, [along]));
  }

  #projectionOf(free: Expr): Obstacle {
    return isApply(free, "add") || isApply(free, "mul") || free === this.#argument
      ? this.#projection()
      : { term: free, why: "the sum that is held fixed gives no closed form for its multiplier" };
  }

  #clamped(e: Expr): Expr {
    const { over } = this.#penalty;
    if (over?.kind !== "box") return e;
    const is = domainOf(e);
    const least = over.low ? domainOf(over.low).low : -Infinity;
    const most = over.high ? domainOf(over.high).high : Infinity;
    if (includes(interval(least, most), is)) return e;
    const above = over.low ? call("max", e, over.low) : e;
    return over.high ? call("min", above, over.high) : above;
  }
}

/** sign(x) max(|x| − threshold, 0): where an added threshold · |W| puts the minimum. */
export const softThreshold = (x: Expr, threshold: Expr): Expr =>
  mul(call("sign", x), call("max", sub(call("abs", x), threshold), ZERO));

/** log(a b^p) as log a + p log b, where a and b are positive. */
function separateLogarithms(e: Expr): Expr {
  const memo = new Map<Expr, Expr>();
  const go = (x: Expr): Expr => {
    const known = memo.get(x);
    if (known) return known;
    const made = isApply(x, "log") ? separated(x.args[0] as Expr) : isSumOrProduct(x) ? rebuild(x, go) : x;
    memo.set(x, made);
    return made;
  };
  return normalForm(go(e));
}

const isSumOrProduct = (x: Expr): boolean => isApply(x, "add") || isApply(x, "mul");

function separated(e: Expr): Expr {
  const factors = factorsOf(e);
  const parts = factors.map((f): readonly [Expr, Expr] =>
    isApply(f, "pow") ? [f.args[0] as Expr, f.args[1] as Expr] : [f, ONE],
  );
  const isNegative = (x: Expr): boolean => domainOf(x).high <= 0;
  const negative = parts.filter(([base]) => isNegative(base));
  const canTurn =
    negative.length % 2 === 0 && negative.every(([, p]) => isConstant(p, 1) || isConstant(p, -1));
  const turned = parts.map(([base, p]) => [canTurn && isNegative(base) ? neg(base) : base, p] as const);
  if (turned.some(([base]) => domainOf(base).low < 0)) return call("log", e);
  return add(...turned.map(([base, p]) => mul(p, call("log", base))));
}
