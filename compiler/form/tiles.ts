/** Derives the tile form of a rule, or the part of the rule that keeps it from having one. */
import { normalForm } from "../derive/normal-form.ts";
import type { Rule, RuleState } from "../derive/rule.ts";
import { simplify } from "../derive/simplify.ts";
import { sub, substitute } from "../math/algebra.ts";
import { constant, type Expr, type Tensor, tensorsOf } from "../math/expr.ts";
import { NONNEGATIVE } from "../math/interval.ts";
import { type Family, type Group, groupsOf } from "./families.ts";
import { type Dependence, phasesOf } from "./phases.ts";
import { isObstacle, type Obstacle, type Plane, planeOf } from "./planes.ts";
import { StandsWhole, Tile } from "./probes.ts";
import type { Class, Quantity, TileForm } from "./tile-form.ts";

export function tileForm(rule: Rule): TileForm | Obstacle {
  const before = new Map(rule.states.map((s) => [s.previous, s]));
  const planes: Plane[] = [];
  for (const s of rule.states) {
    const plane = planeOf(s, before);
    if (isObstacle(plane)) return plane;
    planes.push(plane);
  }
  const now: Tensor = { name: "now", shape: [], domain: NONNEGATIVE };
  const groups = groupsOf(planes, now);
  if (isObstacle(groups)) return groups;
  try {
    return formOf(rule, groups, now);
  } catch (error) {
    if (!(error instanceof StandsWhole)) throw error;
    return { kind: "obstacle", state: error.state, part: error.part, why: "read as a whole" };
  }
}

function formOf(rule: Rule, groups: readonly Group[], now: Tensor): TileForm | Obstacle {
  const { spec } = rule;
  const taken = [
    ...spec.inputs.map((i) => i.tensor.name),
    ...spec.parameters.map((p) => p.tensor.name),
    ...spec.numbers.map((t) => t.name),
    ...rule.states.flatMap((s) => [s.name, `${s.name}.start`]),
  ];
  const tile = new Tile(groups, taken);
  const output = tile.resolve(rule.output, true);
  const ends = new Map(rule.states.map((s): [RuleState, Expr] => [s, tile.after(s)]));
  const { phases, dependence } = phasesOf(tile.quantities, tile.stacks);
  const families = groups.flatMap((g) => g.families.map((f) => ({ f, state: g.states[0] as RuleState })));
  for (const { f, state } of families) {
    const { right } = tile.sides(f);
    if (right && dependence.isSerial(right)) return { kind: "obstacle", state, part: f.right, why: "right side" };
  }
  return {
    kind: "tiles",
    rule,
    class: classOf(rule, tile, families.map((x) => x.f), dependence),
    now,
    starts: tile.starts,
    stacks: tile.stacks,
    constants: tile.constants,
    phases,
    output,
    ends,
  };
}

function classOf(rule: Rule, tile: Tile, families: readonly Family[], dependence: Dependence): Class {
  const serial = tile.quantities.filter((q) => dependence.isSerial(q.tensor));
  if (serial.length > 0) {
    const sides = new Set(families.map((f) => tile.sides(f).left));
    return serial.every((q) => isAffine(q, serial, sides)) ? "triangular" : "substitution";
  }
  return rule.spec.chunk === undefined ? "associative" : "frozen";
}

/** Whether it is affine in the other quantities of its phase, by factors without axes. */
function isAffine({ value }: Quantity, serial: readonly Quantity[], sides: ReadonlySet<Tensor | undefined>): boolean {
  const others = serial.map((q) => q.tensor).filter((t) => tensorsOf(value).has(t) && !sides.has(t));
  const put = (x: number): Expr => substitute(value, (t) => (others.includes(t) ? constant(x) : undefined));
  const atZero = put(0);
  const slope = simplify(sub(put(1), atZero));
  void slope;
  for (const t of others) {
    const at = (x: Expr): Expr => substitute(value, (u) => (u === t ? x : undefined));
    const one = simplify(sub(at(constant(1)), at(constant(0))));
    if (one.axes.length > 0) return false;
  }
  return normalForm(atZero) !== undefined;
}
