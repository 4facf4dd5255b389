/** Which definitions are computed where they are used: they get no memory and no kernel of their own. */

import type { Definition } from "../form/steps.ts";
import { at, rebuild, substitute } from "../math/algebra.ts";
import { type Axis, axesFor, elements } from "../math/axis.ts";
import { type Expr, type Leaf, open, type Tensor, tensorsOf } from "../math/expr.ts";
import { allParts, lookupOf, parts, withLookups } from "./lookup.ts";
import { count } from "./space.ts";
import { cost, type Work } from "./work.ts";

/** Operations that are cheaper than memory. */
const CHEAP = 2;

export interface Plan {
  readonly kept: ReadonlySet<Tensor>;
  /** From a new tensor to the one whose place it takes. */
  readonly replaces: ReadonlyMap<Tensor, Tensor>;
}

/** The definitions that are left, in order, those that nobody needs left out. */
export function inlined(definitions: readonly Definition[], plan: Plan, work: Work): Definition[] {
  const needed = neededOf(definitions, plan);
  const inside = new Map<Tensor, Expr>();
  const left: Definition[] = [];
  for (const [i, { tensor, value, ...rest }] of needed.entries()) {
    const substituted = substitute(value, (t, index) => {
      const found = inside.get(t);
      return found && at(found, axesFor(t.shape), index);
    });
    const made: Definition = { ...rest, tensor, value: withLookups(substituted, rebuild) };
    const later = needed.slice(i + 1);
    if (isInlined(made, later, plan, work)) inside.set(tensor, made.value);
    else left.push(made);
  }
  return left;
}

function neededOf(definitions: readonly Definition[], { kept, replaces }: Plan): Definition[] {
  const wanted = new Set<Tensor>(kept);
  const needed: Definition[] = [];
  for (const d of [...definitions].reverse()) {
    if (!wanted.has(d.tensor) && !replaces.has(d.tensor)) continue;
    needed.unshift(d);
    for (const t of tensorsOf(d.value)) wanted.add(t);
  }
  return needed;
}

function isInlined(d: Definition, later: readonly Definition[], plan: Plan, work: Work): boolean {
  if (plan.kept.has(d.tensor) || plan.replaces.has(d.tensor)) return false;
  // A system, its matrix and its right-hand side lie in memory.
  if (d.value.kind === "solve") return false;
  if (later.some((l) => l.value.kind === "solve" && tensorsOf(l.value).has(d.tensor))) return false;
  const users = later.filter((l) => tensorsOf(l.value).has(d.tensor));
  const last = users.at(-1);
  if (!last) return false;
  // What is read must not be replaced before it is.
  const until = later.slice(0, later.indexOf(last) + 1);
  const read = tensorsOf(d.value);
  if (until.some((l) => read.has(plan.replaces.get(l.tensor) as Tensor))) return false;
  const size = elements(d.tensor.shape, work.sizes);
  const large = [...read].filter((t) => elements(t.shape, work.sizes) >= size);
  const reduces = allParts([d.value]).some((e) => e.kind === "reduce");
  if (!reduces && cost(d.value) <= CHEAP && large.length <= 1) return true;
  const [user] = users;
  if (users.length !== 1 || !user) return false;
  const uses = usesOf(d.tensor, user, work);
  const [use] = uses;
  if (uses.length !== 1 || !use) return false;
  if (!use.isInLoop) return true;
  return !work.hasHeavy(d.value) && (cost(d.value) <= CHEAP || use.times <= size);
}

interface Use {
  readonly leaf: Leaf;
  readonly isInLoop: boolean;
  /** How often it is read. */
  readonly times: number;
}

/** The places that read a tensor, with the loops around them. */
function usesOf(t: Tensor, user: Definition, work: Work): Use[] {
  const uses: Use[] = [];
  const seen = new Map<Expr, Set<string>>();
  const visit = (e: Expr, around: readonly Axis[], isInLoop: boolean): void => {
    const key = around.map((a) => a.id).join();
    const before = seen.get(e) ?? new Set();
    if (before.has(key)) return;
    seen.set(e, before.add(key));
    if (e.kind === "leaf") {
      if (e.tensor === t) uses.push({ leaf: e, isInLoop, times: count(around, work.sizes) });
      return;
    }
    if (e.kind === "reduce" && !lookupOf(e)) {
      const { axis, body } = open(e);
      // A reduction that lacks an axis of what is around is computed once for all of it.
      visit(body, [...around.filter((a) => e.axes.includes(a)), axis], true);
    } else for (const p of parts(e)) visit(p, around, isInLoop);
  };
  visit(user.value, axesFor(user.tensor.shape), false);
  return uses;
}
