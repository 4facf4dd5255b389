/**
 * z + s u(z) = z₀ for one number z: the proximal map of a loss with derivative u, by its pieces. Each condition of u
 * (a comparison, the sign of something) is taken both ways; each way gives an equation without conditions, whose
 * solution counts where it meets the conditions that it was found under. z + s u(z) rises, so that one does, unless
 * z₀ lies in a jump of u: then z is where the jump is.
 */
import { add, apply, call, isApply, mul, neg, rebuild } from "../../math/algebra.ts";
import { type Apply, constant, type Expr, type Leaf, postorder } from "../../math/expr.ts";
import { simplify } from "../simplify.ts";
import { isObstacle, isolate, type Obstacle, put } from "./isolate.ts";

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
  const switches = switchesOf(u, z);
  if (switches.length > MOST_CONDITIONS) return { term: u, why: "it has too many pieces" };
  const pieces: { value: Expr; valid: Expr[]; signs: number }[] = [];
  for (const branch of branchesOf(switches)) {
    const piece = simplify(taken(u, branch));
    const value = isolate(add(z, mul(s, piece)), z, z0);
    if (isObstacle(value)) return value;
    const at = (e: Expr): Expr => put(e, z, value);
    pieces.push({
      value: simplify(value),
      valid: branch.map(({ on, way }) => holds(on, way, at)),
      signs: branch.filter(({ on }) => isJump(on) && reads(u, on, branch)).length,
    });
  }
  // Pieces beside a jump come first, so that what is left over is a piece without one, or the jump itself.
  pieces.sort((a, b) => b.signs - a.signs);
  const jump = switches.find(isJump);
  const smooth = pieces.filter((p) => p.signs === 0);
  let rest: Expr;
  const last = smooth.at(-1);
  if (last) rest = last.value;
  else if (jump) {
    const kink = isolate(jump.args[0] as Expr, z, constant(0));
    if (isObstacle(kink)) return kink;
    rest = kink;
  } else rest = (pieces.at(-1) as { value: Expr }).value;
  const tried = pieces.filter((p) => p !== last);
  return tried.reduceRight((other, p) => where(p.valid, p.value, other), rest);
}

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

const isJump = (x: Apply): boolean => isApply(x, "sign");

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
      const decided = branch.find(({ on }) => isJump(on) && on.args[0] === inside)?.way;
      if (decided !== undefined) return decided ? go(inside) : neg(go(inside));
    }
    return rebuild(x, go);
  };
  return go(u);
}

/** Whether a sign decides anything in what is left of u once the other conditions are taken. */
function reads(u: Expr, on: Apply, branch: readonly Taken[]): boolean {
  const flipped = branch.map((b) => (b.on === on ? { ...b, way: !b.way } : b));
  return taken(u, branch) !== taken(u, flipped);
}

function holds(on: Apply, way: boolean, at: (e: Expr) => Expr): Expr {
  if (isJump(on)) {
    const inside = at(on.args[0] as Expr);
    return way ? call("less", constant(0), inside) : call("less", inside, constant(0));
  }
  const condition = apply(on.op, on.args.map(at));
  return way ? condition : call("equal", call("where", condition, constant(1), constant(0)), constant(0));
}

const where = (conditions: readonly Expr[], then: Expr, otherwise: Expr): Expr =>
  conditions.reduceRight<Expr>((inner, c) => call("where", c, inner, otherwise), then);
