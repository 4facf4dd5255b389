/** What runs along the tokens of a tile: a lane goes through them alone, or all go together. */
import { TILE } from "../../form/tile-form.ts";
import { type Leaf, leaf, type Tensor } from "../../math/expr.ts";
import { InternalError } from "../../source/diagnostic.ts";
import { barrier, type Index, type Place, type Stmt, type Value, when } from "../block.ts";
import type { At } from "./loops.ts";
import type { Scope } from "./scope.ts";
import { isOfTokens, leavesOf, NOW, type Statement } from "./statements.ts";

/** A lane goes through the tokens on its own: it needs only what it made itself. */
export function alone(scope: Scope, statements: readonly Statement[]): Stmt[] {
  const [{ result }] = statements as readonly [Statement];
  const made = madeBefore(statements);
  return scope.spread(result, (at, within) => {
    const running = new Map<Statement, Place>();
    const started = statements.flatMap((s) => start(scope, s, at, running));
    const turns = scope.rolled(
      scope.sizes.length,
      (t) => statements.flatMap((s) => atToken(scope, s, new Map([...at, [NOW, t]]), made, running)),
      "t",
    );
    return when(within, [...started, ...turns]);
  });
}

/** All lanes go through the tokens together, and wait for one another after each statement. */
export function together(scope: Scope, statements: readonly Statement[]): Stmt[] {
  const made = madeBefore(statements);
  return scope.rolled(
    scope.sizes.length,
    (t) =>
      statements.flatMap((s) => [
        ...scope.spread(s.result, (at, within) =>
          when(within, atToken(scope, s, new Map([...at, [NOW, t]]), made, new Map())),
        ),
        barrier("storage"),
      ]),
    "t",
  );
}

/** What the loop makes, if it reads what other tokens have of it: that is there for the tokens before. */
function madeBefore(statements: readonly Statement[]): Set<Tensor> {
  const made = new Set(statements.map((s) => s.target));
  const isElsewhere = (l: Leaf): boolean => made.has(l.tensor) && isOfTokens(l.tensor) && l.index[0] !== NOW;
  return statements.some((s) => leavesOf(s).some(isElsewhere)) ? made : new Set();
}

/** What runs along the tile stands in a register between tokens. */
function start(scope: Scope, s: Statement, at: At, running: Map<Statement, Place>): Stmt[] {
  if (!s.before) return [];
  const name = scope.name(s.target.name, "run");
  const place: Place = { kind: "local", name };
  running.set(s, place);
  const value: Value =
    typeof s.before.start === "number"
      ? { kind: "constant", value: s.before.start }
      : scope.value(leaf(s.before.start, s.result), at);
  return [
    { kind: "variable", name, extents: [] },
    { kind: "assign", place, value },
  ];
}

/** `made` are tensors that are there for the tokens before. */
function atToken(
  scope: Scope,
  s: Statement,
  at: At,
  made: ReadonlySet<Tensor>,
  running: ReadonlyMap<Statement, Place>,
): Stmt[] {
  if (!s.before) {
    const isOver = s.reduction?.axis.dim === TILE && leavesOf(s).some((l) => made.has(l.tensor));
    const until = isOver ? (at.get(NOW) as Index) : undefined;
    const { stmts, values } = scope.computed([s], at, new Map(), until);
    return [...stmts, ...scope.write(s, at, [], values[0] as Value)];
  }
  const place = running.get(s);
  if (!place) throw new InternalError(`${s.target.name} runs along a tile that lanes go through together`);
  return [
    ...scope.write({ ...s, target: s.before.tensor }, at, [], place),
    { kind: "assign", place, value: scope.value(s.body, at) },
    ...scope.write(s, at, [], place),
  ];
}
