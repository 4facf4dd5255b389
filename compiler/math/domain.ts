/** Interval analysis: the set of values that an expression can take, given the domains of its tensors. */
import { type Expr, open } from "./expr.ts";
import { type Interval, interval, point, REAL } from "./interval.ts";

const memo = new WeakMap<Expr, Interval>();

export function domainOf(e: Expr): Interval {
  let found = memo.get(e);
  if (!found) {
    found = compute(e);
    memo.set(e, found);
  }
  return found;
}

function compute(e: Expr): Interval {
  switch (e.kind) {
    case "constant":
      return point(e.value);
    case "leaf":
      return e.tensor.domain;
    case "extent":
      return interval(e.dim.scale, Infinity);
    case "delta":
      return interval(0, 1);
    case "index":
      return interval(0, e.axis.dim.names.length === 0 ? e.axis.dim.scale - 1 : Infinity);
    case "solve":
      return REAL;
    case "apply":
      return e.op.domain(...e.args.map(domainOf));
    case "reduce":
      return e.op.domain(domainOf(open(e).body));
  }
}
