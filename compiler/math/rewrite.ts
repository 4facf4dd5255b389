/**
 * The rewrite engine: a table of named rules, tried bottom-up until none applies. Every rule must make
 * its expression smaller in some order; one that does not is caught by the bound and reported by name.
 */
import { InternalError } from "../source/diagnostic.ts";
import { rebuild, reduce } from "./algebra.ts";
import { type Expr, open, rawReduce } from "./expr.ts";

export interface Rule {
  readonly name: string;
  /** A simpler equal expression, or undefined where the rule does not apply. */
  readonly apply: (e: Expr) => Expr | undefined;
}

const REWRITES_AT_ONE_NODE = 200;

/** Rewrites `e` to a fixed point of the rules. `log` is told of each rule that fired. */
export function rewrite(e: Expr, rules: readonly Rule[], log?: (rule: Rule) => void): Expr {
  const done = new Map<Expr, Expr>();
  const go = (x: Expr): Expr => {
    const seen = done.get(x);
    if (seen) return seen;
    let now = finishParts(x);
    for (let fired = 0; ; fired++) {
      const next = step(now);
      if (!next) break;
      if (fired >= REWRITES_AT_ONE_NODE)
        throw new InternalError(`rewrite rule ${next.rule.name} does not end`);
      log?.(next.rule);
      // The new expression may have unfinished parts: finish these before looking at its top again.
      now = finishParts(next.to);
    }
    done.set(x, now);
    done.set(now, now);
    return now;
  };
  /** Finishes everything below the top. Putting finished parts together can make new unfinished ones. */
  const finishParts = (x: Expr): Expr => {
    let now = x;
    for (;;) {
      if (now.kind === "reduce") {
        const { axis, body } = open(now);
        const finished = go(body);
        if (finished === body) return now;
        const made = reduce(now.op, axis, finished);
        if (made === rawReduce(now.op, axis, finished)) return made;
        now = made;
      } else {
        const made = rebuild(now, go);
        if (made === now) return now;
        now = made;
      }
    }
  };
  const step = (x: Expr): { rule: Rule; to: Expr } | undefined => {
    for (const rule of rules) {
      const to = rule.apply(x);
      if (to && to !== x) return { rule, to };
    }
    return undefined;
  };
  return go(e);
}
