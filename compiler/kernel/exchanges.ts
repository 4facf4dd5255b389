/** Elements of vectors that the lanes exchange, once for all their rows, in the turns over an axis. */
import type { Axis, Dim } from "../math/axis.ts";
import type { Expr, Tensor } from "../math/expr.ts";
import { read, type Stmt, type Value } from "./block.ts";
import type { Layout, Run } from "./layout.ts";
import { leavesOf, type Nest } from "./schedule.ts";

export class Exchanges {
  readonly #layout: Layout;
  #fetched = new Map<Tensor, Map<Axis, Value>>();

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /** What the loops that have been opened have fetched. */
  get fetched(): ReadonlyMap<Tensor, ReadonlyMap<Axis, Value>> {
    return this.#fetched;
  }

  /** Fetches the vectors along the axis at `depth` for one turn over it. */
  fetch(nest: Nest, depth: number, run: Run & { over: "turns" }): Stmt[] {
    if (depth === 0) this.#fetched = new Map();
    const stmts: Stmt[] = [];
    for (const s of nest.statements) {
      const axis = s.sequential[depth];
      for (const l of leavesOf(s.statement.body)) {
        if (l.index.length !== 1 || l.index[0] !== axis || !axis || !this.#layout.arrays.has(l.tensor))
          continue;
        const known = this.#fetched.get(l.tensor) ?? new Map<Axis, Value>();
        const same = [...known].find(([a]) => nest.statements.some((o) => o.sequential[depth] === a));
        if (same) {
          known.set(axis, same[1]);
          continue;
        }
        const value = this.#exchange(l.tensor, run);
        this.#fetched.set(l.tensor, known);
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
    const isOneRow = this.#layout.spread.own(lane, tiled) === 1;
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
}
