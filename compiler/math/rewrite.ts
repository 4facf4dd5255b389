/**
 * The rewrite engine: a table of named rules, tried bottom-up until none applies. Every rule must make
 * its expression smaller in some order; one that does not is caught by the bound and reported by name.
 */
import { InternalError } from "../source/diagnostic.ts";
import { rebuild } from "./algebra.ts";
import type { Expr } from "./expr.ts";

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
    let now = rebuild(x, go);
    for (let fired = 0; ; fired++) {
      const next = step(now);
      if (!next) break;
      if (fired >= REWRITES_AT_ONE_NODE) throw new InternalError(`rewrite rule ${next.rule.name} does not end`);
      log?.(next.rule);
      // The new expression may have unfinished parts: finish these before looking at its top again.
      now = rebuild(next.to, go);
    }
    done.set(x, now);
    done.set(now, now);
    return now;
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
