/** Where a nest accumulates its reductions, and how they come to their results. */
import type { Dim } from "../math/axis.ts";
import type { Reduction } from "../math/node.ts";
import { barrier, named, type Place, type Stmt, type Value } from "./block.ts";
import type { Layout, Run } from "./layout.ts";
import type { Around } from "./loops.ts";
import type { Scheduled } from "./schedule.ts";
import type { Statement } from "./statements.ts";

export class Sums {
  readonly #layout: Layout;
  readonly #places = new Map<Statement, (run: Run) => Place>();

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  place(s: Statement, run: Run): Place {
    return (this.#places.get(s) as (run: Run) => Place)(run);
  }

  // -------------------------------------------------------------- over what every lane runs through

  /** One number for each, declared where a row begins: rows are taken one after the other. */
  ofOneRow(sums: readonly Scheduled[]): void {
    for (const { statement } of sums) this.#anew(statement);
  }

  #anew(s: Statement): void {
    const place: Place = { kind: "local", name: this.#layout.local("sum") };
    this.#places.set(s, () => place);
  }

  declared(sums: readonly Scheduled[]): Stmt[] {
    return sums.map(({ statement }) => ({
      kind: "variable",
      name: this.#number(statement).name,
      extents: [],
      initial: opOf(statement).wgslInitial,
    }));
  }

  #number(s: Statement): Place & { kind: "local" } {
    return (this.#places.get(s) as () => Place & { kind: "local" })();
  }

  /** A number for each row of a lane: in the vector that is to hold the result, where that is in registers. */
  ofRows(sums: readonly Scheduled[], lane: Dim, tiled: boolean): Stmt[] {
    return sums.flatMap(({ statement }) => {
      if (isSummedInPlace(this.#layout, statement)) {
        this.#places.set(statement, (run) => this.#layout.vectorPlace(statement.target, run));
        return [];
      }
      const name = this.#layout.local("sum");
      this.#places.set(statement, (run) => this.#layout.register(name, run));
      return [this.#layout.variable(name, lane, tiled, opOf(statement).wgslInitial)];
    });
  }

  /**
   * Long sums in parts: rounding grows with the number of terms that are added one after the other. Around the
   * turns that make a part, which is then merged into a larger one; that is the accumulator from there on.
   */
  inParts(sums: readonly Scheduled[]): Around | undefined {
    const long = sums.filter((s) => s.statement.reduction?.op.name === "sum");
    if (long.length === 0) return undefined;
    return (turns) => {
      const declared = this.declared(long);
      const merged = long.map(({ statement }): Stmt => {
        const value = this.#number(statement);
        this.#anew(statement);
        return { kind: "merge", place: this.#number(statement), op: opOf(statement), value };
      });
      return [...declared, ...turns, ...merged];
    };
  }

  // -------------------------------------------------------------- over the lanes

  /** One number of each lane, or four: `merged` makes one of all. */
  overLanes(sums: readonly Scheduled[], isByFours: boolean): Stmt[] {
    const wide = isByFours ? { wide: true as const } : {};
    return sums.map(({ statement }) => {
      const name = this.#layout.local("sum");
      this.#places.set(statement, () => ({ kind: "local", name, ...wide }));
      return { kind: "variable", name, extents: [], initial: opOf(statement).wgslInitial, ...wide };
    });
  }

  merged(s: Statement): { stmts: Stmt[]; value: Value } {
    const op = opOf(s);
    const place = this.#number(s);
    const value: Value = place.wide ? { kind: "total", of: place, op } : place;
    if (this.#layout.target.subgroups) return { stmts: [], value: { kind: "reduce-lanes", op, value } };
    // Through workgroup memory: every lane leaves its part, and every lane merges all parts.
    const { lanes } = this.#layout.target;
    const parts = this.#layout.local("parts");
    const total: Place = { kind: "local", name: this.#layout.local("total") };
    const i = this.#layout.local("i");
    const part = (lane: string): Place => ({ kind: "element", array: parts, index: [named(lane)] });
    this.#layout.workgroup.push({ name: parts, length: lanes });
    const turn: Stmt = { kind: "merge", place: total, op, value: part(i) };
    return {
      stmts: [
        { kind: "assign", place: part("lane"), value },
        barrier("workgroup"),
        { kind: "variable", name: total.name, extents: [], initial: op.wgslInitial },
        { kind: "loop", name: i, from: 0, to: lanes, step: "rolled", body: [turn] },
      ],
      value: total,
    };
  }
}

/** Whether the sums of a lane's rows are made where they stay. */
export const isSummedInPlace = ({ schedule, target }: Layout, s: Statement): boolean =>
  schedule.resident && target.subgroups && s.reduction !== undefined && s.result.length === 1;

const opOf = (s: Statement): Reduction => (s.reduction as NonNullable<Statement["reduction"]>).op;
