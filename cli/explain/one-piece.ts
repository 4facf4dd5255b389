/** The rule in one piece. */
import { heldIn } from "../../compiler/derive/ring.ts";
import { simplify } from "../../compiler/derive/simplify.ts";
import { at, substitute } from "../../compiler/math/algebra.ts";
import { axesFor } from "../../compiler/math/axis.ts";
import type { Expr, Tensor } from "../../compiler/math/expr.ts";
import { affineMap } from "./affine.ts";
import { type Equation, equation, LINE, rightSide } from "./rows.ts";
import { rename, type Writer } from "./writer.ts";

/** Each state after the token over what is there before it, and as a map of the state. */
export function ruleInOnePiece(writer: Writer): Equation[] {
  const { states, definitions } = writer.rule;
  const gradients = new Map(writer.spec.states.map((s) => [s.gradient, writer.tensor("G", s)]));
  return states.flatMap((s) => {
    if (heldIn(s.name) !== undefined) return [];
    const left = writer.accumulators.get(s.next)?.name ?? s.next.name;
    const whole = writer.accumulated(writer.linked(s.update));
    const isShort = writer.isShort && writer.length(whole, s.shape) <= LINE;
    const update = isShort ? whole : simplify(rename(resolve(s.next, definitions, gradients), gradients));
    const row = equation(left, writer.accumulated(update), s.shape);
    const map = isShort && !writer.accumulators.has(s.next) ? affineMap(s.update, s.previous) : undefined;
    if (!map) return [row];
    const mapped = { ...row, right: [map], note: "as a map of the state" };
    const text = (e: Equation): string => rightSide(e, writer.spec, "unicode").join();
    return text(row) === text(mapped) ? [row] : [row, mapped];
  });
}

/** A state after the token, with everything but the gradients put in. */
function resolve(
  next: Tensor,
  definitions: ReadonlyMap<Tensor, Expr>,
  keep: ReadonlyMap<Tensor, Tensor>,
): Expr {
  const go = (e: Expr): Expr =>
    substitute(e, (t, index) => {
      const value = keep.has(t) ? undefined : definitions.get(t);
      return value && at(go(value), axesFor(t.shape), index);
    });
  return go(definitions.get(next) as Expr);
}
