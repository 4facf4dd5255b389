/** The order in which the quantities of a tile can be had. */
import { type Tensor, tensorsOf } from "../math/expr.ts";
import type { Phase, Quantity } from "./tile-form.ts";

export interface Dependence {
  /** Whether it follows from itself at earlier tokens of the tile. */
  readonly isSerial: (t: Tensor) => boolean;
}

/**
 * Quantities that read one another's stacks in a ring must be had token by token, each ring in a phase of its own;
 * the others of all tokens at once.
 */
export function phasesOf(
  quantities: readonly Quantity[],
  stacks: ReadonlyMap<Tensor, Tensor>,
): { readonly phases: readonly Phase[]; readonly dependence: Dependence } {
  const made = new Map(quantities.map((q) => [q.tensor, q]));
  const stacked = new Map([...stacks].map(([t, stack]) => [stack, t]));
  const befores = new Map(quantities.flatMap((q) => (q.before ? [[q.before.tensor, q] as const] : [])));
  const needs = (q: Quantity): Quantity[] =>
    [...tensorsOf(q.value)].flatMap((t) => {
      const source = made.get(stacked.get(t) ?? t) ?? befores.get(t);
      return source && source !== q ? [source] : [];
    });
  const readsOwnStack = (q: Quantity): boolean =>
    [...tensorsOf(q.value)].some((t) => stacked.get(t) === q.tensor);
  const rings = components(quantities, needs).map((ring) => ({
    ring,
    // States that go over into one another run along the tile together, without a stack.
    isSerial:
      (ring.length > 1 && !ring.every((q) => q.before)) ||
      (ring.length === 1 && readsOwnStack(ring[0] as Quantity)),
  }));
  const serial = new Set(rings.flatMap((r) => (r.isSerial ? r.ring.map((q) => q.tensor) : [])));
  const phases: { order: Phase["order"]; quantities: Quantity[] }[] = [];
  for (const { ring, isSerial } of rings) {
    const last = phases.at(-1);
    if (!isSerial && last?.order === "parallel") last.quantities.push(...ring);
    else phases.push({ order: isSerial ? "serial" : "parallel", quantities: ordered(ring, needs) });
  }
  return { phases, dependence: { isSerial: (t) => serial.has(t) } };
}

/** Strongly connected components, each after those that it needs (Tarjan). */
export function components<Q>(all: readonly Q[], needs: (q: Q) => readonly Q[]): Q[][] {
  const found: Q[][] = [];
  const index = new Map<Q, number>();
  const low = new Map<Q, number>();
  const stack: Q[] = [];
  const visit = (q: Q): void => {
    index.set(q, index.size);
    low.set(q, index.get(q) as number);
    stack.push(q);
    for (const n of needs(q)) {
      if (!index.has(n)) visit(n);
      if (stack.includes(n)) low.set(q, Math.min(low.get(q) as number, low.get(n) as number));
    }
    if (low.get(q) !== index.get(q)) return;
    found.push(stack.splice(stack.indexOf(q)));
  };
  for (const q of all) if (!index.has(q)) visit(q);
  return found;
}

/** The quantities of a ring, so that what one needs of the same token comes before it. */
function ordered(ring: readonly Quantity[], needs: (q: Quantity) => Quantity[]): Quantity[] {
  const done: Quantity[] = [];
  const open = new Set<Quantity>();
  const visit = (q: Quantity): void => {
    if (done.includes(q) || open.has(q)) return;
    open.add(q);
    const same = tensorsOf(q.value);
    for (const n of needs(q)) if (ring.includes(n) && same.has(n.tensor)) visit(n);
    done.push(q);
  };
  for (const q of ring) visit(q);
  return done;
}
