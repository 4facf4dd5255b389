/** One turn of the innermost loop of a nest: what its statements compute there, and write. */
import type { Axis } from "../math/axis.ts";
import type { Tensor } from "../math/expr.ts";
import { leave } from "./access.ts";
import { asFour, type Below, masked, type Place, type Stmt, type Value } from "./block.ts";
import type { Layout, Positions, Run } from "./layout.ts";
import { leavesOf, type Nest, type Scheduled } from "./schedule.ts";
import type { Statement } from "./statements.ts";
import type { Sums } from "./sums.ts";
import { type Here, NOWHERE, type Values } from "./values.ts";

export class Turn {
  readonly #layout: Layout;
  readonly #values: Values;

  constructor(layout: Layout, values: Values) {
    this.#layout = layout;
    this.#values = values;
  }

  /** Every statement at its element, or at four. */
  elements(
    nest: Nest,
    runs: readonly Run[],
    within: readonly Below[],
    sums: Sums,
    fetched: Here["fetched"] = NOWHERE.fetched,
  ): Stmt[] {
    const [lane] = runs as [Run & { over: "lanes" }];
    const fresh = new Map<Tensor, Value>();
    const turns = nest.statements.map((s) => ({
      ...s,
      body: s.row?.value ?? s.statement.body,
      axes: new Map([s.lane, ...s.sequential].map((a, i) => [a as Axis, runs[i] as Run])),
    }));
    const { stmts, known } = this.#layout.positions(
      turns.flatMap(({ statement: s, body, axes }) => {
        const read = leavesOf(body).map((l) => ({ tensor: l.tensor, index: l.index }));
        const written = s.reduction ? [] : [{ tensor: s.target, index: s.result }];
        return [...read, ...written].map(({ tensor, index }) => ({
          tensor,
          runs: index.map((a) => axes.get(a) as Run),
        }));
      }),
    );
    const out: Stmt[] = [...stmts];
    const writes: Stmt[] = [];
    for (const [i, { statement, body, axes }] of turns.entries()) {
      const one = this.#values.of(body, { axes, fetched, fresh, known });
      const value = lane.wide ? asFour(one) : one;
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
        out.push(...this.write(statement, axes, value, within, known));
        continue;
      }
      const name = this.#layout.local(`${statement.target.name}_new`);
      const made: Place = { kind: "local", name, ...(lane.wide ? { wide: true } : {}) };
      out.push({ kind: "let", name, value });
      fresh.set(statement.target, made);
      writes.push(...this.write(statement, axes, made, within, known));
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

  /** A statement's value to where it belongs. */
  write(
    s: Statement,
    axes: ReadonlyMap<Axis, Run>,
    value: Value,
    within: readonly Below[],
    known?: Positions,
  ): Stmt[] {
    const runs = s.result.map((a) => axes.get(a) as Run);
    if (s.kind !== "output" && this.#layout.arrays.has(s.target))
      return [{ kind: "assign", place: this.#layout.place(s.target, s.target.shape, runs), value }];
    const { buffer, spot } = this.#layout.spot(s.target, runs, known);
    return leave(value, buffer, spot, within, (hint) => this.#layout.local(`${s.target.name}_${hint}`));
  }
}
