/**
 * A product on a GPU: a workgroup brings a tile of both matrices into its memory, and every lane makes a square of the
 * result from them, its rows and columns as far apart as lanes lie side by side.
 */
import { barrier, type Index, named, plus, type Stmt, times, type Value, when } from "../kernel/block.ts";
import type { Axis } from "../math/axis.ts";
import { type Expr, leaf } from "../math/expr.ts";
import { mul as mulOp, sum } from "../math/ops/index.ts";
import type { DenseKernel, Frame } from "./frame.ts";
import type { Product } from "./product.ts";
import { isContiguous } from "./rows.ts";
import { Scope, usesIn } from "./scope.ts";
import { count, partsOf } from "./space.ts";
import type { Job } from "./split.ts";

/** Lanes in a row, and in a column. */
const SIDE = 16;
const LANES = SIDE * SIDE;
/** Terms that are in workgroup memory at once. */
const DEPTH = 16;
/** A GPU is busy with this many workgroups. */
const ENOUGH_GROUPS = 64;

const upTo = (n: number): number[] => [...Array(n).keys()];

export function tiledProduct(name: string, job: Job, product: Product, frame: Frame): DenseKernel {
  const { sizes } = frame;
  const { batch, rows, columns, inner } = product;
  const [M, N, K] = [rows, columns, inner].map((axes) => count(axes, sizes)) as [number, number, number];
  const matrices = count(batch, sizes);
  const groups = (own: number): number =>
    Math.ceil(M / (SIDE * own)) * Math.ceil(N / (SIDE * own)) * matrices;
  /** Rows, and columns, of a lane. */
  const own = groups(4) >= ENOUGH_GROUPS ? 4 : groups(2) >= ENOUGH_GROUPS || Math.max(M, N) > SIDE ? 2 : 1;
  const side = SIDE * own;
  const [down, across] = [Math.ceil(M / side), Math.ceil(N / side)];
  for (const { tensor } of job.outputs) frame.written.add(tensor);

  const values = job.outputs.map((o) => o.value);
  const uses = usesIn([...values, product.left, product.right], job.main ? [job.main] : []);
  const top = new Scope(frame, uses);
  const index = (n: string, value: Index): Stmt => ({ kind: "index", name: n, value });
  const [matrix, firstRow, firstColumn, laneRow, laneColumn, block, depth] = [
    "matrix",
    "row",
    "column",
    "lane_row",
    "lane_column",
    "block",
    "depth",
  ].map((n) => frame.name(n)) as [string, string, string, string, string, string, string];
  const tiles = named("group");
  const start: Stmt[] = [
    index(laneRow, { kind: "quotient", of: named("lane"), by: SIDE }),
    index(laneColumn, { kind: "remainder", of: named("lane"), by: SIDE }),
    index(firstColumn, times({ kind: "remainder", of: tiles, by: across }, side)),
    index(
      firstRow,
      times({ kind: "remainder", of: { kind: "quotient", of: tiles, by: across }, by: down }, side),
    ),
  ];
  if (matrices > 1) start.push(index(matrix, { kind: "quotient", of: tiles, by: across * down }));
  for (const [axis, spot] of partsOf(matrix, batch, sizes)) top.bind(axis, spot);

  /** Brings a tile of an operand into workgroup memory, in the order in which it lies. */
  const bring = (
    operand: Expr,
    axes: readonly Axis[],
    first: string,
    extent: number,
    array: string,
  ): Stmt => {
    const [turn, at, line, term, place, deep] = [
      "turn",
      "tile_element",
      "tile_line",
      "tile_term",
      "line",
      "inner",
    ].map((n) => frame.name(n)) as [string, string, string, string, string, string];
    const innerFirst = isContiguous(operand, inner, sizes);
    const [fast, slow]: [Index, Index] = innerFirst
      ? [
          { kind: "remainder", of: named(at), by: DEPTH },
          { kind: "quotient", of: named(at), by: DEPTH },
        ]
      : [
          { kind: "remainder", of: named(at), by: side },
          { kind: "quotient", of: named(at), by: side },
        ];
    const scope = top.inner([...partsOf(place, axes, sizes), ...partsOf(deep, inner, sizes)]);
    const value = scope.value(operand);
    const inside = [
      { index: plus(named(first), named(line)), bound: extent },
      { index: plus(times(named(block), DEPTH), named(term)), bound: K },
    ];
    const masked: Value = { kind: "masked", value, where: inside, otherwise: "0.0" };
    const clamped = (i: Index, n: number): Index => ({ kind: "least", of: [i, n - 1] });
    return {
      kind: "loop",
      name: turn,
      from: 0,
      to: (side * DEPTH) / LANES,
      step: "one",
      body: [
        index(at, plus(named("lane"), times(LANES, named(turn)))),
        index(line, innerFirst ? slow : fast),
        index(term, innerFirst ? fast : slow),
        index(place, clamped(plus(named(first), named(line)), extent)),
        index(deep, clamped(plus(times(named(block), DEPTH), named(term)), K)),
        ...scope.statements,
        {
          kind: "assign",
          place: { kind: "element", array, index: [plus(times(named(term), side), named(line))] },
          value: masked,
        },
      ],
    };
  };
  const [leftTile, rightTile, sums] = ["left_tile", "right_tile", "sums"].map((n) => frame.name(n)) as [
    string,
    string,
    string,
  ];
  frame.workgroup.push({ name: leftTile, length: side * DEPTH }, { name: rightTile, length: side * DEPTH });
  const bringing = [
    bring(product.left, rows, firstRow, M, leftTile),
    bring(product.right, columns, firstColumn, N, rightTile),
  ];

  const inTile = (array: string, lane: string, i: number): Value => ({
    kind: "element",
    array,
    index: [plus(times(named(depth), side), named(lane), SIDE * i)],
  });
  const fetched: Stmt[] = [];
  const fetch = (hint: string, value: Value): Value => {
    const local = frame.name(hint);
    fetched.push({ kind: "let", name: local, value });
    return { kind: "local", name: local };
  };
  const left = upTo(own).map((r) => fetch("left", inTile(leftTile, laneRow, r)));
  const right = upTo(own).map((c) => fetch("right", inTile(rightTile, laneColumn, c)));
  const multiply = left.flatMap((l, r) =>
    right.map(
      (x, c): Stmt => ({
        kind: "merge",
        place: { kind: "element", array: sums, index: [r * own + c] },
        op: sum,
        value: { kind: "apply", op: mulOp, args: [l, x] },
      }),
    ),
  );

  // Before the body is put together: what the outputs need may stand outside of all loops.
  const stores: Stmt[] = upTo(own).flatMap((r) =>
    upTo(own).flatMap((c) => {
      const [row, column] = [frame.name("row"), frame.name("column")];
      const here = top.inner([...partsOf(row, rows, sizes), ...partsOf(column, columns, sizes)]);
      if (job.main) here.know(job.main, { kind: "element", array: sums, index: [r * own + c] });
      for (const { tensor, value } of job.outputs) {
        const made = here.value(value);
        const place = here.place(leaf(tensor, job.axes));
        here.statements.push({ kind: "store", buffer: frame.writes(tensor), index: place, value: made });
      }
      return [
        index(row, plus(named(firstRow), named(laneRow), SIDE * r)),
        index(column, plus(named(firstColumn), named(laneColumn), SIDE * c)),
        ...when(
          [
            { index: named(row), bound: M },
            { index: named(column), bound: N },
          ],
          here.statements,
        ),
      ];
    }),
  );
  const body: Stmt[] = [
    ...start,
    ...top.statements,
    { kind: "variable", name: sums, extents: [own * own] },
    {
      kind: "loop",
      name: block,
      from: 0,
      to: Math.ceil(K / DEPTH),
      step: "rolled",
      body: [
        ...bringing,
        barrier("workgroup"),
        { kind: "loop", name: depth, from: 0, to: DEPTH, step: "rolled", body: [...fetched, ...multiply] },
        barrier("workgroup"),
      ],
    },
    ...stores,
  ];
  return frame.kernel(name, { lanes: LANES, subgroups: false }, matrices * down * across, body);
}
