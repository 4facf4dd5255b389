/** Lowers steps: definitions in groups between the recursions, and each recursion by itself. */
import { type Definition, definitionsOf, type Recursion, type Step } from "../form/steps.ts";
import type { Target } from "../kernel/target.ts";
import { apply, at, rebuild } from "../math/algebra.ts";
import { axesFor, type Sizes } from "../math/axis.ts";
import { domainOf } from "../math/domain.ts";
import { type Expr, leaf, type Tensor, tensorsOf } from "../math/expr.ts";
import { isLoop, withLookups } from "./lookup.ts";
import { type DenseKernel, lowerDense } from "./lower.ts";
import { lowerRecursion } from "./recursion.ts";
import { rewrite } from "./rewrite.ts";
import { shared } from "./share.ts";
import { withSystemsApart } from "./systems.ts";

/** As `lowerDense`, for steps. */
export function lowerSteps(
  name: string,
  steps: readonly Step[],
  kept: ReadonlySet<Tensor>,
  sizes: Sizes,
  target: Target,
): DenseKernel[] {
  const systems = withSystemsApart(`${name}.systems`, steps);
  const apart = shared(`${name}.shared`, systems.map(turned), sizes).flatMap((s, i) =>
    s.kind === "recursion" ? hoisted(s, `${name}.${i}`, target.storageBuffers) : [s],
  );
  const groups = grouped(apart);
  return groups.flatMap((group, i) => {
    const own = `${name} ${i}`;
    if (!Array.isArray(group)) return [lowerRecursion(own, group as Recursion, sizes, target)];
    const later = groups.slice(i + 1).flat();
    const read = later.flatMap((s) => definitionsOf(s).flatMap((d) => [...tensorsOf(d.value)]));
    return lowerDense(own, group as Definition[], new Set([...kept, ...read]), sizes, target);
  });
}

/** Before anything is counted: lookups are no loops. */
const turned = (step: Step): Step => {
  const turn = (d: Definition): Definition => ({ ...d, value: withLookups(d.value, rebuild) });
  return step.kind === "definition" ? turn(step) : { ...step, definitions: step.definitions.map(turn) };
};

/** Definitions that follow each other, and recursions. */
function grouped(steps: readonly Step[]): (Definition[] | Recursion)[] {
  const groups: (Definition[] | Recursion)[] = [];
  for (const s of steps) {
    const last = groups.at(-1);
    if (s.kind === "recursion") groups.push(s);
    else if (Array.isArray(last)) last.push(s);
    else groups.push([s]);
  }
  return groups;
}

/**
 * What a recursion sums up that does not follow from itself is had before it, for all positions at once; and so is all else
 * that does not, where its kernel would read more tensors than it can bind.
 */
function hoisted(recursion: Recursion, name: string, most: number): Step[] {
  const own = new Set(recursion.definitions.map((d) => d.tensor));
  const before = new Map<Expr, Definition>();
  const isFree = (e: Expr): boolean => [...tensorsOf(e)].every((t) => !own.has(t));
  const held = (e: Expr): Expr => {
    let found = before.get(e);
    if (!found) {
      const shape = e.axes.map((a) => a.dim);
      const tensor: Tensor = { name: `${name}.${before.size + 1}`, shape, domain: domainOf(e) };
      found = { kind: "definition", tensor, value: atCanonical(e) };
      before.set(e, found);
    }
    return leaf(found.tensor, e.axes);
  };
  const loop = (e: Expr): Expr | undefined => (isLoop(e) && isFree(e) ? held(e) : undefined);
  const whole = (e: Expr, go: (part: Expr) => Expr): Expr | undefined => {
    if (e.kind !== "apply" || e.op.gives !== "real" || tensorsOf(e).size < 2) return undefined;
    if (isFree(e)) return held(e);
    const free = e.op.variadic ? e.args.filter(isFree) : [];
    if (tensorsOf(...free).size < 2) return undefined;
    const others = e.args.filter((a) => !free.includes(a));
    return apply(e.op, [held(apply(e.op, free)), ...others.map(go)]);
  };
  const without = (hold: typeof whole, { definitions }: Recursion): Recursion => ({
    ...recursion,
    definitions: definitions.map((d) => ({ ...d, value: rewrite(d.value, hold) })),
  });
  const short = without(loop, recursion);
  const bound = new Set([...own, ...tensorsOf(...short.definitions.map((d) => d.value))]);
  const fitting = bound.size <= most ? short : without(whole, short);
  return [...before.values(), fitting];
}

const atCanonical = (e: Expr): Expr => {
  const axes = axesFor(e.axes.map((a) => a.dim));
  return at(e, e.axes, axes);
};
