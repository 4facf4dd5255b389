/** Derives the tile form of a rule, or the part of the rule that keeps it from having one. */
import type { Rule, RuleState } from "../derive/rule.ts";
import { simplify } from "../derive/simplify.ts";
import { sub, substitute } from "../math/algebra.ts";
import { axesFor } from "../math/axis.ts";
import { children, constant, type Expr, type Leaf, postorder, type Tensor, tensorsOf } from "../math/expr.ts";
import { NONNEGATIVE } from "../math/interval.ts";
import type { Elementwise } from "../math/node.ts";
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
    if (right && dependence.isSerial(right))
      return { kind: "obstacle", state, part: f.right, why: "right side" };
  }
  return {
    kind: "tiles",
    rule,
    class: classOf(
      rule,
      tile,
      families.map((x) => x.f),
      dependence,
    ),
    now,
    starts: tile.starts,
    stacks: tile.stacks,
    meanings: tile.meanings,
    constants: tile.constants,
    phases,
    output,
    ends,
  };
}

function classOf(rule: Rule, tile: Tile, families: readonly Family[], { isSerial }: Dependence): Class {
  const lefts = new Set(families.map((f) => tile.sides(f).left));
  const solved = tile.quantities.filter((q) => isSerial(q.tensor) && lefts.has(q.tensor));
  if (solved.length > 0) return solved.every((q) => isAffine(q, isSerial)) ? "triangular" : "substitution";
  return rule.spec.chunk === undefined ? "associative" : "frozen";
}

/**
 * Whether it is affine in what it reads of its own phase, with the same slope for all of its elements: what reads the
 * states is, so that then all of them together solve one triangular system.
 */
function isAffine({ tensor, value }: Quantity, isSerial: Dependence["isSerial"]): boolean {
  const read = [...tensorsOf(value)].filter(isSerial);
  const put = (x: (t: Tensor) => Expr): Expr =>
    substitute(value, (t) => (read.includes(t) ? x(t) : undefined));
  const slopes = read.map((one) =>
    simplify(
      sub(
        put((t) => constant(t === one ? 1 : 0)),
        put(() => constant(0)),
      ),
    ),
  );
  if (slopes.some((slope) => slope.axes.length > 0 || [...tensorsOf(slope)].some(isSerial))) return false;
  const axes = axesFor(tensor.shape);
  const isAligned = (e: Leaf): boolean =>
    e.index.length === axes.length && e.index.every((a, i) => a === axes[i]);
  return isElementwiseAffine(value, (e) => isSerial(e.tensor), isAligned);
}

/** Whether an expression is affine in leaves, element by element: by the linearity of each operation, composed. */
function isElementwiseAffine(
  root: Expr,
  isVariable: (e: Leaf) => boolean,
  isAligned: (e: Leaf) => boolean,
): boolean {
  const depends = new Set<Expr>();
  for (const e of postorder([root])) {
    if (e.kind === "leaf" ? isVariable(e) : children(e).some((c) => depends.has(c))) depends.add(e);
    if (!depends.has(e)) continue;
    if (
      e.kind === "leaf"
        ? !isAligned(e)
        : e.kind !== "apply" ||
          !isAffineIn(
            e.op,
            e.args.map((a) => depends.has(a)),
          )
    )
      return false;
  }
  return true;
}

/** An operation is affine in some arguments if it is linear in these and others. */
function isAffineIn(op: Elementwise, marked: readonly boolean[]): boolean {
  const free = marked.flatMap((isMarked, i) => (isMarked ? [] : [i]));
  const widened = op.variadic
    ? [marked, marked.map(() => true)]
    : subsets(free).map((s) => marked.map((m, i) => m || s.includes(i)));
  return widened.some((marks) => op.linearIn(marks));
}

const subsets = (of: readonly number[]): number[][] =>
  of.reduce<number[][]>((all, i) => [...all, ...all.map((s) => [...s, i])], [[]]);
