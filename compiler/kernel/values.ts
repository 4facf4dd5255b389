/** The value of an expression where the loops around stand. */
import { type Axis, extentOf } from "../math/axis.ts";
import { type Expr, type Leaf, open, type Tensor } from "../math/expr.ts";
import { InternalError } from "../source/diagnostic.ts";
import { loaded } from "./access.ts";
import { read, type Value } from "./block.ts";
import { folded } from "./fold.ts";
import type { Layout, Positions, Run } from "./layout.ts";

/** Where the loops around stand, and what a lane has in registers there. */
export interface Here {
  readonly axes: ReadonlyMap<Axis, Run>;
  /** Elements of vectors, brought from the lanes that have them. */
  readonly fetched: ReadonlyMap<Tensor, ReadonlyMap<Axis, Value>>;
  /** New states of this turn. */
  readonly fresh: ReadonlyMap<Tensor, Value>;
  /** Positions in storage that have names. */
  readonly known?: Positions;
}

/** Outside all loops. */
export const NOWHERE: Here = { axes: new Map(), fetched: new Map(), fresh: new Map() };

export class Values {
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  of(e: Expr, here: Here): Value {
    switch (e.kind) {
      case "constant":
        return { kind: "constant", value: e.value };
      case "extent":
        return { kind: "constant", value: extentOf(e.dim, this.#layout.sizes) };
      case "delta":
        return same(runOf(here, e.left), runOf(here, e.right));
      case "index": {
        const run = runOf(here, e.axis);
        return { kind: "float", index: run.element, ...fours(run) };
      }
      case "leaf":
        return this.#read(e, here);
      case "apply":
        return folded(
          e.op,
          e.args.map((a) => this.of(a, here)),
        );
      case "reduce":
        throw new InternalError(`a sum over ${open(e).axis.id} was left inside a statement`);
      case "solve":
        throw new InternalError("a linear system was left inside a statement");
    }
  }

  #read(l: Leaf, here: Here): Value {
    const { tensor } = l;
    const known = here.fresh.get(tensor) ?? this.#layout.scalars.get(tensor);
    if (known) return known;
    const runs = l.index.map((a) => runOf(here, a));
    if (this.#layout.arrays.has(tensor)) {
      const [only] = l.index;
      const exchanged = l.index.length === 1 && only ? here.fetched.get(tensor)?.get(only) : undefined;
      return exchanged ?? read(this.#layout.place(tensor, tensor.shape, runs));
    }
    const { buffer, spot } = this.#layout.spot(tensor, runs, here.known);
    return loaded(buffer, spot);
  }
}

function runOf({ axes }: Here, a: Axis): Run {
  const run = axes.get(a);
  if (!run) throw new InternalError(`axis ${a.id} has no loop`);
  return run;
}

const fours = (run: Run): { wide?: true } => (run.over === "lanes" && run.wide ? { wide: true } : {});

/** Of two axes at most one runs over the lanes: it stands first, as the one that may be taken by fours. */
function same(left: Run, right: Run): Value {
  if (right.over === "lanes")
    return { kind: "same", left: right.element, right: left.element, ...fours(right) };
  return { kind: "same", left: left.element, right: right.element, ...fours(left) };
}
