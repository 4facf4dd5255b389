/** A state on a simplex has the sums that it is given: one for all of it, or one for each row. */
import { expect, test } from "vitest";
import { interpret } from "../../compiler/derive/interpret.ts";
import { errorRatio } from "../support/compare.ts";
import { sequenceOf } from "../support/sequences.ts";
import { modelOf } from "../support/specs.ts";

const BOUND = 1e-12;
const SIZE = 3;
const EXTENTS = { B: 1, T: 6, H: 2, sizes: { dk: SIZE, dv: SIZE } };

test.each(["", "[dv]", "[dk]"])("total %s", (shape) => {
  const model = modelOf(`model Shared {
    memory    matrix
    bias      l2
    retention kl(alpha, total)
    algorithm gd(0.1)
    require dv = dk
    gate alpha in (0, 1)
    gate total ${shape} > 0
  }`);
  const { extents, run } = sequenceOf(model, EXTENTS, 1);
  // Read with ones, each row gives its sum.
  const ones = new Float64Array(EXTENTS.T * EXTENTS.H * SIZE).fill(1);
  const { y } = interpret(model.rule, extents, { ...run, tokens: new Map([...run.tokens, ["q", ones]]) });
  const total = run.tokens.get("total") as Float64Array;
  const repeated = shape === "" ? SIZE : 1;
  expect(
    errorRatio(
      y,
      ones.map((_, i) => total[Math.floor(i / repeated)] as number),
    ),
  ).toBeLessThanOrEqual(BOUND);
});
