import { reduce } from "../math/algebra.ts";
import { type Axis, type Dim, extentOf } from "../math/axis.ts";
import type { Expr, Tensor } from "../math/expr.ts";
import { printExpr } from "../math/print.ts";
import { unicode } from "../math/style.ts";
import { leave } from "./access.ts";
import {
  asFour,
  type Below,
  barrier,
  type Index,
  masked,
  named,
  type Place,
  read,
  type Stmt,
  type Value,
  when,
} from "./block.ts";
import type { Layout, Run } from "./layout.ts";
import type { Around, Loops } from "./loops.ts";
import { leavesOf, type Nest, type Repeated, type Scheduled, type Step } from "./schedule.ts";
import type { Statement } from "./statements.ts";
import { Sums } from "./sums.ts";
import { type Here, NOWHERE, Values } from "./values.ts";

export class Nests {
  readonly #layout: Layout;
  readonly #loops: Loops;
  readonly #values: Values;

  constructor(layout: Layout, loops: Loops) {
    this.#layout = layout;
    this.#loops = loops;
    this.#values = new Values(layout);
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
    return this.#layout.declareVector(statement.target, statement.reduction?.op.wgslInitial);
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
      const { buffer, base } = this.#layout.buffers.get(s.target) as { buffer: string; base: Index };
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
        ...sums.overLanes(reductions, this.#layout.isByFours(lane, tiled)),
        ...overLanes((run, within) => this.#elements(nest, [run], within, sums)),
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
            this.#elements(nest, [run, ...turns], [...within, ...inTurns], sums, this.#fetchedValues),
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
            ...this.#elements(nest, [run, ...turns], [...within, ...inTurns], sums, this.#fetchedValues),
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
      if (sums.isInPlace(statement)) return [];
      const axes = [lane as Axis, ...sequential];
      const at = new Map(runs.map((run, i) => [axes[i] as Axis, run]));
      return this.#write(statement, at, sums.place(statement, runs[0] as Run), within);
    });
  }

  /** The lanes write the elements of one row. */
  #rowNest(nest: Nest, at: Expr, tiled: boolean): Stmt[] {
    const [d] = nest.sequential as [Dim];
    const count = extentOf(d, this.#layout.sizes);
    const row = this.#layout.local("row");
    const run: Run = { over: "turns", block: 0, lane: 0, element: named(row) };
    const written = this.#loops.overLanes(nest.lane as Dim, tiled, this.#layout.local("n"), (lanes, within) =>
      this.#elements(nest, [lanes, run], within, new Sums(this.#layout)),
    );
    return [
      { kind: "let", name: row, value: { kind: "row", value: this.#values.of(at, NOWHERE), count } },
      ...when([{ index: named(row), bound: count }], written),
    ];
  }

  /** Values that the lanes exchange once for all their rows: filled while the loops are opened. */
  #fetchedValues: Map<Tensor, Map<Axis, Value>> = new Map();

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
        const fetches = this.#fetch(nest, depth, run);
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

  #fetch(nest: Nest, depth: number, run: Run & { over: "turns" }): Stmt[] {
    if (depth === 0) this.#fetchedValues = new Map();
    const stmts: Stmt[] = [];
    for (const s of nest.statements) {
      const axis = s.sequential[depth];
      for (const l of leavesOf(s.statement.body)) {
        if (l.index.length !== 1 || l.index[0] !== axis || !axis || !this.#layout.arrays.has(l.tensor))
          continue;
        const known = this.#fetchedValues.get(l.tensor) ?? new Map<Axis, Value>();
        const same = [...known].find(([a]) => nest.statements.some((o) => o.sequential[depth] === a));
        if (same) {
          known.set(axis, same[1]);
          continue;
        }
        const value = this.#exchange(l.tensor, run);
        this.#fetchedValues.set(l.tensor, known);
        if (depth === nest.sequential.length - 1 && this.#isUsedOnce(l.tensor, nest, depth)) {
          known.set(axis, value);
          continue;
        }
        const name = this.#layout.local(`${l.tensor.name}_at`);
        stmts.push({ kind: "let", name, value });
        known.set(axis, { kind: "local", name });
      }
    }
    return stmts;
  }

  /** Whether a turn needs the element of a vector once: it then stands where it is used, outside of all conditions. */
  #isUsedOnce(t: Tensor, nest: Nest, depth: number): boolean {
    const { schedule, arrays } = this.#layout;
    const lane = nest.lane as Dim;
    const tiled = schedule.tile?.dim === lane;
    const isOneRow = this.#layout.isByFours(lane, tiled) || this.#layout.blocks(lane, tiled) === 1;
    const staysHere = nest.statements.every(({ statement: s }) => s.reduction || arrays.has(s.target));
    if (!schedule.resident || !isOneRow || !staysHere) return false;
    const uses = (e: Expr, along: Axis | undefined): number => {
      if (e.kind === "leaf") return e.tensor === t && e.index.length === 1 && e.index[0] === along ? 1 : 0;
      return e.kind === "apply" ? e.args.reduce((n, a) => n + uses(a, along), 0) : 0;
    };
    return nest.statements.reduce((n, s) => n + uses(s.statement.body, s.sequential[depth]), 0) === 1;
  }

  #exchange(t: Tensor, run: Run & { over: "turns" }): Value {
    const value = read(this.#layout.vectorPlace(t, run));
    return this.#layout.target.subgroups ? { kind: "shuffle", value, lane: run.lane } : value;
  }

  /** One turn of the innermost loop: every statement at its element, or at four. */
  #elements(
    nest: Nest,
    runs: readonly Run[],
    within: readonly Below[],
    sums: Sums,
    fetched: Here["fetched"] = NOWHERE.fetched,
  ): Stmt[] {
    const [lane] = runs as [Run & { over: "lanes" }];
    const fresh = new Map<Tensor, Value>();
    const out: Stmt[] = [];
    const writes: Stmt[] = [];
    for (const [i, s] of nest.statements.entries()) {
      const { statement } = s;
      const axes = new Map([s.lane, ...s.sequential].map((a, i) => [a as Axis, runs[i] as Run]));
      const one = this.#values.of(s.row?.value ?? statement.body, { axes, fetched, fresh });
      const value = lane.apart ? asFour(one) : one;
      if (statement.reduction) {
        const { op, axis } = statement.reduction;
        // Elements outside the reduced axis must not count; rows outside are never stored.
        const bounds = within.filter((b) => b.index === axes.get(axis)?.element);
        const place = sums.place(statement, lane);
        out.push({ kind: "merge", place, op, value: masked(value, bounds, op.wgslInitial) });
        continue;
      }
      if (
        statement.kind !== "update" ||
        !this.#isReadBefore(statement.target, nest.statements.slice(i + 1))
      ) {
        out.push(...this.#write(statement, axes, value, within));
        continue;
      }
      const name = this.#layout.local(`${statement.target.name}_new`);
      const made: Place = { kind: "local", name, ...(lane.apart ? { wide: true } : {}) };
      out.push({ kind: "let", name, value });
      fresh.set(statement.target, made);
      writes.push(...this.#write(statement, axes, made, within));
    }
    // These are stored last: every statement of the turn has read the old ones by then.
    return [...out, ...writes];
  }

  /** Whether others read what is in the place of a new state first, or read it anew from memory. */
  #isReadBefore(t: Tensor, others: readonly Scheduled[]): boolean {
    const { arrays, target } = this.#layout;
    const place = arrays.get(t);
    if (place === undefined || !target.subgroups) return true;
    return others.some((s) =>
      leavesOf(s.statement.body).some((l) => l.tensor !== t && arrays.get(l.tensor) === place),
    );
  }

  #write(s: Statement, axes: ReadonlyMap<Axis, Run>, value: Value, within: readonly Below[]): Stmt[] {
    const runs = s.result.map((a) => axes.get(a) as Run);
    if (s.kind !== "output" && this.#layout.arrays.has(s.target))
      return [{ kind: "assign", place: this.#layout.place(s.target, s.target.shape, runs), value }];
    const { buffer, spot } = this.#layout.spot(s.target, runs);
    return leave(value, buffer, spot, within, (hint) => this.#layout.local(`${s.target.name}_${hint}`));
  }
}
