/** The quantities of a tile, by their values: what is asked for twice is made once. */
import { at } from "../math/algebra.ts";
import { type Axis, axesFor, type Dim } from "../math/axis.ts";
import { domainOf } from "../math/domain.ts";
import { type Expr, isConstant, leaf, type Tensor } from "../math/expr.ts";
import { type Quantity, TILE } from "./tile-form.ts";

export class Quantities {
  /** Of each token. */
  readonly all: Quantity[] = [];
  /** Of the tile's start. */
  readonly constants: Quantity[] = [];
  readonly stacks = new Map<Tensor, Tensor>();
  /** What quantities stand for in the rule. */
  readonly meanings = new Map<Tensor, Expr>();
  readonly #byValue = new Map<Expr, Tensor>();
  readonly #names: Set<string>;

  /** `taken` are names that no quantity may have. */
  constructor(taken: Iterable<string>) {
    this.#names = new Set(taken);
  }

  /** What the tokens of the tile have of a tensor. */
  stack(t: Tensor): Tensor {
    let found = this.stacks.get(t);
    if (!found) {
      found = { name: `${t.name}.tile`, shape: [TILE, ...t.shape], domain: t.domain };
      this.stacks.set(t, found);
    }
    return found;
  }

  /** An expression over `axes`, as a quantity of its own. */
  named(name: string, e: Expr, axes: readonly Axis[], among = this.all): Expr {
    if (e.kind === "leaf" || isConstant(e)) return e;
    const shape = axes.map((a) => a.dim);
    const canonical = axesFor(shape);
    const value = at(e, axes, canonical);
    let tensor = this.#byValue.get(value);
    if (!tensor) {
      tensor = this.tensor(name, shape, { domain: domainOf(value) });
      this.give(tensor, value, among);
    }
    // One value may be asked for with its axes in another order.
    const index = axesFor(tensor.shape).map((a) => axes[canonical.indexOf(a)] as Axis);
    return leaf(tensor, index);
  }

  /** A tensor of a name of its own. */
  tensor(name: string, shape: readonly Dim[], { domain }: Pick<Tensor, "domain">): Tensor {
    let own = name;
    for (let n = 2; this.#names.has(own); n++) own = `${name}.${n}`;
    this.#names.add(own);
    return { name: own, shape, domain };
  }

  /** Makes a tensor a quantity, of this value. */
  give(tensor: Tensor, value: Expr, among = this.all): void {
    among.push({ tensor, value, before: undefined });
    if (!this.#byValue.has(value)) this.#byValue.set(value, tensor);
  }

  /** Keeps what a quantity stands for in the rule. */
  means(e: Expr, made: Expr): Expr {
    if (made.kind === "leaf" && !this.meanings.has(made.tensor))
      this.meanings.set(made.tensor, at(e, made.index, axesFor(made.tensor.shape)));
    return made;
  }
}
