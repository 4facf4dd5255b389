/** The kernel of reductions along rows: turn by turn, what depends on earlier results after them. */
import { type Index, named, plus, times, type Value, when } from "../kernel/block.ts";
import { renameAxes } from "../math/algebra.ts";
import { type Axis, extentOf } from "../math/axis.ts";
import { type Expr, leaf, type Reduce } from "../math/expr.ts";
import { InternalError } from "../source/diagnostic.ts";
import { Exchange } from "./exchange.ts";
import type { DenseKernel, Frame } from "./frame.ts";
import { type Rows, rowLanes, sharesRows, totalsIn } from "./rows.ts";
import { Scope, usesIn } from "./scope.ts";
import { count, partsOf } from "./space.ts";
import type { Job } from "./split.ts";
import { inTurns } from "./turns.ts";
import { spread, Work } from "./work.ts";

/** Workgroups that keep any adapter busy. */
const ENOUGH_GROUPS = 256;

export const rowsKernel = (name: string, job: Job, rows: Rows, frame: Frame): DenseKernel =>
  new RowsKernel(job, rows, frame).kernel(name);

class RowsKernel {
  readonly #job: Job;
  readonly #plan: Rows;
  readonly #frame: Frame;
  readonly #lanes: number;
  /** Whether all lanes work on one row. */
  readonly #shares: boolean;
  readonly #length: number;
  readonly #totals: readonly Reduce[];
  readonly #exchange: Exchange;

  constructor(job: Job, plan: Rows, frame: Frame) {
    const { sizes } = frame;
    this.#job = job;
    this.#plan = plan;
    this.#frame = frame;
    this.#lanes = rowLanes(frame.target);
    this.#exchange = new Exchange(frame, this.#lanes);
    const values = job.outputs.map((o) => o.value);
    this.#totals = totalsIn(values, new Work(sizes));
    this.#shares = sharesRows(plan, this.#totals, sizes, this.#lanes);
    this.#length = count(plan.inner, sizes);
  }

  kernel(name: string): DenseKernel {
    const frame = this.#frame;
    const { sizes } = frame;
    const { rows, parts } = this.#plan;
    for (const { tensor } of this.#job.outputs) frame.written.add(tensor);
    const axes = parts ? [parts, ...rows] : rows;
    const row = frame.name("row");
    const bodies = this.#totals.map((r) => spread(r).body);
    const uses = usesIn([...this.#job.outputs.map((o) => o.value), ...bodies], this.#totals);
    const scope = new Scope(frame, uses);
    for (const [axis, spot] of partsOf(row, axes, sizes)) scope.bind(axis, spot);
    this.#fill(scope);
    const side = this.#shares ? 1 : this.#lanes;
    const all = { of: row, total: count(axes, sizes), side, enough: ENOUGH_GROUPS };
    const { groups, loop } = inTurns(frame, all, scope.statements);
    const subgroups = frame.target.subgroups && this.#shares;
    return frame.kernel(name, { lanes: this.#lanes, subgroups }, groups, [loop]);
  }

  /** Results that need no others first, in one loop, then those that need them, and the outputs at last. */
  #fill(scope: Scope): void {
    const done = new Set<Reduce>();
    while (done.size < this.#totals.length) {
      const ready = this.#totals.filter((r) => !done.has(r) && this.#needs(r).every((x) => done.has(x)));
      this.#reduce(scope, ready);
      for (const r of ready) done.add(r);
    }
    this.#store(scope);
  }

  #needs(r: Reduce): readonly Reduce[] {
    const { sizes } = this.#frame;
    return totalsIn([spread(r).body], new Work(sizes));
  }

  #reduce(scope: Scope, totals: readonly Reduce[]): void {
    const places = totals.map((r) => {
      const name = this.#frame.name(r.op.name === "sum" ? "sum" : "largest");
      scope.statements.push({ kind: "variable", name, extents: [], initial: r.op.wgslInitial });
      return { r, place: { kind: "local", name } as const };
    });
    this.#along(scope, (element) => {
      for (const { r, place } of places) {
        const value = element.value(this.#body(r, element));
        element.statements.push({ kind: "merge", place, op: r.op, value });
      }
    });
    for (const { r, place } of places)
      scope.know(r, this.#shares ? this.#exchange.whole(scope, r.op, place) : place);
  }

  /** What is reduced, at the axes of all elements. */
  #body(r: Reduce, scope: Scope): Expr {
    const { over, body } = spread(r);
    const left = [...this.#plan.inner];
    const map = new Map<Axis, Axis>();
    for (const a of over) {
      const i = left.findIndex((x) => x.dim === a.dim);
      if (i >= 0) map.set(a, left.splice(i, 1)[0] as Axis);
      else if (extentOf(a.dim, this.#frame.sizes) === 1) scope.bind(a, { kind: "index", index: 0 });
      else throw new InternalError(`a reduction over ${a.id} is not along the rows`);
    }
    return renameAxes(body, map);
  }

  /** Runs along the row, or along this part of it. */
  #along(scope: Scope, fill: (element: Scope) => void): void {
    const frame = this.#frame;
    const { inner, parts } = this.#plan;
    const [element, step] = [frame.name("element"), this.#shares ? this.#lanes : 1];
    const here = scope.inner(partsOf(element, inner, frame.sizes));
    fill(here);
    const pieces = parts ? extentOf(parts.dim, frame.sizes) : 1;
    const own = Math.ceil(this.#length / pieces);
    const from: Index = parts ? times(scope.index(scope.spot(parts)), own) : 0;
    const turn = frame.name("turn");
    const among = this.#shares ? plus(times(named(turn), step), named("lane")) : named(turn);
    const bounds = [
      ...(own % step === 0 ? [] : [{ index: among, bound: own }]),
      ...(own * pieces === this.#length ? [] : [{ index: named(element), bound: this.#length }]),
    ];
    scope.statements.push({
      kind: "loop",
      name: turn,
      from: 0,
      to: Math.ceil(own / step),
      step: "rolled",
      body: [{ kind: "index", name: element, value: plus(from, among) }, ...when(bounds, here.statements)],
    });
  }

  #store(scope: Scope): void {
    const { outputs, axes } = this.#job;
    const write = (here: Scope): void => {
      const title = outputs.map((o) => this.#frame.plain(o.tensor)).join(", ");
      here.statements.push({ kind: "comment", text: `${title}[${axes.map((a) => a.dim.key).join(", ")}]` });
      const values = outputs.map(({ tensor, value }) =>
        outputs.length > 1 ? here.named(value, this.#frame.plain(tensor)) : here.value(value),
      );
      for (const [i, { tensor }] of outputs.entries()) {
        const index = here.place(leaf(tensor, axes));
        here.statements.push({
          kind: "store",
          buffer: this.#frame.writes(tensor),
          index,
          value: values[i] as Value,
        });
      }
    };
    if (this.#plan.hasElements) {
      this.#along(scope, write);
      return;
    }
    const once = scope.inner();
    write(once);
    scope.statements.push(...when(this.#shares ? [{ index: named("lane"), bound: 1 }] : [], once.statements));
  }
}
