/** What tokens have by themselves: each lane has four of them, and goes through their vectors, or takes turns. */
import type { Expr, Leaf, Tensor } from "../../math/expr.ts";
import { type Index, type Place, type Stmt, type Value, when } from "../block.ts";
import type { At } from "./loops.ts";
import { alike } from "./order.ts";
import { finished } from "./rows.ts";
import type { Scope } from "./scope.ts";
import {
  innerOf,
  isNumber,
  type Loop,
  leavesOf,
  NOW,
  ownLeaf,
  replacedIn,
  type Statement,
} from "./statements.ts";

export function tokens(scope: Scope, statements: readonly Statement[]): Stmt[] {
  return scope.overLanes(scope.sizes.fours, (four, within) =>
    when(within, sequence(scope, statements, four, new Map())),
  );
}

/** A loop over turns, which is over for a lane as soon as it is for its tokens. */
export function turns(scope: Scope, s: Statement): Stmt[] {
  const { starts, turn, carry, turns: most, until } = s.loop as Loop;
  const number = (t: Tensor): Leaf => ownLeaf(t, []);
  return scope.overLanes(scope.sizes.fours, (four, within) => {
    const now: At = new Map([[NOW, { four }]]);
    const read = scope.fetched(numbersFor(s), now);
    const begun = new Map(read.held);
    const before = sequence(scope, starts, four, begun);
    const running = carry
      .filter(({ previous }) => isNumber(previous))
      .map(({ previous, next }) => {
        const place: Place = { kind: "local", name: scope.name(previous.name, "run"), wide: true };
        const start = begun.get(number(previous)) as Value;
        begun.set(number(previous), place);
        return { next, place, start };
      });
    const each = (): Stmt[] => {
      const held = new Map(begun);
      const value = held.get(number(until.value)) as Value;
      const made = sequence(scope, turn, four, held, replacedIn(s));
      return [
        { kind: "stop", value, atMost: held.get(number(until.atMost)) as Value },
        ...made,
        ...running.map(({ next, place }): Stmt => {
          return { kind: "assign", place, value: held.get(number(next)) as Value };
        }),
      ];
    };
    const declared = running.map(({ place: { name }, start: value }): Stmt => {
      return { kind: "variable", name, extents: [], value, wide: true };
    });
    const count = most.each * scope.sizes.extent(most.dim);
    return when(within, [...read.stmts, ...before, ...declared, ...scope.rolled(count, each, "turn")]);
  });
}

/** The numbers of a token that its turns read and do not make. */
function numbersFor(s: Statement): Leaf[] {
  const { until } = s.loop as Loop;
  const inner = innerOf(s);
  const made = new Set(inner.map((o) => o.target));
  const read = [ownLeaf(until.atMost, []), ...inner.flatMap(leavesOf)];
  return [...new Set(read)].filter(
    (l) => isNumber(l.tensor) && l === ownLeaf(l.tensor, []) && !made.has(l.tensor),
  );
}

/** Statements one after the other; what is a number of a token stays in a register, and is `held`. */
function sequence(
  scope: Scope,
  statements: readonly Statement[],
  four: Index,
  held: Map<Expr, Value>,
  replaced?: ReadonlyMap<Tensor, Tensor>,
): Stmt[] {
  return alike(statements, replaced).flatMap((some) => {
    const { result } = some[0] as Statement;
    return scope.overAxes(result, new Map([[NOW, { four }]]), (at) =>
      finished(scope, some, at, [], result.length === 0 ? held : new Map(held)),
    );
  });
}
