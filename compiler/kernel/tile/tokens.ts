/** What tokens have by themselves: each lane has four of them, and goes through their vectors, or takes turns. */
import type { Expr, Tensor } from "../../math/expr.ts";
import type { Below, Index, Stmt, Value } from "../block.ts";
import type { At } from "./loops.ts";
import { isAtOwnPlace, ownLeaf } from "./parts.ts";
import { finished } from "./rows.ts";
import type { Scope } from "./scope.ts";
import { type Loop, NOW, type Statement } from "./statements.ts";

export function tokens(scope: Scope, statements: readonly Statement[]): Stmt[] {
  return scope.overLanes(scope.sizes.fours, (four, within) =>
    sequence(scope, statements, four, within, new Map()),
  );
}

/** A loop over turns, which is over for a lane as soon as it is for its tokens. */
export function turns(scope: Scope, { starts, turn, carry, turns: most, until }: Loop): Stmt[] {
  const previous = new Map(carry.map((c) => [c.next, c.previous]));
  return scope.overLanes(scope.sizes.fours, (four, within) => {
    const now: At = new Map([[NOW, { four }]]);
    const scalar = (t: Tensor): Value => scope.value(ownLeaf(t, []), now);
    const each = (): Stmt[] => {
      const held = new Map<Expr, Value>();
      const made = sequence(scope, turn, four, within, held);
      const carried = turn.flatMap((s) => {
        const target = previous.get(s.target);
        const next = ownLeaf(s.target, s.result);
        if (!target) return [];
        return scope.overAxes(s.result, now, (at) =>
          scope.write({ ...s, target }, at, within, scope.value(next, at, held)),
        );
      });
      return [
        { kind: "stop", value: scalar(until.value), atMost: scalar(until.atMost) },
        ...made,
        ...carried,
      ];
    };
    const count = most.each * scope.sizes.extent(most.dim);
    return [...sequence(scope, starts, four, within, new Map()), ...scope.rolled(count, each, "turn")];
  });
}

/** Statements one after the other; what is a number of a token stays in a register, and is `held`. */
function sequence(
  scope: Scope,
  statements: readonly Statement[],
  four: Index,
  within: readonly Below[],
  held: Map<Expr, Value>,
): Stmt[] {
  return alike(statements).flatMap((some) => {
    const { result } = some[0] as Statement;
    return scope.overAxes(result, new Map([[NOW, { four }]]), (at) =>
      finished(scope, some, at, within, result.length === 0 ? held : new Map(held)),
    );
  });
}

/** Statements that follow one another over the same axes, where each reads of the others what is at its own place. */
function alike(statements: readonly Statement[]): Statement[][] {
  const groups: Statement[][] = [];
  for (const s of statements) {
    const last = groups.at(-1);
    if (last && isAtOwnPlace(s, last)) last.push(s);
    else groups.push([s]);
  }
  return groups;
}
