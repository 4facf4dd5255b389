/** What several steps would compute, each anew, is defined once before them: long sums, and dear values of many elements. */
import { type Definition, definitionsOf, type Step } from "../form/steps.ts";
import { rebuild } from "../math/algebra.ts";
import type { Sizes } from "../math/axis.ts";
import { domainOf } from "../math/domain.ts";
import { type Expr, leaf, type Tensor, tensorsOf } from "../math/expr.ts";
import { type Key, keyOf } from "./key.ts";
import { allParts } from "./lookup.ts";
import { rewrite } from "./rewrite.ts";
import { count } from "./space.ts";
import { AGAIN, isDear, MANY, spread, Work } from "./work.ts";

export function shared(name: string, steps: readonly Step[], sizes: Sizes): readonly Step[] {
  const work = new Work(sizes);
  const isLongSum = (e: Expr): boolean => {
    if (!work.isHeavy(e)) return false;
    const { over } = spread(e);
    return count(over, sizes) >= AGAIN && count([...e.axes, ...over], sizes) >= MANY;
  };
  const isDearValue = (e: Expr): boolean =>
    e.kind === "apply" &&
    e.op.gives === "real" &&
    count(e.axes, sizes) >= MANY &&
    !work.hasHeavy(e) &&
    isDear(e);
  // Sums first: with them in memory, a value made of them is one of single elements.
  return [isLongSum, isDearValue].reduce((now, is, i) => once(`${name}.${i}`, now, is), steps);
}

/** What `is` one of these, in two definitions or more, as a definition of its own before the first of them. */
function once(name: string, steps: readonly Step[], is: (e: Expr) => boolean): Step[] {
  const keys = new Map<Expr, Key>();
  const keyed = (e: Expr): Key => {
    const found = keys.get(e) ?? keyOf(e);
    keys.set(e, found);
    return found;
  };
  const users = new Map<Expr, Set<Definition>>();
  for (const step of steps)
    for (const d of definitionsOf(step))
      for (const e of allParts([d.value])) {
        if (!is(e) || !isHadBefore(e, step)) continue;
        const { key } = keyed(e);
        users.set(key, (users.get(key) ?? new Set()).add(d));
      }
  const out: Step[] = [];
  const made = new Map<Expr, Tensor>();
  const within = (value: Expr, step: Step): Expr =>
    rewrite(value, (x) => (is(x) && isHadBefore(x, step) ? instead(x, step) : undefined));
  const inside = (whole: Expr, step: Step): Expr => rebuild(whole, (x) => within(x, step));
  const instead = (x: Expr, step: Step): Expr | undefined => {
    const { key, canonical, index } = keyed(x);
    if ((users.get(key)?.size ?? 0) < 2) return undefined;
    let tensor = made.get(key);
    if (!tensor) {
      const shape = canonical.map((a) => a.dim);
      tensor = { name: `${name}.${made.size + 1}`, shape, domain: domainOf(key) };
      made.set(key, tensor);
      out.push({ kind: "definition", tensor, value: inside(key, step) });
    }
    return leaf(tensor, index);
  };
  for (const step of steps) {
    if (step.kind === "recursion") {
      out.push({
        ...step,
        definitions: step.definitions.map((d) => ({ ...d, value: within(d.value, step) })),
      });
      continue;
    }
    const { key, canonical } = keyed(step.value);
    const { shape } = step.tensor;
    const isWhole = key === step.value && canonical.length === shape.length;
    const isFirst = isWhole && canonical.every((a, i) => a.dim === shape[i]) && is(key) && !made.has(key);
    const value = isFirst ? inside(key, step) : within(step.value, step);
    if (isFirst) made.set(key, step.tensor);
    out.push({ ...step, value });
  }
  return out;
}

/** Whether it follows from what is there before a step: a recursion reads what it makes itself. */
function isHadBefore(e: Expr, step: Step): boolean {
  const read = tensorsOf(e);
  return !definitionsOf(step).some((d) => read.has(d.tensor));
}
