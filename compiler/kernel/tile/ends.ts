/**
 * The states after a tile. A lane takes some columns of a matrix and has their factors of all tokens in registers; it
 * goes through the rows, whose factors are the same for all lanes, and adds up token by token what is written there.
 */
import { factorsOf, mul, at as renamed } from "../../math/algebra.ts";
import type { Axis } from "../../math/axis.ts";
import { type Expr, type Leaf, leaf } from "../../math/expr.ts";
import { mul as mulOp, sum } from "../../math/ops/index.ts";
import {
  asFour,
  type Below,
  element,
  type Index,
  isWide,
  masked,
  named,
  type Place,
  plus,
  quotient,
  remainder,
  type Stmt,
  times,
  type Value,
} from "../block.ts";
import { folded } from "../fold.ts";
import { FOUR } from "./layout.ts";
import type { At, Four } from "./loops.ts";
import { type Held, leavesIn, type Scope } from "./scope.ts";
import type { Statement } from "./statements.ts";

/**
 * Rows that one workgroup goes through, where they divide a matrix: few where there are many workgroups at a time, and more
 * where there are not, since each begins with its columns' factors.
 */
const ROWS = { wide: 16, narrow: 64 };
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
  const most = scope.narrow ? ROWS.narrow : ROWS.wide;
  const high = rows % most === 0 ? most : rows;
  return {
    columns: { each, count: Math.ceil(columns / (each * scope.lanes)) },
    rows: { each: high, count: rows / high },
  };
}

/** One of the sums over the tokens, in what a lane writes at once: the products of three parts of each token. */
interface Sum {
  readonly place: Place & { readonly kind: "local" };
  /** What the statement reads of it. */
  readonly leaf: Leaf;
  /** What does not depend on the row, which is in an array; what does not on the column; and what depends on both. */
  readonly ofColumn: Expr;
  readonly array: string;
  readonly ofRow: Expr;
  readonly ofBoth: Expr;
}

/** What a lane writes at once: one column, or four in a row. */
interface Piece {
  readonly at: At;
  readonly within: readonly Below[];
  readonly sums: readonly Sum[];
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
      const block = remainder(i, columns.count);
      const from = times(quotient(i, columns.count), rows.each);
      const isFour = scope.isInFours((this.#statements[0] as Statement).target);
      const [row, column] = [scope.name("row", ""), scope.name(isFour ? "four" : "column", "")];
      const own = isFour ? [this.#four(named(column))] : this.#apart(named(column), columns.each);
      const once = scope.fetched(this.#leavesOver([]), new Map());
      const lane = plus(times(block, own.length * scope.lanes), named("lane"));
      return [
        { kind: "index", name: column, value: lane },
        ...this.#fetched(own),
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
  #apart(first: Index, count: number): Piece[] {
    const { lanes } = this.#scope;
    const extent = this.#scope.extent(this.#column);
    return Array.from({ length: count }, (_, c): Piece => {
      const element = plus(first, c * lanes);
      const at: At = new Map([[this.#column, element]]);
      const within = extent % lanes === 0 ? [] : [{ index: element, bound: extent }];
      return { at, within, sums: this.#sums(false) };
    });
  }

  #four(four: Index): Piece {
    return { at: new Map([[this.#column, { four }]]), within: [], sums: this.#sums(true) };
  }

  #sums(isFour: boolean): Sum[] {
    const wide = isFour ? { wide: true as const } : {};
    return this.#statements.flatMap(({ sums, result }) =>
      sums.map(({ tensor, axis, body }): Sum => {
        const factors = factorsOf(renamed(body, [axis], [this.#tokens]));
        const isOfRow = (f: Expr): boolean => f.axes.includes(this.#row);
        const isOfColumn = (f: Expr): boolean => f.axes.includes(this.#column);
        return {
          place: { kind: "local", name: this.#scope.name(tensor.name, ""), ...wide },
          leaf: leaf(tensor, result) as Leaf,
          ofColumn: mul(...factors.filter((f) => !isOfRow(f))),
          array: this.#scope.name("factors", ""),
          ofRow: mul(...factors.filter((f) => isOfRow(f) && !isOfColumn(f))),
          ofBoth: mul(...factors.filter((f) => isOfRow(f) && isOfColumn(f))),
        };
      }),
    );
  }

  /** The columns' own factors, of all tokens. */
  #fetched(own: readonly Piece[]): Stmt[] {
    const scope = this.#scope;
    const { fours, length } = scope.sizes;
    const leaves = [...new Set(own.flatMap((p) => p.sums.flatMap((s) => leavesIn(s.ofColumn))))];
    const isOfColumn = (l: Leaf): boolean => l.index.includes(this.#column);
    const declared = own.flatMap(({ sums }) =>
      sums.map(({ array, place: { wide } }): Stmt => variable(array, [fours * FOUR], wide)),
    );
    const filled = scope.once(
      length,
      (t) => {
        const now: At = new Map([[this.#tokens, t]]);
        const ofAll = scope.fetched(
          leaves.filter((l) => !isOfColumn(l)),
          now,
        );
        const assigned = own.flatMap(({ at, sums }) => {
          const here: At = new Map([...at, ...now]);
          const read = scope.fetched(leaves.filter(isOfColumn), here);
          const held = new Map([...ofAll.held, ...read.held]);
          const each = sums.map(({ array, ofColumn, place: { wide } }): Stmt => {
            const value = scope.value(ofColumn, here, held);
            return { kind: "assign", place: element(array, t, wide), value: wide ? asFour(value) : value };
          });
          return [...read.stmts, ...each];
        });
        return [...ofAll.stmts, ...assigned];
      },
      "s",
    );
    return [...declared, ...filled];
  }

  /** The elements of some columns in one row. */
  #rowOf(own: readonly Piece[], row: Index, once: Held): Stmt[] {
    const scope = this.#scope;
    const here: At = new Map([[this.#row, row]]);
    const declared = own.flatMap(({ sums }) =>
      sums.map(({ place: { name, wide } }): Stmt => variable(name, [], wide)),
    );
    const written = own.flatMap(({ at, within, sums }) => {
      const element: At = new Map([...at, ...here]);
      const read = scope.fetched(this.#leavesOver([this.#row, this.#column]), element);
      const totals = sums.map(({ leaf, place }): [Expr, Value] => [leaf, place]);
      const held = new Map([...once, ...read.held, ...totals]);
      const writes = this.#statements.flatMap((s) =>
        scope.write(s, element, within, scope.value(s.body, element, held)),
      );
      return [...read.stmts, ...writes];
    });
    return [...declared, ...this.#summed(own, here), ...written];
  }

  /** The sums of a row, token by token. */
  #summed(own: readonly Piece[], here: At): Stmt[] {
    const scope = this.#scope;
    const { fours, length } = scope.sizes;
    const leaves = [...new Set(own.flatMap(({ sums }) => sums.flatMap((s) => leavesIn(s.ofRow))))];
    const read = scope.ofTokens(leaves, this.#tokens, here, { from: 0, fours });
    const merged = scope.unrolled(
      fours,
      (t) => {
        const now: At = new Map<Axis, Index | Four>([...here, [this.#tokens, { four: t }]]);
        const { stmts, held } = read.of(t);
        const merges = ([0, 1, 2, 3] as const).flatMap((n) => {
          const token = plus(times(t, FOUR), n);
          const where = length % FOUR === 0 ? [] : [{ index: token, bound: length }];
          return own.flatMap(({ at, sums }) =>
            sums.map(({ place, array, ofRow, ofBoth }): Stmt => {
              const value = product([
                element(array, token, place.wide),
                component(scope.value(ofRow, now, held), n),
                scope.value(ofBoth, new Map([...here, ...at, [this.#tokens, token]])),
              ]);
              return { kind: "merge", place, op: sum, value: masked(value, where, "0.0") };
            }),
          );
        });
        return [...stmts, ...merges];
      },
      "s",
    );
    return [...read.stmts, ...merged];
  }
}

/** One of four numbers, or the number that they all are. */
const component = (of: Value, at: 0 | 1 | 2 | 3): Value => (isWide(of) ? { kind: "component", of, at } : of);

const isOne = (v: Value): boolean => v.kind === "constant" && v.value === 1;

const product = (factors: readonly Value[]): Value => {
  const [first, ...others] = factors.filter((f) => !isOne(f)) as [Value, ...Value[]];
  return others.length === 0 ? first : folded(mulOp, [first, ...others]);
};

const variable = (name: string, extents: readonly number[], wide: true | undefined): Stmt => ({
  kind: "variable",
  name,
  extents,
  ...(wide ? { wide } : {}),
});
