/**
 * Level 5: the tile form: the rule of one token becomes that of a tile of tokens, without the state between
 * them. With A the state where the tile starts, after its token t the state is
 *
 *     A_t = b_t ⊙ A + Σ_{s ≤ t} c_t[s] · left_s ⊗ right_s
 *
 * and wherever the rule contracts a state with something, `Σ_j A_t[i, j] x[j]`, that is
 *
 *     b_t (A x) + Σ_{s ≤ t} c_t[s] (right_s · x) left_s
 *
 * so that no A_t is ever made. It is written as quantities of one token that read the tile's start, and what
 * other tokens of the tile have of such a quantity. A token may write a sum of such products: left and right are
 * matrices then. Where a state is a ring of slots, what is reduced over them is merged from the slots of the tile's
 * start and from its tokens (`rings.ts`). How long a tile is never changes the result.
 */
import type { Rule, RuleState } from "../derive/rule.ts";
import { type Dim, dim } from "../math/axis.ts";
import type { Expr, Tensor } from "../math/expr.ts";

/** How many tokens a tile has. */
export const TILE: Dim = dim(["tile"]);

/** A value of one token: over the token's inputs, states at the tile's start, other quantities and their stacks. */
export interface Quantity {
  readonly tensor: Tensor;
  readonly value: Expr;
  readonly before: Before | undefined;
}

/** A quantity of the token before; before the first token all of its elements are a number, or a tensor's of the tile. */
export interface Before {
  readonly tensor: Tensor;
  readonly start: number | Tensor;
}

/** Quantities that all tokens of a tile can have at once, or that they must have one after the other. */
export interface Phase {
  readonly order: "parallel" | "serial";
  readonly quantities: readonly Quantity[];
}

/** Why the tokens of a tile can be computed together. */
export type Class = "associative" | "triangular" | "substitution" | "frozen" | "streaming";

export interface TileForm {
  readonly kind: "tiles";
  readonly rule: Rule;
  readonly class: Class;
  /** Which of the tile's tokens it is, as a number. */
  readonly now: Tensor;
  /** The states where the tile starts. */
  readonly starts: ReadonlyMap<RuleState, Tensor>;
  /** What the tokens of the tile have of a quantity or an input, `[tile, …shape]`; 0 for those that are not there yet. */
  readonly stacks: ReadonlyMap<Tensor, Tensor>;
  /** What quantities stand for in the rule: what is read of a state, and the sides of what is written. */
  readonly meanings: ReadonlyMap<Tensor, Expr>;
  /** Made once a tile, of its start. */
  readonly constants: readonly Quantity[];
  readonly phases: readonly Phase[];
  readonly output: Expr;
  /** Each state after the tile, over the quantities of its last token. */
  readonly ends: ReadonlyMap<RuleState, Expr>;
}
