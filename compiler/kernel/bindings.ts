/** Which storage buffer every input lies in: one of its own, or one with the smallest where there are too many. */
import type { Tensor } from "../math/expr.ts";
import { type Binding, type Index, named } from "./block.ts";

export interface Bindings {
  readonly bindings: readonly Binding[];
  /** Fields of the uniform buffer: where packed tensors begin. */
  readonly bases: readonly string[];
  readonly places: ReadonlyMap<Tensor, { readonly buffer: string; readonly start: Index }>;
}

/** Binds inputs, then `records`, then the output, if there is one; `most` buffers at most. */
export function bindInputs(
  inputs: readonly Tensor[],
  records: readonly Binding[],
  output: Tensor | undefined,
  most: number,
  name: (hint: string, suffix: string) => string,
): Bindings {
  const sorted = [...inputs].sort((a, b) => b.shape.length - a.shape.length);
  const room = most - records.length - (output ? 1 : 0);
  const alone = sorted.length <= room ? sorted : sorted.slice(0, room - 1);
  const packed = sorted.filter((t) => !alone.includes(t));
  const places = new Map<Tensor, { buffer: string; start: Index }>();
  const bindings: Binding[] = [];
  const bases: string[] = [];
  for (const t of alone) {
    const buffer = name(t.name, "in");
    bindings.push({ name: buffer, access: "read", holds: [t] });
    places.set(t, { buffer, start: 0 });
  }
  if (packed.length > 0) {
    bindings.push({ name: "packed_in", access: "read", holds: packed });
    for (const t of packed) {
      const base = name(t.name, "base");
      bases.push(base);
      places.set(t, { buffer: "packed_in", start: named(`run.${base}`) });
    }
  }
  const out: Binding[] = output ? [{ name: "y_out", access: "read_write", holds: [output] }] : [];
  return { bindings: [...bindings, ...records, ...out], bases, places };
}
