/** What runs along a tile in the same way, such as what is left of the layers of a memory, is one quantity. */
import { substitute } from "../math/algebra.ts";
import { type Expr, leaf, type Tensor } from "../math/expr.ts";
import { REAL } from "../math/interval.ts";
import { isRunning, type Running } from "./running.ts";
import type { Quantity } from "./tile-form.ts";

export interface Merged {
  readonly quantities: readonly Quantity[];
  /** An expression over all quantities, over those that are left. */
  readonly over: (e: Expr) => Expr;
}

/** Those in `kept` stay, whatever others are like them. What quantities are made of comes before them. */
export function mergedRunning(all: readonly Quantity[], kept: ReadonlyMap<Tensor, unknown>): Merged {
  const first = new Map<string, Running>();
  const instead = new Map<Tensor, Tensor>();
  const over = (e: Expr): Expr =>
    substitute(e, (t, index) => {
      const other = instead.get(t);
      return other && leaf(other, index);
    });
  const selves = new Map<string, Tensor>();
  for (const q of all) {
    if (!isRunning(q) || kept.has(q.tensor)) continue;
    const { tensor, before } = q;
    const shape = tensor.shape.map((d) => d.key).join();
    const self = selves.get(shape) ?? { name: "self", shape: tensor.shape, domain: REAL };
    selves.set(shape, self);
    const value = substitute(over(q.value), (t, index) =>
      t === before.tensor ? leaf(self, index) : undefined,
    );
    const start = typeof before.start === "number" ? before.start : before.start.name;
    const key = [value.serial, shape, start].join();
    const known = first.get(key);
    if (!known) first.set(key, q);
    else instead.set(tensor, known.tensor).set(before.tensor, known.before.tensor);
  }
  const quantities = all.filter((q) => !instead.has(q.tensor)).map((q) => ({ ...q, value: over(q.value) }));
  return { quantities, over };
}
