/** Derives the tile form of a rule, or the part of the rule that keeps it from having one. */
import type { Rule, RuleState } from "../derive/rule.ts";
import { simplify } from "../derive/simplify.ts";
import { at, sub, substitute } from "../math/algebra.ts";
import { axesFor } from "../math/axis.ts";
import { children, constant, type Expr, type Leaf, postorder, type Tensor, tensorsOf } from "../math/expr.ts";
import { NONNEGATIVE } from "../math/interval.ts";
import type { Elementwise } from "../math/node.ts";
import { type Group, groupsOf } from "./families.ts";
import { mergedRunning } from "./merging.ts";
import { type Dependence, phasesOf } from "./phases.ts";
import { isObstacle, type Obstacle, type Plane, planeOf } from "./planes.ts";
import { prepared } from "./prepared.ts";
import { type Apart, CannotReplace, Tile } from "./probes.ts";
import { ringsOf } from "./rings.ts";
import { runningStates } from "./running.ts";
import type { Class, Quantity, TileForm } from "./tile-form.ts";

export function tileForm(given: Rule): TileForm | Obstacle {
  const rule = prepared(given);
  const apart = takenApart(rule);
  if (isObstacle(apart)) return apart;
  try {
    return formOf(rule, apart);
  } catch (error) {
    if (!(error instanceof CannotReplace)) throw error;
    return { kind: "obstacle", state: error.state, part: error.part, why: error.why };
  }
}

/** The states, by how they change along a tile. */
function takenApart(rule: Rule): Apart | Obstacle {
  const { states } = rule;
  const now: Tensor = { name: "now", shape: [], domain: NONNEGATIVE };
  const starts = new Map(
    states.map((s): [RuleState, Tensor] => [s, { ...s.previous, name: `${s.name}.start` }]),
  );
  const running = runningStates(states, starts);
  const rings = ringsOf(states, running, starts, now);
  const kept = new Map([...rings.keys()].map((s) => [s.next, s]));
  const read = new Map([...states.map((s): [Tensor, RuleState] => [s.previous, s]), ...kept]);
  const isLinear = (s: RuleState): boolean => !running.has(s) && !rings.has(s);
  const planes: Plane[] = [];
  for (const state of states.filter(isLinear)) {
    const readsRing = [...tensorsOf(state.update)].some((t) => rings.has(read.get(t) as RuleState));
    const update = readsRing ? updateOver(rule, state, kept) : state.update;
    const plane = planeOf(state, update, read, isLinear);
    if (isObstacle(plane)) return plane;
    planes.push(plane);
  }
  const groups = groupsOf(planes, now);
  return isObstacle(groups) ? groups : { starts, groups, running, rings, now };
}

/** A state's update over what some states hold after the token, which it reads; not over what they held before it. */
function updateOver(
  { definitions, spec }: Rule,
  state: RuleState,
  kept: ReadonlyMap<Tensor, RuleState>,
): Expr {
  const resolve = (e: Expr): Expr =>
    substitute(e, (t, index) => {
      const definition = kept.has(t) ? undefined : definitions.get(t);
      const axes = axesFor(t.shape.map((d) => spec.equalities.canonical(d)));
      return definition && at(resolve(definition), axes, index);
    });
  return simplify(resolve(definitions.get(state.next) as Expr));
}

function formOf(rule: Rule, apart: Apart): TileForm | Obstacle {
  const { spec } = rule;
  const { groups, starts, now } = apart;
  const taken = [
    ...spec.inputs.map((i) => i.tensor.name),
    ...spec.parameters.map((p) => p.tensor.name),
    ...spec.numbers.map((t) => t.name),
    ...rule.states.flatMap((s) => [s.name, `${s.name}.start`]),
  ];
  const tile = new Tile(apart, taken);
  const read = tile.resolve(rule.output, true);
  const after = rule.states.map((s): [RuleState, Expr] => [s, tile.after(s)]);
  const { all, constants, meanings, stacks } = tile.made;
  const { quantities, over } = mergedRunning(all, stacks);
  const { phases, dependence } = phasesOf(quantities, stacks);
  const families = groups.flatMap((g) => g.families.map((f) => ({ f, state: g.states[0] as RuleState })));
  for (const { f, state } of families) {
    const { right } = tile.sides(f);
    if (right && dependence.isSerial(right))
      return { kind: "obstacle", state, part: f.right, why: "right side" };
  }
  return {
    kind: "tiles",
    rule,
    class: classOf(rule, apart, tile, dependence),
    now,
    starts,
    stacks,
    meanings,
    constants,
    phases,
    output: over(read),
    ends: new Map(after.map(([s, e]) => [s, over(e)])),
  };
}

function classOf(rule: Rule, { groups, rings }: Apart, tile: Tile, { isSerial }: Dependence): Class {
  const lefts = new Set(groups.flatMap((g) => g.families.map((f) => tile.sides(f).left)));
  const solved = tile.made.all.filter((q) => isSerial(q.tensor) && lefts.has(q.tensor));
  if (solved.length > 0) {
    const isOneSystem =
      solved.every((q) => isAffine(q, isSerial)) && !groups.some((g) => fadesByChannel(g, tile));
    return isOneSystem ? "triangular" : "substitution";
  }
  const read = tensorsOf(rule.output);
  if ([...rings.keys()].some((s) => read.has(s.next) || read.has(s.previous))) return "streaming";
  return rule.spec.chunk === undefined ? "associative" : "frozen";
}

/** Whether what tokens write fades apart in each channel: then each of them would have a system of its own. */
const fadesByChannel = (group: Group, tile: Tile): boolean =>
  group.families.some((f) =>
    group.states.some((s) => {
      const { left } = tile.sides(f);
      return left !== undefined && group.written(s, f)?.parts.some((p) => p.along.includes(0));
    }),
  );

/**
 * Whether it is affine in what it reads of its own phase, with the same slope for all rows of the state: what reads the
 * states is, so that then all of them together solve one triangular system.
 */
function isAffine({ tensor, value }: Quantity, isSerial: Dependence["isSerial"]): boolean {
  const read = [...tensorsOf(value)].filter(isSerial);
  const put = (x: (t: Tensor) => Expr): Expr =>
    substitute(value, (t) => (read.includes(t) ? x(t) : undefined));
  const axes = axesFor(tensor.shape);
  const [row] = axes;
  const slopes = read.map((one) =>
    simplify(
      sub(
        put((t) => constant(t === one ? 1 : 0)),
        put(() => constant(0)),
      ),
    ),
  );
  if (slopes.some((slope) => (row && slope.axes.includes(row)) || [...tensorsOf(slope)].some(isSerial)))
    return false;
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
  of.reduce<number[][]>((all, i) => all.concat(all.map((s) => [...s, i])), [[]]);
