/**
 * What is written into states over a tile. Each write is `left ⊗ right`; how much of it each state holds, tokens
 * later, follows from the coefficients of the planes alone, run once on numbers, forwards, without a division and
 * without a logarithm, so that a gate may be exactly 0.
 */
import type { RuleState } from "../derive/rule.ts";
import { add, mul, splitCoefficient } from "../math/algebra.ts";
import { type Axis, axesFor } from "../math/axis.ts";
import { constant, type Expr, type Tensor } from "../math/expr.ts";
import { Coefficients, type Column, type Weight } from "./coefficients.ts";
import { isObstacle, type Obstacle, type Plane } from "./planes.ts";
import type { Quantity } from "./tile-form.ts";

/** One left ⊗ right, or the sum of several, in all states that it is written into. */
export interface Family {
  readonly left: Expr;
  readonly right: Expr;
  /** The axes of the states written into, of left and of right. */
  readonly axes: readonly Axis[];
  /** What both sides have besides, and are summed over. */
  readonly over: readonly Axis[];
  readonly factors: Map<RuleState, Expr>;
}

/** How states go over into one another within a tile. */
export interface Group {
  readonly states: readonly RuleState[];
  readonly families: readonly Family[];
  /** b of one state in another, where it is not 0. */
  start(of: RuleState, from: RuleState): Weight | undefined;
  /** c of a family in a state, where it is not 0. */
  written(of: RuleState, family: Family): Weight | undefined;
  readonly quantities: readonly Quantity[];
}

/** The groups of states that stand in each other's updates. */
export function groupsOf(planes: readonly Plane[], now: Tensor): Group[] | Obstacle {
  const groups: Group[] = [];
  for (const together of connected(planes)) {
    const made = groupOf(together, now);
    if ("kind" in made) return made;
    groups.push(made);
  }
  return groups;
}

function connected(planes: readonly Plane[]): Plane[][] {
  const groups: Plane[][] = [];
  for (const plane of planes) {
    const meets = (other: Plane): boolean =>
      other.coefficients.has(plane.state) || plane.coefficients.has(other.state);
    const joined = groups.filter((g) => g.some(meets));
    for (const g of joined) groups.splice(groups.indexOf(g), 1);
    groups.push([...joined.flat(), plane]);
  }
  return groups;
}

function groupOf(planes: readonly Plane[], now: Tensor): Group | Obstacle {
  const coefficients = Coefficients.of(planes, now);
  if (isObstacle(coefficients)) return coefficients;
  const states = planes.map((p) => p.state);
  const families = familiesOf(planes);
  const starts = new Map<RuleState, Column>();
  for (const state of states) {
    const column = coefficients.start(state);
    if (isObstacle(column)) return column;
    starts.set(state, column);
  }
  const written = new Map<Family, Column>();
  for (const family of families) {
    const column = coefficients.written(family.factors);
    if (isObstacle(column)) return column;
    written.set(family, column);
  }
  return {
    states,
    families,
    start: (of, from) => starts.get(from)?.get(of),
    written: (of, family) => written.get(family)?.get(of),
    quantities: coefficients.quantities,
  };
}

/** Writes with the same left and right are one, whatever the numbers before them. */
function familiesOf(planes: readonly Plane[]): Family[] {
  const families: Family[] = [];
  for (const { state, outers } of planes) {
    for (const { factor, left, right, over } of outers) {
      const [c, l] = splitCoefficient(left);
      const [d, r] = splitCoefficient(right);
      let family = families.find((f) => f.left === l && f.right === r);
      if (!family) {
        family = { left: l, right: r, axes: axesFor(state.shape), over, factors: new Map() };
        families.push(family);
      }
      const before = family.factors.get(state) ?? constant(0);
      family.factors.set(state, add(before, mul(constant(c * d), factor)));
    }
  }
  return families;
}
