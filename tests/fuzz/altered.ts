/** Parallel forms with a mistake in them. */
import type { Quantity, TileForm } from "../../compiler/form/tile-form.ts";
import type { tileForm } from "../../compiler/form/tiles.ts";
import { mul, neg, pow } from "../../compiler/math/algebra.ts";
import { axesFor } from "../../compiler/math/axis.ts";
import { constant, type Expr, leaf } from "../../compiler/math/expr.ts";

/** The tiles with one alteration of each form. */
export const altered =
  (made: typeof tileForm, alter: (form: TileForm) => TileForm): typeof tileForm =>
  (...rule) => {
    const form = made(...rule);
    return form.kind === "tiles" ? alter(form) : form;
  };

/** A sign: each state comes out of a tile as its opposite. */
export const turned = (form: TileForm): TileForm => ({
  ...form,
  ends: new Map([...form.ends].map(([state, end]) => [state, neg(end)])),
});

/** The sign of an exponent: what starts at 1 and is multiplied at each token is divided. */
export function grown(form: TileForm): TileForm {
  const divided = ({ before, value, tensor }: Quantity): Expr => {
    const was = before && leaf(before.tensor, axesFor(tensor.shape));
    return was && before.start === 1 ? mul(was, was, pow(value, constant(-1))) : value;
  };
  const phases = form.phases.map((p) => ({
    ...p,
    quantities: p.quantities.map((q) => ({ ...q, value: divided(q) })),
  }));
  return { ...form, phases };
}
