/**
 * z + s u(z) = z₀ for one number z: the proximal map of a loss with derivative u, by its pieces. Each condition of u
 * (a comparison, the sign of something) is taken both ways; each way gives an equation without conditions, whose
 * solution counts where it meets the conditions that it was found under. z + s u(z) rises, so that one does, unless
 * z₀ lies in a jump of u: then z is where the jump is.
 */
import { add, apply, call, isApply, mul, neg, rebuild, sub } from "../../math/algebra.ts";
import { domainOf } from "../../math/domain.ts";
import { type Apply, constant, type Expr, type Leaf, postorder } from "../../math/expr.ts";
import { normalForm } from "../normal-form.ts";
import { simplify } from "../simplify.ts";
import { isConvex } from "./convex.ts";
import { isObstacle, isolate, type Obstacle, put, slopeIn } from "./isolate.ts";

const ZERO = constant(0);

/** More conditions than this are more pieces than anyone means. */
const MOST_CONDITIONS = 4;

/** z, for u over `z` elementwise; both `s` and `z0` over the axes of `z`. */
export function proximal(u: Expr, z: Leaf, s: Expr, z0: Expr): Expr | Obstacle {
  const sum = postorder([u]).find(
    (x) =>
      (x.kind === "reduce" || x.kind === "solve") &&
      postorder([x]).some((y) => y.kind === "leaf" && y.tensor === z.tensor),
  );
  if (sum) return { term: sum, why: "the loss is not a sum over channels: this joins them" };
  if (!isConvex(u, z.tensor))
    return { term: u, why: "it falls somewhere: the loss is not convex, and may have several minima" };
  const switches = switchesOf(u, z);
  if (switches.length > MOST_CONDITIONS) return { term: u, why: "it has too many pieces" };
  const pieces: Piece[] = [];
  for (const branch of branchesOf(switches)) {
    const value = isolate(add(z, mul(s, simplify(taken(u, branch)))), z, z0);
    if (isObstacle(value)) return value;
    pieces.push({ value: simplify(value), valid: branch.map((b) => holds(b, z, value)) });
  }
  const jumps = switches.flatMap((on) => jumpsAt(on, switches, u, z, s, z0)).filter(isNew);
  // z + s u(z) rises: beyond the jumps one of the pieces holds, so that the last needs no condition.
  const [last, ...others] = pieces.reverse() as [Piece, ...Piece[]];
  return [...jumps, ...others].reduceRight((rest, p) => where(p.valid, p.value, rest), last.value);
}

/** A solution, and the conditions under which it is the one. */
interface Piece {
  readonly value: Expr;
  readonly valid: readonly Expr[];
}

/** Where u jumps as conditions change, z stays while z₀ passes through the jump. */
function jumpsAt(on: Apply, switches: readonly Apply[], u: Expr, z: Leaf, s: Expr, z0: Expr): Piece[] {
  return branchesOf(switches.filter((x) => x !== on)).flatMap((others): Piece[] => {
    const level = (x: Apply): Expr => simplify(taken(boundaryOf(x), others));
    const place = isolate(level(on), z, ZERO);
    if (isObstacle(place)) return [];
    // What changes at one place changes there together.
    const isHere = (x: Apply): boolean => normalForm(put(level(x), z, place)) === ZERO;
    const apart = others.filter((o) => !isHere(o.on));
    const here = [on, ...others.map((o) => o.on).filter(isHere)];
    const side = (isAbove: boolean): Expr => {
      const ways = here.map((x) => ({ on: x, way: isSign(x) === (rises(level(x), z) === isAbove) }));
      return put(taken(u, [...apart, ...ways]), z, place);
    };
    const [a, b] = [side(false), side(true)];
    if (normalForm(sub(a, b)) === ZERO) return [];
    const at = (x: Expr): Expr => simplify(add(place, mul(s, x)));
    const isBetween = [
      call("lessEqual", call("min", at(a), at(b)), z0),
      call("lessEqual", z0, call("max", at(a), at(b))),
    ];
    return [{ value: simplify(place), valid: [...apart.map((o) => holds(o, z, place)), ...isBetween] }];
  });
}

/** What is 0 where a condition changes: its sign is that of `sign`, and a comparison holds below it. */
const boundaryOf = (on: Apply): Expr => {
  const [first, second] = on.args as [Expr, Expr];
  return isSign(on) ? first : sub(first, second);
};

const rises = (e: Expr, z: Leaf): boolean => domainOf(slopeIn(e, z)).low >= 0;

/** Conditions that change together are found once for each of them. */
const isNew = ({ value, valid }: Piece, i: number, all: readonly Piece[]): boolean =>
  i === all.findIndex((p) => p.value === value && p.valid.every((v, n) => v === valid[n]));

interface Taken {
  readonly on: Apply;
  readonly way: boolean;
}

/** The comparisons, signs and sizes that z decides. */
function switchesOf(u: Expr, z: Leaf): Apply[] {
  const decides = (x: Expr): boolean => postorder([x]).includes(z);
  const found = postorder([u]).filter(
    (x): x is Apply =>
      x.kind === "apply" && (x.op.gives === "bool" || isApply(x, "sign") || isApply(x, "abs")) && decides(x),
  );
  // The sign and the size of one thing are one condition; so is a size inside a comparison.
  const signs = new Map<Expr, Apply>();
  const conditions: Apply[] = [];
  for (const x of found) {
    if (x.op.gives === "bool") conditions.push(x);
    else if (!signs.has(x.args[0] as Expr))
      signs.set(x.args[0] as Expr, call("sign", x.args[0] as Expr) as Apply);
  }
  return [...signs.values(), ...conditions];
}

const isSign = (x: Apply): boolean => isApply(x, "sign");

function branchesOf(switches: readonly Apply[]): Taken[][] {
  return switches.reduce<Taken[][]>(
    (all, on) => all.flatMap((b) => [true, false].map((way) => [...b, { on, way }])),
    [[]],
  );
}

/** u with each condition decided. */
function taken(u: Expr, branch: readonly Taken[]): Expr {
  const way = (x: Expr): boolean | undefined => branch.find(({ on }) => on === x)?.way;
  const go = (x: Expr): Expr => {
    if (isApply(x, "where")) {
      const decided = way(x.args[0] as Expr);
      if (decided !== undefined) return go((decided ? x.args[1] : x.args[2]) as Expr);
    }
    if (isApply(x, "sign")) {
      const decided = way(x);
      if (decided !== undefined) return constant(decided ? 1 : -1);
    }
    if (isApply(x, "abs")) {
      const inside = x.args[0] as Expr;
      const decided = branch.find(({ on }) => isSign(on) && on.args[0] === inside)?.way;
      if (decided !== undefined) return decided ? go(inside) : neg(go(inside));
    }
    return rebuild(x, go);
  };
  return go(u);
}

/** Whether a condition is as it was taken to be, at a value of z. */
function holds({ on, way }: Taken, z: Leaf, value: Expr): Expr {
  const [first] = on.args as [Expr];
  const at = (e: Expr): Expr => put(e, z, value);
  // At 0 itself both ways come to the same, unless u jumps there: then that is looked at first.
  if (isSign(on)) return way ? call("lessEqual", ZERO, at(first)) : call("lessEqual", at(first), ZERO);
  const condition = apply(on.op, on.args.map(at));
  return way ? condition : call("equal", call("where", condition, constant(1), ZERO), ZERO);
}

const where = (conditions: readonly Expr[], then: Expr, otherwise: Expr): Expr =>
  conditions.reduceRight<Expr>((inner, c) => call("where", c, inner, otherwise), then);
