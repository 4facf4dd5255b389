/**
 * A product on an adapter with narrow subgroups, which computes with wide registers and is slow in memory: a workgroup is
 * one subgroup, a lane has four columns of some rows in registers, and rows go from lane to lane.
 */
import { type Index, named, type Place, plus, type Stmt, times, type Value } from "../kernel/block.ts";
import type { Axis } from "../math/axis.ts";
import { leaf } from "../math/expr.ts";
import { add as addOp, mul as mulOp, sum } from "../math/ops/index.ts";
import type { DenseKernel, Frame } from "./frame.ts";
import type { Product } from "./product.ts";
import { Scope, usesIn } from "./scope.ts";
import { count, partsOf } from "./space.ts";
import type { Job } from "./split.ts";

/** Columns of a lane, and terms that are added at once. */
const FOUR = 4;
/** Rows of a workgroup. */
const MOST_ROWS = 16;

const upTo = (n: number): number[] => [...Array(n).keys()];

export function narrowProduct(name: string, job: Job, product: Product, frame: Frame): DenseKernel {
  const { sizes, target } = frame;
  const { lanes } = target;
  const { batch, rows, columns, inner } = product;
  const [M, N, K] = [rows, columns, inner].map((axes) => count(axes, sizes)) as [number, number, number];
  const tileRows = Math.min(MOST_ROWS, Math.ceil(M / lanes) * lanes);
  const tileColumns = FOUR * lanes;
  const [down, across] = [Math.ceil(M / tileRows), Math.ceil(N / tileColumns)];
  for (const { tensor } of job.outputs) frame.written.add(tensor);

  const values = job.outputs.map((o) => o.value);
  const uses = usesIn([...values, product.left, product.right], job.main ? [job.main] : []);
  const top = new Scope(frame, uses);
  const one = (hint: string): string => frame.name(hint);
  const [matrix, firstRow, firstColumn] = [one("matrix"), one("row"), one("column")];
  const index = (n: string, value: Index): Stmt => ({ kind: "index", name: n, value });
  const tiles = named("group");
  const start: Stmt[] = [
    index(firstColumn, times({ kind: "remainder", of: tiles, by: across }, tileColumns)),
    index(
      firstRow,
      times({ kind: "remainder", of: { kind: "quotient", of: tiles, by: across }, by: down }, tileRows),
    ),
  ];
  const matrices = count(batch, sizes);
  if (matrices > 1) start.push(index(matrix, { kind: "quotient", of: tiles, by: across * down }));
  for (const [axis, spot] of partsOf(matrix, batch, sizes)) top.bind(axis, spot);

  /** A lane's rows or columns: one scope for each, with what depends on nothing else. */
  const lined = (of: string, first: string, n: number, axes: readonly Axis[], extent: number): Scope[] =>
    upTo(n).map((i) => {
      const at = one(of);
      const place = plus(named(first), named("lane"), lanes * i);
      const isWhole = extent % (n * lanes) === 0;
      start.push(index(at, isWhole ? place : { kind: "least", of: [place, extent - 1] }));
      return top.inner(partsOf(at, axes, sizes));
    });
  const rowScopes = lined("own_row", firstRow, tileRows / lanes, rows, M);
  const columnScopes = lined("own_column", firstColumn, FOUR, columns, N);

  const sums = frame.name("sums");
  const term = frame.name("term");
  const isWhole = K % FOUR === 0;
  const terms = upTo(FOUR).map((i) => {
    const at = one("inner");
    const place = plus(times(named(term), FOUR), i);
    return { at, place, stmt: index(at, isWhole ? place : { kind: "least", of: [place, K - 1] }) };
  });
  const turn: Stmt[] = terms.map((t) => t.stmt);
  const elementsOf = (
    scopes: readonly Scope[],
    operand: Product["left"],
    hint: string,
    isMasked: boolean,
  ): Value[][] =>
    scopes.map((scope) =>
      terms.map(({ at, place }) => {
        const here = scope.inner(partsOf(at, inner, sizes));
        let value = here.value(operand);
        if (isMasked)
          value = { kind: "masked", value, where: [{ index: place, bound: K }], otherwise: "0.0" };
        const local = one(hint);
        turn.push(...here.statements, { kind: "let", name: local, value });
        return { kind: "local", name: local };
      }),
    );
  turn.push({
    kind: "comment",
    text: "Elements of its rows that each lane holds for all, and of its own columns.",
  });
  const left = elementsOf(rowScopes, product.left, "left", !isWhole);
  const right = elementsOf(columnScopes, product.right, "right", false);
  const fours = terms.map((_, i): Value => {
    const local = one("columns");
    const of = right.map((column) => column[i] as Value);
    turn.push({ kind: "let", name: local, value: { kind: "four", of } });
    return { kind: "local", name: local, wide: true };
  });
  for (const r of upTo(tileRows)) {
    const own = left[Math.floor(r / lanes)] as Value[];
    const products = fours.map(
      (four, i): Value => ({
        kind: "apply",
        op: mulOp,
        args: [{ kind: "shuffle", value: own[i] as Value, lane: r % lanes }, four],
      }),
    );
    const place: Place = { kind: "element", array: sums, index: [r], wide: true };
    turn.push({ kind: "merge", place, op: sum, value: { kind: "apply", op: addOp, args: products } });
  }

  const store = storing(job, product, top, { sums, firstRow, firstColumn, tileRows, lanes, M, N });
  const dims = (axes: readonly Axis[]): string => axes.map((a) => a.dim.key).join(" × ");
  const body: Stmt[] = [
    {
      kind: "comment",
      text: `${matrices} × [${dims(rows)} by ${dims(inner)}] · [${dims(inner)} by ${dims(columns)}]`,
    },
    ...start,
    ...[top, ...rowScopes, ...columnScopes].flatMap((s) => s.statements),
    { kind: "variable", name: sums, extents: [tileRows], wide: true },
    { kind: "loop", name: term, from: 0, to: Math.ceil(K / FOUR), step: "rolled", body: turn },
    ...store,
  ];
  return frame.kernel(name, { lanes, subgroups: true }, matrices * down * across, body);
}

interface Tile {
  readonly sums: string;
  readonly firstRow: string;
  readonly firstColumn: string;
  readonly tileRows: number;
  readonly lanes: number;
  readonly M: number;
  readonly N: number;
}

/** What is made of the sums, row by row. */
function storing(job: Job, { rows, columns }: Product, top: Scope, tile: Tile): Stmt[] {
  const { frame } = top;
  const { sizes } = frame;
  const { sums, firstRow, firstColumn, tileRows, lanes, M, N } = tile;
  const [r, c, row, column] = ["tile_row", "tile_column", "row", "column"].map((n) => frame.name(n)) as [
    string,
    string,
    string,
    string,
  ];
  const here = top.inner(partsOf(row, rows, sizes));
  const element = here.inner(partsOf(column, columns, sizes));
  if (job.main) element.know(job.main, { kind: "element", array: sums, index: [named(r), named(c)] });
  for (const { tensor, value } of job.outputs) {
    const made = element.value(value);
    const place = element.place(leaf(tensor, job.axes));
    element.statements.push({ kind: "store", buffer: frame.writes(tensor), index: place, value: made });
  }
  const inColumns: Stmt = {
    kind: "loop",
    name: c,
    from: 0,
    to: FOUR,
    step: "one",
    body: [
      { kind: "index", name: column, value: plus(named(firstColumn), named("lane"), times(lanes, named(c))) },
      { kind: "when", all: [{ index: named(column), bound: N }], body: element.statements },
    ],
  };
  const title = job.outputs.map((o) => frame.plain(o.tensor)).join(", ");
  return [
    { kind: "comment", text: title },
    {
      kind: "loop",
      name: r,
      from: 0,
      to: tileRows,
      step: "rolled",
      body: [
        { kind: "index", name: row, value: plus(named(firstRow), named(r)) },
        { kind: "when", all: [{ index: named(row), bound: M }], body: [...here.statements, inColumns] },
      ],
    },
  ];
}
