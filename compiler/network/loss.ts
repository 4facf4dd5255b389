/** What a program is trained on: the cross-entropy of the tokens that should come next. */

import { BATCH } from "../form/steps.ts";
import { add, call, div, neg, reduce, sub } from "../math/algebra.ts";
import { type Axis, type Dim, freshAxis } from "../math/axis.ts";
import { constant, type Expr, leaf, type Tensor } from "../math/expr.ts";
import { interval, NONNEGATIVE, POSITIVE } from "../math/interval.ts";
import { maxOver } from "../math/ops/index.ts";
import { Builder, lookup, sumAlong } from "./builder.ts";
import { type Program, type Step, TOKENS, VOCABULARY } from "./program.ts";

export interface Loss {
  /** `[B, T]`: the token that should be predicted in each place, or -1 where none counts. */
  readonly targets: Tensor;
  /** What follows the program's own steps. */
  readonly steps: readonly Step[];
  /** `[]`: in nats, the mean over the places that count; 0 where none does. */
  readonly loss: Tensor;
  /** `[]`: places that count where no token is likelier than the target. */
  readonly correct: Tensor;
  /** `[]`: places that count. */
  readonly counted: Tensor;
}

export function lossOf({ logits }: Program): Loss {
  const builder = new Builder();
  const everywhere: readonly Dim[] = [BATCH, TOKENS];
  const targets = builder.given("targets", everywhere, interval(-1, Infinity));
  const target = (place: readonly Axis[]): Expr => leaf(targets, place);
  /** `e` where a place counts, else 0. */
  const counting = (place: readonly Axis[], e: Expr): Expr =>
    call("where", call("lessEqual", constant(0), target(place)), e, constant(0));
  const total = (e: (place: readonly Axis[]) => Expr): Expr =>
    sumAlong(everywhere, (place) => counting(place, e(place)));

  const largest = builder.define("loss.largest", everywhere, (place) => {
    const v = freshAxis(VOCABULARY);
    return reduce(maxOver, v, leaf(logits, [...place, v]));
  });
  const mass = builder.define(
    "loss.mass",
    everywhere,
    (place) =>
      sumAlong([VOCABULARY], ([v]) =>
        call("exp", sub(leaf(logits, [...place, v as Axis]), leaf(largest, place))),
      ),
    POSITIVE,
  );
  const wanted = builder.define("loss.wanted", everywhere, (place) =>
    lookup(VOCABULARY, target(place), (v) => leaf(logits, [...place, v])),
  );
  const counted = builder.define("counted", [], () => total(() => constant(1)), NONNEGATIVE);
  const isRight = (place: readonly Axis[]): Expr =>
    call("where", call("lessEqual", leaf(largest, place), leaf(wanted, place)), constant(1), constant(0));
  const correct = builder.define("correct", [], () => total(isRight), NONNEGATIVE);
  const loss = builder.define("loss", [], () => {
    const surprise = total((place) =>
      add(call("log", leaf(mass, place)), leaf(largest, place), neg(leaf(wanted, place))),
    );
    return div(surprise, call("max", leaf(counted, []), constant(1)));
  });
  return { targets, steps: builder.steps, loss, correct, counted };
}
