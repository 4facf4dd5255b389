/**
 * The states after a tile. A lane takes a column of a matrix and has its factors of all tokens in registers; it goes
 * through the rows, whose factors are the same for all lanes.
 */
import { mul, at as renamed } from "../../math/algebra.ts";
import type { Axis } from "../../math/axis.ts";
import { type Expr, type Leaf, leaf } from "../../math/expr.ts";
import { sum } from "../../math/ops/index.ts";
import { asFour, type Below, type Index, named, plus, type Stmt, times, type Value } from "../block.ts";
import { FOUR } from "./layout.ts";
import { type At, leavesIn, type Scope } from "./scope.ts";
import type { Statement } from "./statements.ts";

/** Rows that one workgroup goes through, where they divide a matrix. */
const ROWS = 16;

/** One of the sums over the tokens. */
interface Sum {
  readonly name: string;
  /** What the statement reads of it. */
  readonly leaf: Leaf;
  /** Its factors that do not depend on the row, which are in an array, and all of it over that. */
  readonly ofColumn: Expr;
  readonly array: string;
  readonly held: Leaf;
  readonly body: Expr;
}

export function ends(scope: Scope, statements: readonly Statement[]): Stmt[] {
  const [first] = statements as readonly [Statement];
  if (!isMatrix(first))
    return statements.flatMap((s) =>
      scope.spread(s.result, (at, within) => scope.write(s, at, within, scope.value(s.body, at))),
    );
  const [row, column] = first.result as readonly [Axis, Axis];
  const tiles = { columns: Math.ceil(scope.extent(column) / scope.lanes), rows: rowsOf(scope, row) };
  return scope.shared(groupsOfEnds(scope, statements), 1, (i) => {
    const [block, from]: [Index, Index] =
      typeof i === "number"
        ? [0, 0]
        : [
            { kind: "remainder", of: i, by: tiles.columns },
            times({ kind: "quotient", of: i, by: tiles.columns }, tiles.rows),
          ];
    const at = plus(times(block, scope.lanes), named("lane"));
    const exact = scope.extent(column) % scope.lanes === 0;
    const within = exact ? [] : [{ index: at, bound: scope.extent(column) }];
    return ofColumn(scope, statements, new Map([[column, at]]), within, from, tiles.rows);
  });
}

/** How many workgroups share the columns and rows of a part. */
export function groupsOfEnds(scope: Scope, statements: readonly Statement[]): number {
  const [first] = statements as readonly [Statement];
  const lane = first.result.at(-1);
  if (!lane) return 1;
  const columns = Math.ceil(scope.extent(lane) / scope.lanes);
  if (!isMatrix(first)) return columns;
  const [row] = first.result as readonly [Axis];
  return columns * (scope.extent(row) / rowsOf(scope, row));
}

const isMatrix = (s: Statement): boolean => s.result.length === 2 && s.sums.length > 0;

function rowsOf(scope: Scope, row: Axis): number {
  const extent = scope.extent(row);
  return extent % ROWS === 0 ? ROWS : extent;
}

function ofColumn(
  scope: Scope,
  statements: readonly Statement[],
  at: At,
  within: readonly Below[],
  from: Index,
  count: number,
): Stmt[] {
  const { fours } = scope.sizes;
  const [row] = (statements[0] as Statement).result as readonly [Axis];
  const [first] = statements.flatMap((s) => s.sums) as [Statement["sums"][number]];
  const sums = statements.flatMap((s) => s.sums.map((x) => sumOf(scope, x, first.axis, row, s.result)));
  const columns = [
    ...sums.map(({ array }): Stmt => ({ kind: "variable", name: array, extents: [fours], wide: true })),
    ...scope.unrolled(
      fours,
      (t) =>
        sums.map(({ array, ofColumn }): Stmt => {
          const value = asFour(scope.value(ofColumn, new Map([...at, [first.axis, { four: t }]])));
          return { kind: "assign", place: { kind: "element", array, index: [t], wide: true }, value };
        }),
      "s",
    ),
  ];
  const inArrays = new Set(sums.map((x) => x.held));
  const read = [...new Set(sums.flatMap(({ body }) => leavesIn(body)))].filter((l) => !inArrays.has(l));
  const each = scope.rolled(count, (i) => {
    const here: At = new Map([...at, [row, plus(from, i)]]);
    const held = new Map(
      sums.map(({ leaf, name }): [Expr, Value] => [
        leaf,
        { kind: "total", of: { kind: "local", name, wide: true } },
      ]),
    );
    return [
      ...sums.map(({ name }): Stmt => ({ kind: "variable", name, extents: [], wide: true })),
      ...scope.unrolled(
        fours,
        (t) => {
          const now: At = new Map([...here, [first.axis, { four: t }]]);
          const shared = scope.fetched(read, now);
          const own = sums.map(({ held, array }): [Expr, Value] => [
            held,
            { kind: "element", array, index: [t] },
          ]);
          const values = new Map([...shared.held, ...own]);
          const merged = sums.map(({ name, body }): Stmt => {
            const value = inTile(scope, t, scope.value(body, now, values));
            return { kind: "merge", place: { kind: "local", name, wide: true }, op: sum, value };
          });
          return [...shared.stmts, ...merged];
        },
        "s",
      ),
      ...statements.flatMap((s) => scope.write(s, here, within, scope.value(s.body, here, held))),
    ];
  });
  return [...columns, ...each];
}

function sumOf(
  scope: Scope,
  { tensor, axis, body }: Statement["sums"][number],
  along: Axis,
  row: Axis,
  result: readonly Axis[],
): Sum {
  const whole = renamed(body, [axis], [along]);
  const factors = whole.kind === "apply" && whole.op.name === "mul" ? whole.args : [whole];
  const ofColumn = factors.filter((f) => !f.axes.includes(row));
  const array = scope.name(tensor.name, "column");
  const held = leaf({ name: array, shape: [along.dim], domain: tensor.domain }, [along]) as Leaf;
  return {
    name: scope.name(tensor.name, ""),
    leaf: leaf(tensor, result) as Leaf,
    ofColumn: mul(...ofColumn),
    array,
    held,
    body: mul(held, ...factors.filter((f) => f.axes.includes(row))),
  };
}

/** Nothing, where the last four goes over the tile. */
function inTile({ sizes }: Scope, t: Index, value: Value): Value {
  if (sizes.length % FOUR === 0) return asFour(value);
  const where = [{ index: times(t, FOUR), bound: sizes.length }];
  return { kind: "masked", value: asFour(value), where, otherwise: "0.0", wide: true };
}
