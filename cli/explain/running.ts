/** What runs along a tile in the same way, so that one name is enough for all of it. */
import type { Quantity } from "../../compiler/form/tile-form.ts";
import { substitute } from "../../compiler/math/algebra.ts";
import { leaf, type Tensor } from "../../compiler/math/expr.ts";
import { REAL } from "../../compiler/math/interval.ts";

export type Running = Quantity & { readonly before: NonNullable<Quantity["before"]> };

export const isRunning = (q: Quantity): q is Running => q.before !== undefined;

/** Each of them with the first that runs as it does. Those that others are made of come first. */
export function sameRunning(running: readonly Running[]): Map<Quantity, Running> {
  const befores = new Map(running.map((q) => [q.before.tensor, q]));
  const selves = new Map<string, Tensor>();
  const self = ({ shape }: Tensor): Tensor => {
    const key = shape.map((d) => d.key).join();
    const found = selves.get(key) ?? { name: "self", shape, domain: REAL };
    selves.set(key, found);
    return found;
  };
  const known = new Map<string, Running>();
  const same = new Map<Quantity, Running>();
  for (const q of running) {
    const value = substitute(q.value, (t, index) => {
      if (t === q.before.tensor) return leaf(self(t), index);
      const other = befores.get(t);
      const first = other && same.get(other);
      return first && leaf(first.before.tensor, index);
    });
    const key = [value.serial, String(q.before.start), self(q.tensor).name, q.tensor.shape.length].join();
    const first = known.get(key) ?? q;
    known.set(key, first);
    same.set(q, first);
  }
  return same;
}
