/**
 * A tile form as statements: each one loop nest over named axes, for all tokens of a tile at once or for one
 * token after the other. Every reduction gets a tensor of its own.
 */
import { type Quantity, TILE } from "../../form/tile-form.ts";
import { type Axis, type Dim, freshAxis } from "../../math/axis.ts";
import { type Expr, type Leaf, leaf, postorder, type Tensor, tensorsOf } from "../../math/expr.ts";
import type { Reduction } from "../../math/node.ts";

/** The token that a statement is at, where all of the tile are computed. */
export const NOW: Axis = freshAxis(TILE);
/** The last token of the tile. */
export const LAST: Axis = freshAxis(TILE);

export interface Statement {
  /** What tokens have is `[tile, …]`; `end` is a state after the tile. */
  readonly kind: "value" | "running" | "output" | "end";
  readonly target: Tensor;
  /** The target's index without `NOW`. */
  readonly result: readonly Axis[];
  readonly reduction: { readonly op: Reduction; readonly axis: Axis } | undefined;
  readonly body: Expr;
  /** Of what runs along the tile: what it was before the token, and before the first. */
  readonly before: Quantity["before"];
  /** Sums over the tile that the body reads, in the same nest. */
  readonly sums: readonly { readonly tensor: Tensor; readonly axis: Axis; readonly body: Expr }[];
  /** How the target comes about, where that takes turns. */
  readonly loop?: Loop;
}

/** Statements that each token repeats for itself. */
export interface Loop {
  /** What is carried from turn to turn, before the first. */
  readonly starts: readonly Statement[];
  readonly turn: readonly Statement[];
  /**
   * What a turn makes of what is carried: `next` takes the place of `previous`, which is read by what comes before it, and
   * by itself at its own place.
   */
  readonly carry: readonly { readonly previous: Tensor; readonly next: Tensor }[];
  /** At most this many turns, and none once this is so. */
  readonly turns: { readonly dim: Dim; readonly each: number };
  readonly until: { readonly value: Tensor; readonly atMost: Tensor };
}

/** Statements that are computed for all tokens at once, or one token after the other. */
export interface Step {
  readonly order: "once" | "batch" | "tokens" | "end";
  readonly statements: readonly Statement[];
}

export interface TileProgram {
  readonly steps: readonly Step[];
  /** The tensor of all tokens of the tile, of each input that is read. */
  readonly inputs: ReadonlyMap<Tensor, Tensor>;
  readonly output: Tensor;
}

const ofTokens = new WeakSet<Tensor>();

/** Whether it has a value for each token of the tile: along its first axis. */
export const isOfTokens = (t: Tensor): boolean => ofTokens.has(t);

/** Whether each token of the tile has one number of it. */
export const isNumber = (t: Tensor): boolean => isOfTokens(t) && t.shape.length === 1;

/** A tensor of the tile's tokens, each of which has one of `shape`. */
export function eachToken(name: string, shape: readonly Dim[], domain: Tensor["domain"]): Tensor {
  const t: Tensor = { name, shape: [TILE, ...shape], domain };
  ofTokens.add(t);
  return t;
}

/** The tensors that a statement reads, but for those that its own turns make. */
export function readBy(s: Statement): Set<Tensor> {
  if (!s.loop) return tensorsOf(s.body, ...s.sums.map((x) => x.body));
  const inner = innerOf(s);
  const own = new Set(inner.map((x) => x.target));
  const read = [s.loop.until.atMost, ...inner.flatMap((x) => [...readBy(x)])];
  return new Set(read.filter((t) => !own.has(t)));
}

/** What takes the place of which, in a loop. */
export const replacedIn = ({ loop }: Statement): Map<Tensor, Tensor> =>
  new Map((loop?.carry ?? []).map(({ previous, next }) => [next, previous]));

/** The statements of a loop. */
export const innerOf = ({ loop }: Statement): Statement[] => (loop ? [...loop.starts, ...loop.turn] : []);

export const leavesOf = (s: Statement): Leaf[] =>
  postorder([s.body, ...s.sums.map((x) => x.body)]).filter((x): x is Leaf => x.kind === "leaf");

/** Whether the statement is over the same axes as others, and reads of what they make only what is at its own place. */
export function isAtOwnPlace(s: Statement, others: readonly Statement[]): boolean {
  const made = new Set(others.map((o) => o.target));
  const isOwn = (l: Leaf): boolean =>
    !made.has(l.tensor) || ((!s.reduction || s.result.length === 0) && l === ownLeaf(l.tensor, s.result));
  return others.every((o) => isSame(o.result, s.result)) && leavesOf(s).every(isOwn);
}

export const isSame = (a: readonly Axis[], b: readonly Axis[]): boolean =>
  a.length === b.length && a.every((x, i) => x === b[i]);

/** What a lane makes of a tensor where it is at the index `result`. */
export const ownLeaf = (t: Tensor, result: readonly Axis[]): Leaf =>
  leaf(t, isOfTokens(t) ? [NOW, ...result] : result) as Leaf;
