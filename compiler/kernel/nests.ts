import { reduce } from "../math/algebra.ts";
import { type Axis, type Dim, extentOf } from "../math/axis.ts";
import { type Expr, type Leaf, open, type Tensor } from "../math/expr.ts";
import { printExpr } from "../math/print.ts";
import { unicode } from "../math/style.ts";
import { InternalError } from "../source/diagnostic.ts";
import {
  type Below,
  barrier,
  type Index,
  masked,
  named,
  type Place,
  plus,
  read,
  type Stmt,
  type Value,
  when,
} from "./block.ts";
import { folded } from "./fold.ts";
import type { Layout, Run } from "./layout.ts";
import type { Around, Loops } from "./loops.ts";
import { leavesOf, type Nest, type Repeated, type Scheduled, type Step } from "./schedule.ts";
import type { Statement } from "./statements.ts";

export class Nests {
  readonly #layout: Layout;
  readonly #loops: Loops;

  constructor(layout: Layout, loops: Loops) {
    this.#layout = layout;
    this.#loops = loops;
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
    return this.#layout.declareVector(statement.target);
  }

  #scalarNest(nest: Nest): Stmt[] {
    return nest.statements.flatMap((s): Stmt[] => {
      const value = this.#value(s.statement.body, new Map(), new Map());
      return this.#assignScalar(s.statement, value);
    });
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
    const rowSums = nest.statements.filter(
      (s) => s.statement.reduction && s.statement.reduction.axis !== s.lane,
    );
    const laneSums = nest.statements.filter(
      (s) => s.statement.reduction && s.statement.reduction.axis === s.lane,
    );
    const accumulators = new Map<Statement, string>();
    const blocks = this.#layout.blocks(lane, tiled);
    const declared: Stmt[] = [];
    for (const s of [...rowSums, ...laneSums]) {
      const name = this.#layout.local("sum");
      accumulators.set(s.statement, name);
      const initial = (s.statement.reduction as NonNullable<Statement["reduction"]>).op.wgslInitial;
      const extents = laneSums.includes(s) || this.#rowsOutside(nest) ? [] : [blocks];
      declared.push({ kind: "variable", name, extents, initial });
    }
    const n = this.#layout.local("n");
    if (nest.row) return this.#rowNest(nest, nest.row, tiled);
    if (nest.sequential.length === 0) {
      return [
        ...declared,
        ...this.#loops.overLanes(lane, tiled, n, (run, within) =>
          this.#elements(nest, [run], within, accumulators, new Map()),
        ),
        ...this.#finishLaneSums(laneSums, accumulators),
      ];
    }
    if (this.#rowsOutside(nest)) {
      // States in storage: row after row, so that nothing but one sum has to be held.
      const outer = nest.sequential.slice(0, -1);
      const last = nest.sequential.slice(-1);
      return this.#loops.overLanes(lane, tiled, n, (run, within) =>
        this.#turns(
          outer,
          [],
          (row, inRow, fetched) => {
            const summed = this.#turns(
              last,
              row,
              (turns, inTurns, inner) => [
                ...inner,
                ...this.#elements(
                  nest,
                  [run, ...turns],
                  [...within, ...inTurns],
                  accumulators,
                  this.#fetchedValues,
                ),
              ],
              nest,
              inRow,
              [],
              this.#inParts(rowSums, accumulators),
            );
            return [
              ...fetched,
              ...this.#declared(rowSums, accumulators),
              ...summed,
              ...this.#finishRowSums(rowSums, accumulators, [run, ...row], [...within, ...inRow], false),
            ];
          },
          nest,
        ),
      );
    }
    return [
      ...declared,
      ...this.#turns(
        nest.sequential,
        [],
        (turns, inTurns, fetched) => [
          ...fetched,
          ...this.#loops.overLanes(lane, tiled, n, (run, within) =>
            this.#elements(nest, [run, ...turns], [...within, ...inTurns], accumulators, this.#fetchedValues),
          ),
        ],
        nest,
      ),
      ...this.#loops.overLanes(lane, tiled, this.#layout.local("n"), (run, within) =>
        this.#finishRowSums(rowSums, accumulators, [run], within, true),
      ),
      ...this.#finishLaneSums(laneSums, accumulators),
    ];
  }

  /** The lanes write the elements of one row. */
  #rowNest(nest: Nest, at: Expr, tiled: boolean): Stmt[] {
    const [d] = nest.sequential as [Dim];
    const count = extentOf(d, this.#layout.sizes);
    const row = this.#layout.local("row");
    const run: Run = { over: "turns", block: 0, lane: 0, element: named(row) };
    const written = this.#loops.overLanes(nest.lane as Dim, tiled, this.#layout.local("n"), (lanes, within) =>
      this.#elements(nest, [lanes, run], within, new Map(), new Map()),
    );
    return [
      { kind: "let", name: row, value: { kind: "row", value: this.#value(at, new Map(), new Map()), count } },
      ...when([{ index: named(row), bound: count }], written),
    ];
  }

  #rowsOutside(nest: Nest): boolean {
    return nest.sequential.length > 0 && !this.#layout.schedule.resident;
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

  #declared(sums: readonly Scheduled[], accumulators: ReadonlyMap<Statement, string>): Stmt[] {
    return sums.map(({ statement }) => {
      const { op } = statement.reduction as NonNullable<Statement["reduction"]>;
      const name = accumulators.get(statement) as string;
      return { kind: "variable", name, extents: [], initial: op.wgslInitial };
    });
  }

  /**
   * Long sums in parts: rounding grows with the number of terms that are added one after the other. Around the
   * turns that make a part, which is then merged into a larger one; that is the accumulator from there on.
   */
  #inParts(sums: readonly Scheduled[], accumulators: Map<Statement, string>): Around | undefined {
    const long = sums.filter((s) => s.statement.reduction?.op.name === "sum");
    if (long.length === 0) return undefined;
    return (turns) => {
      const declared = this.#declared(long, accumulators);
      const merged = long.map(({ statement }): Stmt => {
        const { op } = statement.reduction as NonNullable<Statement["reduction"]>;
        const value: Value = { kind: "local", name: accumulators.get(statement) as string };
        const name = this.#layout.local("sum");
        accumulators.set(statement, name);
        return { kind: "merge", place: { kind: "local", name }, op, value };
      });
      return [...declared, ...turns, ...merged];
    };
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
        const name = this.#layout.local(`${l.tensor.name}_at`);
        stmts.push({ kind: "let", name, value: this.#exchange(l.tensor, run) });
        known.set(axis, { kind: "local", name });
        this.#fetchedValues.set(l.tensor, known);
      }
    }
    return stmts;
  }

  #exchange(t: Tensor, run: Run & { over: "turns" }): Value {
    const value = read(this.#layout.vectorPlace(t, run));
    return this.#layout.target.subgroups ? { kind: "shuffle", value, lane: run.lane } : value;
  }

  /** One turn of the innermost loop: every statement at its element. */
  #elements(
    nest: Nest,
    runs: readonly Run[],
    within: readonly Below[],
    accumulators: ReadonlyMap<Statement, string>,
    fetched: ReadonlyMap<Tensor, ReadonlyMap<Axis, Value>>,
  ): Stmt[] {
    const fresh = new Map<Tensor, Value>();
    const out: Stmt[] = [];
    const writes: Stmt[] = [];
    for (const s of nest.statements) {
      const { statement } = s;
      const axes = new Map([s.lane, ...s.sequential].map((a, i) => [a as Axis, runs[i] as Run]));
      const value = this.#value(s.row?.value ?? statement.body, axes, fetched, fresh);
      if (statement.reduction) {
        const name = accumulators.get(statement) as string;
        const run = runs[0] as Run;
        const single = statement.reduction.axis === s.lane || this.#rowsOutside(nest);
        const place: Place = single
          ? { kind: "local", name }
          : { kind: "element", array: name, index: [run.block] };
        const { op } = statement.reduction;
        // Elements outside the reduced axis must not count; rows outside are never stored.
        const bounds = within.filter((b) => b.index === axes.get(statement.reduction?.axis as Axis)?.element);
        out.push({ kind: "merge", place, op, value: masked(value, bounds, op.wgslInitial) });
        continue;
      }
      if (statement.kind === "update") {
        const name = this.#layout.local(`${statement.target.name}_new`);
        out.push({ kind: "let", name, value });
        fresh.set(statement.target, { kind: "local", name });
        writes.push(...this.#write(statement, axes, { kind: "local", name }, within));
        continue;
      }
      out.push(...this.#write(statement, axes, value, within));
    }
    // New states are stored last: every statement of the turn has read the old ones by then.
    return [...out, ...writes];
  }

  #write(s: Statement, axes: ReadonlyMap<Axis, Run>, value: Value, within: readonly Below[]): Stmt[] {
    const runs = s.result.map((a) => axes.get(a) as Run);
    if (s.kind !== "output" && this.#layout.arrays.has(s.target)) {
      return [{ kind: "assign", place: this.#layout.place(s.target, s.target.shape, runs), value }];
    }
    const { buffer, base } = this.#layout.buffers.get(s.target) as { buffer: string; base: Index };
    const stmt: Stmt = {
      kind: "store",
      buffer,
      index: plus(base, this.#layout.offset(s.target.shape, runs)),
      value,
    };
    return when(within, [stmt]);
  }

  #finishRowSums(
    sums: readonly Scheduled[],
    accumulators: ReadonlyMap<Statement, string>,
    runs: readonly Run[],
    within: readonly Below[],
    array: boolean,
  ): Stmt[] {
    return sums.flatMap(({ statement, lane, sequential }) => {
      const name = accumulators.get(statement) as string;
      const value: Value = array
        ? { kind: "element", array: name, index: [(runs[0] as Run).block] }
        : { kind: "local", name };
      const axes = [lane as Axis, ...sequential];
      return this.#write(statement, new Map(runs.map((run, i) => [axes[i] as Axis, run])), value, within);
    });
  }

  #finishLaneSums(sums: readonly Scheduled[], accumulators: ReadonlyMap<Statement, string>): Stmt[] {
    return sums.flatMap(({ statement }): Stmt[] => {
      const name = accumulators.get(statement) as string;
      const { op } = statement.reduction as NonNullable<Statement["reduction"]>;
      if (this.#layout.target.subgroups) {
        return this.#assignScalar(statement, { kind: "reduce-lanes", op, value: { kind: "local", name } });
      }
      // Through workgroup memory: every lane leaves its part, and every lane merges all parts.
      const parts = this.#layout.local("parts");
      const total = this.#layout.local("total");
      const i = this.#layout.local("i");
      this.#layout.workgroup.push({ name: parts, length: this.#layout.target.lanes });
      return [
        {
          kind: "assign",
          place: { kind: "element", array: parts, index: [named("lane")] },
          value: { kind: "local", name },
        },
        barrier("workgroup"),
        { kind: "variable", name: total, extents: [], initial: op.wgslInitial },
        {
          kind: "loop",
          name: i,
          from: 0,
          to: this.#layout.target.lanes,
          step: "rolled",
          body: [
            {
              kind: "merge",
              place: { kind: "local", name: total },
              op,
              value: { kind: "element", array: parts, index: [named(i)] },
            },
          ],
        },
        ...this.#assignScalar(statement, { kind: "local", name: total }),
      ];
    });
  }

  // -------------------------------------------------------------- values

  #value(
    e: Expr,
    axes: ReadonlyMap<Axis, Run>,
    fetched: ReadonlyMap<Tensor, ReadonlyMap<Axis, Value>>,
    fresh: ReadonlyMap<Tensor, Value> = new Map(),
  ): Value {
    switch (e.kind) {
      case "constant":
        return { kind: "constant", value: e.value };
      case "extent":
        return { kind: "constant", value: extentOf(e.dim, this.#layout.sizes) };
      case "delta":
        return {
          kind: "same",
          left: this.#run(axes, e.left).element,
          right: this.#run(axes, e.right).element,
        };
      case "index":
        return { kind: "float", index: this.#run(axes, e.axis).element };
      case "leaf":
        return this.#read(e, axes, fetched, fresh);
      case "apply":
        return folded(
          e.op,
          e.args.map((a) => this.#value(a, axes, fetched, fresh)),
        );
      case "reduce":
        throw new InternalError(`a sum over ${open(e).axis.id} was left inside a statement`);
      case "solve":
        throw new InternalError("a linear system was left inside a statement");
    }
  }

  #run(axes: ReadonlyMap<Axis, Run>, a: Axis): Run {
    const run = axes.get(a);
    if (!run) throw new InternalError(`axis ${a.id} has no loop`);
    return run;
  }

  #read(
    l: Leaf,
    axes: ReadonlyMap<Axis, Run>,
    fetched: ReadonlyMap<Tensor, ReadonlyMap<Axis, Value>>,
    fresh: ReadonlyMap<Tensor, Value>,
  ): Value {
    const made = fresh.get(l.tensor);
    if (made) return made;
    const scalar = this.#layout.scalars.get(l.tensor);
    if (scalar) return scalar;
    const runs = l.index.map((a) => this.#run(axes, a));
    if (this.#layout.arrays.has(l.tensor)) {
      const [only] = l.index;
      const exchanged = l.index.length === 1 && only ? fetched.get(l.tensor)?.get(only) : undefined;
      return exchanged ?? read(this.#layout.place(l.tensor, l.tensor.shape, runs));
    }
    const at = this.#layout.buffers.get(l.tensor);
    if (!at) throw new InternalError(`${l.tensor.name} lies nowhere`);
    return {
      kind: "load",
      buffer: at.buffer,
      index: plus(at.base, this.#layout.offset(l.tensor.shape, runs)),
    };
  }
}
