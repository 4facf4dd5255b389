/**
 * The states after a tile. A lane takes some columns of a matrix and has their factors of all tokens in registers; it
 * goes through the rows, whose factors are the same for all lanes.
 */
import { factorsOf, mul, at as renamed } from "../../math/algebra.ts";
import type { Axis } from "../../math/axis.ts";
import { type Expr, type Leaf, leaf } from "../../math/expr.ts";
import { sum } from "../../math/ops/index.ts";
import {
  asFour, type Below, type Index, named, type Place, plus, type Stmt, times, type Value,
} from "../block.ts"; // biome-ignore format: a list
import { FOUR } from "./layout.ts";
import type { At, Four } from "./loops.ts";
import { type Held, leavesIn, type Scope } from "./scope.ts";
import type { Statement } from "./statements.ts";

/** Rows that one workgroup goes through, where they divide a matrix. */
const ROWS = 16;
/** Columns of a lane, where it has so many; or four in a row, where the states are read by fours. */
const COLUMNS = 2;

export function ends(scope: Scope, statements: readonly Statement[]): Stmt[] {
  const [first] = statements as readonly [Statement];
  if (isMatrix(first)) return new Matrices(scope, statements).stmts();
  return statements.flatMap((s) =>
    scope.spread(s.result, (at, within) => scope.write(s, at, within, scope.value(s.body, at))),
  );
}

/** How many workgroups share the columns and rows of a part. */
export function groupsOfEnds(scope: Scope, statements: readonly Statement[]): number {
  const [first] = statements as readonly [Statement];
  const lane = first.result.at(-1);
  if (!lane) return 1;
  if (!isMatrix(first)) return Math.ceil(scope.extent(lane) / scope.lanes);
  const { columns, rows } = blocksOf(scope, first);
  return columns.count * rows.count;
}

const isMatrix = (s: Statement): boolean => s.result.length === 2 && s.sums.length > 0;

/** Whether all lanes have four columns in a row. */
export const takesFours = (statements: readonly Statement[], lanes: number, extent: (a: Axis) => number) =>
  statements.every((s) => isMatrix(s) && extent(s.result[1] as Axis) % (FOUR * lanes) === 0);

/** How a matrix is shared: blocks of columns, as many for each lane, and of rows. */
function blocksOf(scope: Scope, { result, target }: Statement) {
  const [rows, columns] = result.map((a) => scope.extent(a)) as [number, number];
  const some = columns % (COLUMNS * scope.lanes) === 0 ? COLUMNS : 1;
  const each = scope.isInFours(target) ? FOUR : some;
  const high = rows % ROWS === 0 ? ROWS : rows;
  return {
    columns: { each, count: Math.ceil(columns / (each * scope.lanes)) },
    rows: { each: high, count: rows / high },
  };
}

/** One of the sums over the tokens, in one column. */
interface Sum {
  readonly place: Place & { readonly kind: "local" };
  /** What the statement reads of it. */
  readonly leaf: Leaf;
  /** Its factors that do not depend on the row, which are in an array, and all of it over that. */
  readonly ofColumn: Expr;
  readonly array: string;
  readonly held: Leaf;
  readonly body: Expr;
}

interface Column {
  readonly at: At;
  readonly sums: readonly Sum[];
}

/** What a lane writes at once: one column, or four in a row. */
interface Columns {
  readonly at: At;
  readonly within: readonly Below[];
  readonly each: readonly Column[];
}

class Matrices {
  readonly #scope: Scope;
  readonly #statements: readonly Statement[];
  readonly #row: Axis;
  readonly #column: Axis;
  /** The tokens that all sums go over. */
  readonly #tokens: Axis;

  constructor(scope: Scope, statements: readonly Statement[]) {
    this.#scope = scope;
    this.#statements = statements;
    [this.#row, this.#column] = (statements[0] as Statement).result as [Axis, Axis];
    this.#tokens = (statements.flatMap((s) => s.sums)[0] as Statement["sums"][number]).axis;
  }

  stmts(): Stmt[] {
    const scope = this.#scope;
    const { columns, rows } = blocksOf(scope, this.#statements[0] as Statement);
    return scope.shared(columns.count * rows.count, 1, (i) => {
      const block: Index = i === 0 ? 0 : { kind: "remainder", of: i, by: columns.count };
      const from: Index = i === 0 ? 0 : times({ kind: "quotient", of: i, by: columns.count }, rows.each);
      const isFour = scope.isInFours((this.#statements[0] as Statement).target);
      const [row, column] = [scope.name("row", ""), scope.name(isFour ? "four" : "column", "")];
      const own = isFour ? [this.#four(named(column))] : this.#apart(named(column), columns.each);
      const once = scope.fetched(this.#leavesOver([]), new Map());
      const lane = plus(times(block, own.length * scope.lanes), named("lane"));
      return [
        { kind: "index", name: column, value: lane },
        ...this.#fetched(own.flatMap((o) => o.each)),
        ...once.stmts,
        ...scope.rolled(
          rows.each,
          (r) => [
            { kind: "index", name: row, value: plus(from, r) },
            ...this.#rowOf(own, named(row), once.held),
          ],
          "r",
        ),
      ];
    });
  }

  /** What the states are made of beside their sums: the leaves over just these axes. */
  #leavesOver(axes: readonly Axis[]): Leaf[] {
    const sums = new Set(this.#statements.flatMap((s) => s.sums.map((x) => x.tensor)));
    const isOver = (l: Leaf): boolean =>
      [this.#row, this.#column].every((a) => l.index.includes(a) === axes.includes(a));
    return [...new Set(this.#statements.flatMap((s) => leavesIn(s.body)))].filter(
      (l) => isOver(l) && !sums.has(l.tensor),
    );
  }

  /** Columns as far from one another as there are lanes. */
  #apart(first: Index, count: number): Columns[] {
    const { lanes } = this.#scope;
    const extent = this.#scope.extent(this.#column);
    return Array.from({ length: count }, (_, c): Columns => {
      const element = plus(first, c * lanes);
      const column = this.#columnAt(element);
      return {
        at: column.at,
        within: extent % lanes === 0 ? [] : [{ index: element, bound: extent }],
        each: [column],
      };
    });
  }

  #four(four: Index): Columns {
    return {
      at: new Map([[this.#column, { four }]]),
      within: [],
      each: [0, 1, 2, 3].map((c) => this.#columnAt(plus(times(four, FOUR), c))),
    };
  }

  #columnAt(element: Index): Column {
    return {
      at: new Map([[this.#column, element]]),
      sums: this.#statements.flatMap((s) => s.sums.map((x) => this.#sumOf(x, s.result))),
    };
  }

  #sumOf({ tensor, axis, body }: Statement["sums"][number], result: readonly Axis[]): Sum {
    const whole = renamed(body, [axis], [this.#tokens]);
    const factors = factorsOf(whole);
    const isOfRow = (f: Expr): boolean => f.axes.includes(this.#row);
    const array = this.#scope.name("factors", "");
    const shape = [this.#tokens.dim];
    const held = leaf({ name: array, shape, domain: tensor.domain }, [this.#tokens]) as Leaf;
    return {
      place: { kind: "local", name: this.#scope.name(tensor.name, ""), wide: true },
      leaf: leaf(tensor, result) as Leaf,
      ofColumn: mul(...factors.filter((f) => !isOfRow(f))),
      array,
      held,
      body: mul(held, ...factors.filter(isOfRow)),
    };
  }

  /** The columns' own factors, of all tokens. */
  #fetched(columns: readonly Column[]): Stmt[] {
    const scope = this.#scope;
    const { fours } = scope.sizes;
    const sums = columns.flatMap((c) => c.sums);
    const leaves = [...new Set(sums.flatMap((s) => leavesIn(s.ofColumn)))];
    const ofAll = leaves.filter((l) => !l.index.includes(this.#column));
    return [
      ...sums.map(({ array }): Stmt => ({ kind: "variable", name: array, extents: [fours], wide: true })),
      ...scope.once(
        fours,
        (t) => {
          const now: At = new Map([[this.#tokens, { four: t }]]);
          const shared = scope.fetched(ofAll, now);
          const assigned = columns.flatMap(({ at, sums }) =>
            sums.map(({ array, ofColumn }): Stmt => {
              const value = asFour(scope.value(ofColumn, new Map([...at, ...now]), shared.held));
              return { kind: "assign", place: element(array, t), value };
            }),
          );
          return [...shared.stmts, ...assigned];
        },
        "s",
      ),
    ];
  }

  /** The elements of some columns in one row. */
  #rowOf(own: readonly Columns[], row: Index, once: Held): Stmt[] {
    const scope = this.#scope;
    const columns = own.flatMap((o) => o.each);
    const sums = columns.flatMap((c) => c.sums);
    const inArrays = new Set(sums.map((x) => x.held));
    const ofRow = [...new Set(sums.flatMap(({ body }) => leavesIn(body)))].filter((l) => !inArrays.has(l));
    const summed = scope.unrolled(
      scope.sizes.fours,
      (t) => {
        const now: At = new Map<Axis, Index | Four>([
          [this.#row, row],
          [this.#tokens, { four: t }],
        ]);
        const shared = scope.fetched(
          ofRow.filter((l) => !l.index.includes(this.#column)),
          now,
        );
        const merged = columns.flatMap(({ at, sums }) =>
          sums.map(({ place, body, held, array }): Stmt => {
            const values = new Map<Expr, Value>([...shared.held, [held, element(array, t)]]);
            const value = inTile(scope, t, scope.value(body, new Map([...at, ...now]), values));
            return { kind: "merge", place, op: sum, value };
          }),
        );
        return [...shared.stmts, ...merged];
      },
      "s",
    );
    const written = own.flatMap(({ at, within, each }) => {
      const here: At = new Map([...at, [this.#row, row]]);
      const read = scope.fetched(this.#leavesOver([this.#row, this.#column]), here);
      const totals = (each[0] as Column).sums.map(({ leaf }, i): [Expr, Value] => {
        const of = each.map(({ sums }): Value => ({ kind: "total", of: (sums[i] as Sum).place }));
        return [leaf, of.length === 1 ? (of[0] as Value) : { kind: "four", of }];
      });
      const held = new Map([...once, ...read.held, ...totals]);
      const writes = this.#statements.flatMap((s) =>
        scope.write(s, here, within, scope.value(s.body, here, held)),
      );
      return [...read.stmts, ...writes];
    });
    const declared = sums.map(
      ({ place: { name } }): Stmt => ({ kind: "variable", name, extents: [], wide: true }),
    );
    return [...declared, ...summed, ...written];
  }
}

const element = (array: string, index: Index): Place => ({
  kind: "element",
  array,
  index: [index],
  wide: true,
});

/** Nothing, where the last four goes over the tile. */
function inTile({ sizes }: Scope, t: Index, value: Value): Value {
  if (sizes.length % FOUR === 0) return asFour(value);
  const where = [{ index: times(t, FOUR), bound: sizes.length }];
  return { kind: "masked", value: asFour(value), where, otherwise: "0.0", wide: true };
}
