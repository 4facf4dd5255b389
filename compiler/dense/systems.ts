/**
 * Linear systems, each as a definition of its own: what has the same solution has it once, and matrices and right-hand
 * sides lie in memory before.
 */
import { type Definition, definitionsOf, type Step } from "../form/steps.ts";
import { at, rebuild, solve } from "../math/algebra.ts";
import { type Axis, axesFor } from "../math/axis.ts";
import { domainOf } from "../math/domain.ts";
import { type Expr, leaf, openSolve, type Tensor, tensorsOf } from "../math/expr.ts";
import { inOrder, keyOf } from "./key.ts";
import { rewrite } from "./rewrite.ts";

/** The steps, in which every system is a definition, of leaves or numbers: but those of what a recursion makes itself. */
export function withSystemsApart(name: string, steps: readonly Definition[]): Definition[];
export function withSystemsApart(name: string, steps: readonly Step[]): Step[];
export function withSystemsApart(name: string, steps: readonly Step[]): Step[] {
  const systems = new Systems(name);
  for (const step of steps) systems.add(step);
  return systems.steps;
}

/** A tensor that holds a value at canonical axes, read at others. */
type Held = (index: readonly Axis[]) => Expr;

class Systems {
  readonly steps: Step[] = [];
  readonly #name: string;
  readonly #held = new Map<Expr, Held>();

  constructor(name: string) {
    this.#name = name;
  }

  add(step: Step): void {
    const own = new Set(definitionsOf(step).map((d) => d.tensor));
    if (step.kind === "recursion") {
      const definitions = step.definitions.map((d) => ({ ...d, value: this.#apart(d.value, own) }));
      this.steps.push({ ...step, definitions });
      return;
    }
    const { tensor, value } = step;
    if (value.kind !== "solve") {
      this.steps.push({ ...step, value: this.#apart(value, own) });
      return;
    }
    const system = this.#overLeaves(rebuild(value, (x) => this.#apart(x, own)));
    const { key, index } = keyOf(system);
    const axes = axesFor(tensor.shape);
    const isWhole = axes.length === index.length && axes.every((a) => index.includes(a));
    if (system.kind !== "solve" || !isWhole || this.#held.has(key)) {
      this.steps.push({ ...step, value: this.#apart(system, own) });
      return;
    }
    this.#held.set(key, (at) =>
      leaf(
        tensor,
        axes.map((a) => at[index.indexOf(a)] as Axis),
      ),
    );
    this.steps.push({ ...step, value: system });
  }

  /** The value over the solutions of its systems, those inside of others first. */
  #apart(e: Expr, own: ReadonlySet<Tensor>): Expr {
    return rewrite(e, (x, go) => {
      if (x.kind !== "solve" || [...tensorsOf(x)].some((t) => own.has(t))) return undefined;
      const system = this.#overLeaves(rebuild(x, go));
      return system.kind === "solve" ? this.#holding(system, inOrder(system), "solution") : system;
    });
  }

  #overLeaves(e: Expr): Expr {
    if (e.kind !== "solve") return e;
    const { rows, columns, matrix, right } = openSolve(e);
    // Rows side by side: each is a lane's, and all lanes read of one column.
    const order = [...inOrder(matrix).filter((a) => a !== rows && a !== columns), columns, rows];
    const held = this.#holding(
      matrix,
      order.filter((a) => matrix.axes.includes(a)),
      "matrix",
    );
    return solve(rows, columns, held, this.#holding(right, inOrder(right), "right"), e.result);
  }

  /** An element of a tensor over these axes that holds the value. */
  #holding(e: Expr, index: readonly Axis[], what: string): Expr {
    if (e.kind === "leaf" || e.kind === "constant" || e.kind === "extent") return e;
    const shape = index.map((a) => a.dim);
    const key = at(e, index, axesFor(shape));
    let held = this.#held.get(key);
    if (!held) {
      const name = `${this.#name}.${what}.${this.#held.size + 1}`;
      const tensor: Tensor = { name, shape, domain: domainOf(key) };
      held = (own) => leaf(tensor, own);
      this.#held.set(key, held);
      this.steps.push({ kind: "definition", tensor, value: key });
    }
    return held(index);
  }
}
