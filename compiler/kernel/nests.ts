/** Loop nests: statements that share their loops, over the lanes and over what every lane runs through. */
import { reduce } from "../math/algebra.ts";
import { type Axis, type Dim, extentOf } from "../math/axis.ts";
import type { Expr, Tensor } from "../math/expr.ts";
import { printExpr } from "../math/print.ts";
import { unicode } from "../math/style.ts";
import type { Region } from "./access.ts";
import { type Below, barrier, named, type Place, type Stmt, type Value, when } from "./block.ts";
import { Exchanges } from "./exchanges.ts";
import type { Layout, Run } from "./layout.ts";
import type { Around, Loops } from "./loops.ts";
import type { Nest, Repeated, Scheduled, Step } from "./schedule.ts";
import type { Statement } from "./statements.ts";
import { isSummedInPlace, Sums } from "./sums.ts";
import { Turn } from "./turn.ts";
import { NOWHERE, Values } from "./values.ts";

export class Nests {
  readonly #layout: Layout;
  readonly #loops: Loops;
  readonly #values: Values;
  readonly #turn: Turn;
  readonly #exchanges: Exchanges;

  constructor(layout: Layout, loops: Loops) {
    this.#layout = layout;
    this.#loops = loops;
    this.#values = new Values(layout);
    this.#turn = new Turn(layout, this.#values);
    this.#exchanges = new Exchanges(layout);
  }

  step(step: Step): Stmt[] {
    return step.kind === "nest" ? this.nest(step) : this.#repeat(step);
  }

  /** Turns over what is carried, in the places that its start was given. */
  #repeat({ repeat, steps }: Repeated): Stmt[] {
    const { carry, turns, until, note } = repeat;
    for (const c of carry) this.#layout.share(c.previous, c.next);
    const flag = this.#layout.local("leave");
    this.#layout.workgroup.push({ name: flag, length: 1 });
    const number = (t: Tensor): Value => this.#layout.scalars.get(t) as Value;
    const leave: Stmt = { kind: "leave", flag, value: number(until.value), atMost: number(until.atMost) };
    const to = turns.each * extentOf(turns.dim, this.#layout.sizes);
    const body = [leave, ...steps.flatMap((s) => this.step(s))];
    return [
      { kind: "comment", text: note },
      { kind: "loop", name: this.#layout.local("turn"), from: 0, to, step: "rolled", body },
    ];
  }

  // -------------------------------------------------------------- nests

  nest(nest: Nest): Stmt[] {
    const comments = nest.statements.map(
      (s): Stmt => ({ kind: "comment", text: this.#describe(s.statement) }),
    );
    const declared = nest.statements.flatMap((s) => this.#declareTarget(s));
    const body = nest.lane === undefined ? this.#scalarNest(nest) : this.#laneNest(nest);
    const stored = nest.statements.some((s) => this.#isStored(s.statement));
    const shared =
      !this.#layout.target.subgroups && nest.statements.some((s) => s.statement.result.length === 1);
    const wait = stored ? this.waits() : shared ? [barrier("workgroup")] : [];
    return [...comments, ...declared, ...body, ...wait];
  }

  /** Whether a statement writes to storage what others read there. */
  #isStored(s: Statement): boolean {
    return s.kind !== "output" && s.result.length >= 1 && !this.#layout.arrays.has(s.target);
  }

  waits(): Stmt[] {
    return this.#layout.target.subgroups ? [barrier("storage")] : [barrier("storage"), barrier("workgroup")];
  }

  #describe(s: Statement): string {
    const body = s.reduction ? reduce(s.reduction.op, s.reduction.axis, s.body) : s.body;
    const text = s.result.length <= 2 ? printExpr(body, s.result, { style: unicode }) : "…";
    return `${s.target.name} = ${text.length > 100 ? `${text.slice(0, 99)}…` : text}`;
  }

  #declareTarget(s: Scheduled): Stmt[] {
    const { statement } = s;
    const isNew = statement.kind === "value" || statement.kind === "start";
    if (!isNew || statement.result.length !== 1 || this.#layout.buffers.has(statement.target)) return [];
    const initial = isSummedInPlace(this.#layout, statement)
      ? statement.reduction?.op.wgslInitial
      : undefined;
    return this.#layout.declareVector(statement.target, initial);
  }

  #scalarNest(nest: Nest): Stmt[] {
    return nest.statements.flatMap(({ statement }) =>
      this.#assignScalar(statement, this.#values.of(statement.body, NOWHERE)),
    );
  }

  #assignScalar(s: Statement, value: Value): Stmt[] {
    if (s.kind === "update")
      return [{ kind: "assign", place: this.#layout.scalars.get(s.target) as Place, value }];
    if (s.kind === "output") {
      const { buffer, base } = this.#layout.buffers.get(s.target) as Region;
      return [{ kind: "store", buffer, index: base, value }];
    }
    const name = this.#layout.name(s.target, "s");
    const place: Place = { kind: "local", name };
    this.#layout.scalars.set(s.target, place);
    if (s.kind === "value") return [{ kind: "let", name, value }];
    return [
      { kind: "variable", name, extents: [] },
      { kind: "assign", place, value },
    ];
  }

  /** Statements spread over the lanes, with loops inside for the axes that every lane runs through. */
  #laneNest(nest: Nest): Stmt[] {
    const lane = nest.lane as Dim;
    const tiled = this.#layout.schedule.tile?.dim === lane;
    if (nest.row) return this.#rowNest(nest, nest.row, tiled);
    const sums = new Sums(this.#layout);
    const reductions = nest.statements.filter((s) => s.statement.reduction);
    const overLanes = (body: Parameters<Loops["overLanes"]>[3]): Stmt[] =>
      this.#loops.overLanes(lane, tiled, this.#layout.local("n"), body);
    if (nest.sequential.length === 0) {
      return [
        ...sums.overLanes(reductions, this.#layout.spread.isByFours(lane, tiled)),
        ...overLanes((run, within) => this.#turn.elements(nest, [run], within, sums)),
        ...reductions.flatMap(({ statement }) => {
          const { stmts, value } = sums.merged(statement);
          return [...stmts, ...this.#assignScalar(statement, value)];
        }),
      ];
    }
    if (!this.#layout.schedule.resident)
      return overLanes((run, within) => this.#storedRow(nest, reductions, sums, run, within));
    return [
      ...sums.ofRows(reductions, lane, tiled),
      ...this.#turns(
        nest.sequential,
        [],
        (turns, inTurns, fetched) => [
          ...fetched,
          ...overLanes((run, within) =>
            this.#turn.elements(
              nest,
              [run, ...turns],
              [...within, ...inTurns],
              sums,
              this.#exchanges.fetched,
            ),
          ),
        ],
        nest,
      ),
      ...overLanes((run, within) => this.#finish(reductions, sums, [run], within)),
    ];
  }

  /** States in storage: row after row, so that nothing but one sum has to be held. */
  #storedRow(
    nest: Nest,
    reductions: readonly Scheduled[],
    sums: Sums,
    run: Run,
    within: readonly Below[],
  ): Stmt[] {
    const outer = nest.sequential.slice(0, -1);
    const last = nest.sequential.slice(-1);
    return this.#turns(
      outer,
      [],
      (row, inRow, fetched) => {
        sums.ofOneRow(reductions);
        const summed = this.#turns(
          last,
          row,
          (turns, inTurns, inner) => [
            ...inner,
            ...this.#turn.elements(
              nest,
              [run, ...turns],
              [...within, ...inTurns],
              sums,
              this.#exchanges.fetched,
            ),
          ],
          nest,
          inRow,
          [],
          sums.inParts(reductions),
        );
        return [
          ...fetched,
          ...sums.declared(reductions),
          ...summed,
          ...this.#finish(reductions, sums, [run, ...row], [...within, ...inRow]),
        ];
      },
      nest,
    );
  }

  /** Writes the sums of a row, or of four, to where they belong. */
  #finish(
    reductions: readonly Scheduled[],
    sums: Sums,
    runs: readonly Run[],
    within: readonly Below[],
  ): Stmt[] {
    return reductions.flatMap(({ statement, lane, sequential }) => {
      if (isSummedInPlace(this.#layout, statement)) return [];
      const axes = [lane as Axis, ...sequential];
      const at = new Map(runs.map((run, i) => [axes[i] as Axis, run]));
      return this.#turn.write(statement, at, sums.place(statement, runs[0] as Run), within);
    });
  }

  /** The lanes write the elements of one row. */
  #rowNest(nest: Nest, at: Expr, tiled: boolean): Stmt[] {
    const [d] = nest.sequential as [Dim];
    const count = extentOf(d, this.#layout.sizes);
    const row = this.#layout.local("row");
    const run: Run = { over: "turns", block: 0, lane: 0, element: named(row) };
    const written = this.#loops.overLanes(nest.lane as Dim, tiled, this.#layout.local("n"), (lanes, within) =>
      this.#turn.elements(nest, [lanes, run], within, new Sums(this.#layout)),
    );
    return [
      { kind: "let", name: row, value: { kind: "row", value: this.#values.of(at, NOWHERE), count } },
      ...when([{ index: named(row), bound: count }], written),
    ];
  }

  /** Opens the loops over sequential axes; inside, vectors along them are fetched from the lane that has them. */
  #turns(
    dims: readonly Dim[],
    runs: readonly Run[],
    body: (runs: readonly Run[], within: readonly Below[], fetched: readonly Stmt[]) => readonly Stmt[],
    nest: Nest,
    within: readonly Below[] = [],
    fetched: readonly Stmt[] = [],
    around?: Around,
  ): Stmt[] {
    const [d, ...rest] = dims;
    if (!d) return [...body(runs, within, fetched)];
    return this.#loops.overTurns(
      d,
      this.#layout.local("r"),
      this.#layout.local("c"),
      (run, inTurn) => {
        const depth = runs.length;
        const fetches = this.#exchanges.fetch(nest, depth, run);
        return this.#turns(
          rest,
          [...runs, run],
          body,
          nest,
          [...within, ...inTurn],
          [...fetched, ...fetches],
        );
      },
      this.#loops.step,
      around,
    );
  }
}
