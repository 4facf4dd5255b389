/**
 * The kernel of linear systems: a workgroup for each, whose lanes have rows of their own. A vector of which all lanes
 * read everything is in workgroup memory, the others are in registers, and the matrix is read where it lies. Of many
 * systems, an adapter with narrow subgroups has one for each lane instead, so that none waits for another.
 */
import {
  barrier,
  type Index,
  named,
  type Place,
  plus,
  type Stmt,
  times,
  type Value,
  when,
} from "../kernel/block.ts";
import { type Carried, conjugateGradients, TOLERANCE } from "../kernel/solve.ts";
import { at } from "../math/algebra.ts";
import { type Axis, extentOf } from "../math/axis.ts";
import {
  type Expr,
  type Leaf,
  leaf,
  open,
  openSolve,
  postorder,
  type Reduce,
  type Solve,
  type Tensor,
} from "../math/expr.ts";
import { InternalError } from "../source/diagnostic.ts";
import { Exchange } from "./exchange.ts";
import type { DenseKernel, Frame } from "./frame.ts";
import { rowLanes } from "./rows.ts";
import { Scope, usesIn } from "./scope.ts";
import { count, partsOf, type Spot } from "./space.ts";
import type { Job } from "./split.ts";

/** Rows of a lane that are taken without a loop that stays one. */
const UNROLLED = 4;

/** The job's one output are the solutions; what the system is made from lies in memory. */
export const systemKernel = (name: string, job: Job, system: Solve, frame: Frame): DenseKernel =>
  new SystemKernel(job, system, frame).kernel(name);

/** A reduction: of all rows, with the body at a lane's own; or, of each row, of all columns. */
interface Total {
  readonly reduction: Reduce;
  readonly body: Expr;
  readonly column: Axis | undefined;
}

/** Where an element is, in the turn of a lane that takes this row. */
type Vector = (row: Index, turn: Index) => Place;

class SystemKernel {
  readonly #job: Job;
  readonly #system: Solve;
  readonly #frame: Frame;
  readonly #lanes: number;
  readonly #exchange: Exchange;
  readonly #axis: Axis;
  readonly #extent: number;
  readonly #systems: number;
  /** Whether all lanes work on one system. */
  readonly #shares: boolean;
  /** Rows of a lane, at the most. */
  readonly #own: number;
  /** Values at the axis. */
  readonly #vectors = new Map<Expr, Vector>();

  constructor(job: Job, system: Solve, frame: Frame) {
    this.#job = job;
    this.#system = system;
    this.#frame = frame;
    this.#axis = system.result;
    this.#extent = extentOf(system.result.dim, frame.sizes);
    const further = job.axes.filter((a) => a !== system.result);
    this.#systems = count(further, frame.sizes);
    const lanes = rowLanes(frame.target);
    this.#shares = !frame.target.narrow || this.#systems < lanes;
    // Where they exchange through memory, halving their number, those without a row would only wait.
    this.#lanes = frame.target.subgroups ? lanes : Math.min(lanes, 2 ** Math.ceil(Math.log2(this.#extent)));
    this.#exchange = new Exchange(frame, this.#lanes);
    this.#own = Math.ceil(this.#extent / this.#sharers);
  }

  /** Lanes that share the rows of a system. */
  get #sharers(): number {
    return this.#shares ? this.#lanes : 1;
  }

  kernel(name: string): DenseKernel {
    const frame = this.#frame;
    const { axes, outputs } = this.#job;
    for (const { tensor } of outputs) frame.written.add(tensor);
    const further = axes.filter((a) => a !== this.#axis);
    const system = frame.name("system");
    const group = named("group");
    const own = this.#shares ? group : plus(times(group, this.#lanes), named("lane"));
    const body: Stmt[] = [
      { kind: "index", name: system, value: own },
      ...when(
        [{ index: named(system), bound: this.#systems }],
        this.#solved(partsOf(system, further, frame.sizes)),
      ),
    ];
    const bytes = frame.workgroup.reduce((n, w) => n + w.length * Float32Array.BYTES_PER_ELEMENT, 0);
    if (bytes > frame.target.workgroupBytes)
      throw new InternalError(
        `systems of ${this.#extent} rows take ${bytes} bytes of workgroup memory; the adapter has ${frame.target.workgroupBytes}`,
      );
    const subgroups = frame.target.subgroups && this.#shares;
    const groups = this.#shares ? this.#systems : Math.ceil(this.#systems / this.#lanes);
    return frame.kernel(name, { lanes: this.#lanes, subgroups }, groups, body);
  }

  #solved(spots: ReadonlyMap<Axis, Spot>): Stmt[] {
    const frame = this.#frame;
    const { rows, columns, matrix, right } = openSolve(this.#system);
    const { steps, solution } = conjugateGradients({
      axis: this.#axis,
      further: [],
      together: false,
      matrix: (i, j) => at(matrix, [rows, columns], [i, j]),
      right: (i) => at(right, [columns], [i]),
    });
    const { carry, turns, until } = steps;
    const [vectors, numbers] = [carry.filter(isVector), carry.filter((c) => !isVector(c))];
    const before = this.#totalsIn([...carry.map((c) => c.start), until.atMost]);
    const inTurn = this.#totalsIn(carry.map((c) => c.update));

    const around = this.#scope(spots, [...carry.map((c) => c.start), until.atMost, solution], before);
    around.statements.push({
      kind: "comment",
      text: `Conjugate gradients: until the residual is ${TOLERANCE} of the right-hand side.`,
    });
    for (const c of vectors) this.#declare(around, c, inTurn);
    this.#reduce(around, before);
    this.#assign(around, vectors, (c) => c.start);
    const places = new Map<Tensor, Place & { kind: "local" }>();
    for (const c of numbers) {
      const value = around.value(c.start);
      const local = frame.name(c.previous.name);
      around.statements.push({ kind: "variable", name: local, extents: [], value });
      places.set(c.previous, { kind: "local", name: local });
    }
    const atMost = around.named(until.atMost, "least");

    // Its own scope: what a turn computes from what is carried must not stand before the turns.
    const turn = this.#scope(
      spots,
      carry.map((c) => c.update),
      inTurn,
    );
    for (const [t, place] of places) turn.know(leaf(t, []), place);
    turn.statements.push(this.#ending(places.get(until.value) as Value, atMost));
    this.#reduce(turn, inTurn);
    this.#assign(turn, vectors, (c) => c.update);
    const made = numbers.map((c) => turn.named(c.update, `next_${c.previous.name}`));
    for (const [i, c] of numbers.entries())
      turn.statements.push({
        kind: "assign",
        place: places.get(c.previous) as Place,
        value: made[i] as Value,
      });
    around.statements.push({
      kind: "loop",
      name: frame.name("turn"),
      from: 0,
      to: turns.each * extentOf(turns.dim, frame.sizes),
      step: "rolled",
      body: turn.statements,
    });
    this.#store(around, solution);
    return around.statements;
  }

  /** Those who share a system leave it together. */
  #ending(value: Value, atMost: Value): Stmt {
    if (!this.#shares) return { kind: "stop", value, atMost };
    const flag = this.#frame.name("leave");
    this.#frame.workgroup.push({ name: flag, length: 1 });
    return { kind: "leave", flag, value, atMost };
  }

  #scope(spots: ReadonlyMap<Axis, Spot>, values: readonly Expr[], totals: readonly Total[]): Scope {
    const known = totals.map((t) => t.reduction);
    const scope = new Scope(this.#frame, usesIn([...values, ...totals.map((t) => t.body)], known));
    for (const [axis, spot] of spots) scope.bind(axis, spot);
    return scope;
  }

  /** The reductions of values, those inside of others first. */
  #totalsIn(values: readonly Expr[]): Total[] {
    const found = new Map<Reduce, Total>();
    const visit = (e: Expr): void => {
      for (const r of postorder([e], (x) => x.kind !== "reduce")) {
        if (r.kind !== "reduce" || found.has(r)) continue;
        const { axis, body } = open(r);
        const isOfRow = r.axes.includes(this.#axis);
        const own = isOfRow ? body : at(body, [axis], [this.#axis]);
        if (!isOfRow) visit(own);
        found.set(r, { reduction: r, body: own, column: isOfRow ? axis : undefined });
      }
    };
    for (const v of values) visit(v);
    return [...found.values()];
  }

  // -------------------------------------------------------------- vectors

  #declare(scope: Scope, { previous, next }: Carried, totals: readonly Total[]): void {
    const isRead = totals.some(
      ({ body, column }) => column && leavesAt(body, column).some((l) => l.tensor === previous),
    );
    const name = this.#frame.name(previous.name);
    let place: Vector;
    if (isRead && this.#shares) {
      this.#frame.workgroup.push({ name, length: this.#extent });
      place = (row) => ({ kind: "element", array: name, index: [row] });
    } else place = this.#inRegisters(scope, name);
    for (const t of [previous, next]) this.#vectors.set(leaf(t, [this.#axis]), place);
  }

  #inRegisters(scope: Scope, name: string): Vector {
    scope.statements.push({ kind: "variable", name, extents: [this.#own] });
    return (_, turn) => ({ kind: "element", array: name, index: [turn] });
  }

  /** Runs through the rows of a lane. */
  #rows(scope: Scope, fill: (row: Scope, placeOf: (v: Vector) => Place) => void): void {
    const [turn, row] = [this.#frame.name("turn"), this.#frame.name("row")];
    const here = scope.inner([[this.#axis, { kind: "index", index: named(row) }]]);
    const placeOf = (v: Vector): Place => v(named(row), named(turn));
    for (const [e, v] of this.#vectors) here.know(e, placeOf(v));
    fill(here, placeOf);
    const isWhole = this.#extent % this.#sharers === 0;
    const first = this.#shares ? named("lane") : 0;
    scope.statements.push({
      kind: "loop",
      name: turn,
      from: 0,
      to: this.#own,
      step: this.#own <= UNROLLED ? "one" : "rolled",
      body: [
        { kind: "index", name: row, value: plus(times(this.#sharers, named(turn)), first) },
        ...when(isWhole ? [] : [{ index: named(row), bound: this.#extent }], here.statements),
      ],
    });
  }

  /** All values before all places: they are made from one another. */
  #assign(scope: Scope, vectors: readonly Carried[], of: (c: Carried) => Expr): void {
    this.#rows(scope, (row, placeOf) => {
      const values = vectors.map((c) => row.named(of(c), `next_${c.previous.name}`));
      for (const [i, c] of vectors.entries()) {
        const place = this.#vectors.get(leaf(c.previous, [this.#axis])) as Vector;
        row.statements.push({ kind: "assign", place: placeOf(place), value: values[i] as Value });
      }
    });
  }

  #store(scope: Scope, solution: Expr): void {
    const { axes, outputs } = this.#job;
    this.#rows(scope, (row) => {
      for (const { tensor } of outputs) {
        const value = row.value(solution);
        const index = row.place(leaf(tensor, axes));
        row.statements.push({ kind: "store", buffer: this.#frame.writes(tensor), index, value });
      }
    });
  }

  // -------------------------------------------------------------- reductions

  #reduce(scope: Scope, totals: readonly Total[]): void {
    for (const total of totals) {
      const { reduction, body, column } = total;
      if (column) this.#reduceColumns(scope, reduction, body, column);
      else this.#reduceRows(scope, reduction, body);
    }
  }

  /** One number, that all who share the rows have. */
  #reduceRows(scope: Scope, reduction: Reduce, body: Expr): void {
    const { op } = reduction;
    const place = { kind: "local", name: this.#frame.name(op.name === "sum" ? "sum" : "largest") } as const;
    scope.statements.push({ kind: "variable", name: place.name, extents: [], initial: op.wgslInitial });
    this.#rows(scope, (row) => {
      row.statements.push({ kind: "merge", place, op, value: row.value(body) });
    });
    scope.know(reduction, this.#shares ? this.#exchange.whole(scope, op, place) : place);
  }

  /** A number for each row, of all columns; nothing of what it reads may change before all lanes have it. */
  #reduceColumns(scope: Scope, reduction: Reduce, body: Expr, column: Axis): void {
    const { op } = reduction;
    const image = this.#inRegisters(scope, this.#frame.name("image"));
    this.#rows(scope, (row, placeOf) => {
      const place = { kind: "local", name: this.#frame.name("sum") } as const;
      row.statements.push({ kind: "variable", name: place.name, extents: [], initial: op.wgslInitial });
      row.loop(column, (inner) => {
        const at = inner.index(inner.spot(column));
        for (const l of leavesAt(body, column)) {
          const vector = this.#vectors.get(leaf(l.tensor, [this.#axis]));
          if (vector) inner.know(l, vector(at, at));
        }
        inner.statements.push({ kind: "merge", place, op, value: inner.value(body) });
      });
      row.statements.push({ kind: "assign", place: placeOf(image), value: place });
    });
    this.#vectors.set(reduction, image);
    if (this.#shares) scope.statements.push(barrier("workgroup"));
  }
}

const isVector = ({ previous }: Carried): boolean => previous.shape.length > 0;

/** What a value reads of vectors along an axis. */
const leavesAt = (e: Expr, axis: Axis): Leaf[] =>
  postorder([e]).filter((x): x is Leaf => x.kind === "leaf" && x.index.length === 1 && x.index[0] === axis);
