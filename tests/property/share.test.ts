/** What several steps compute alike can be computed once before them: the results are the same. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { shared } from "../../compiler/dense/share.ts";
import { interpretAdjoint } from "../../compiler/form/interpret-adjoint.ts";
import { tileAdjoint } from "../../compiler/form/tile-adjoint.ts";
import { elements } from "../../compiler/math/axis.ts";
import { Random } from "../numeric/reference/random.ts";
import { errorRatio } from "../support/compare.ts";
import { sequenceOf } from "../support/sequences.ts";
import { sizesOf, tiled } from "../support/tiles.ts";

/** Rounding, of sums in another order. */
const BOUND = 1e-9;
const NUMBER_OF_RUNS = 3;

const cases = fc.record({
  seed: fc.nat(),
  B: fc.integer({ min: 1, max: 2 }),
  T: fc.integer({ min: 1, max: 7 }),
  H: fc.integer({ min: 1, max: 2 }),
  dk: fc.integer({ min: 4, max: 5 }),
  dv: fc.integer({ min: 4, max: 5 }),
  tile: fc.integer({ min: 1, max: 8 }),
});

/** Sizes at which everything is worth it. */
const LARGE = { B: 64, H: 64, tile: 64, "tile.tokens": 64, tokens: 64 };

const found = tiled.map((t) => {
  const adjoint = tileAdjoint(t.form);
  const sizes = { ...LARGE, ...sizesOf(t.model, 64, 64) };
  const steps = shared("shared", adjoint.steps, sizes);
  const tile = { ...adjoint.tile, steps: shared("tile.shared", adjoint.tile.steps, sizes) };
  const count = steps.length + tile.steps.length - adjoint.steps.length - adjoint.tile.steps.length;
  return { ...t, adjoint, once: { ...adjoint, steps, tile }, count };
});

test("there is something to share in most", () => {
  expect(found.filter((f) => f.count > 0).length).toBeGreaterThan(found.length / 2);
});

describe.each(found.filter((f) => f.count > 0))(
  "$name, $count more",
  ({ model, form, adjoint, once, ranges }) => {
    test("the same gradients", () => {
      fc.assert(
        fc.property(cases, ({ seed, B, T, H, dk, dv, tile }) => {
          const given = { B, T, H, sizes: sizesOf(model, dk, dv) };
          const { extents, run } = sequenceOf(model, given, seed, { before: 0, ranges: ranges(T) });
          const random = new Random(seed + 1);
          const normal = (n: number): Float64Array => new Float64Array(n).map(() => random.normal());
          const states = new Map([...run.states].map(([name, x]) => [name, normal(x.length)]));
          const count = B * T * H * elements(model.spec.outputShape, extents.sizes);
          const seeds = { y: normal(count), states };
          const want = interpretAdjoint(form, adjoint, extents, run, seeds, tile);
          const got = interpretAdjoint(form, once, extents, run, seeds, tile);
          for (const kind of ["tokens", "parameters", "states"] as const)
            for (const [name, x] of want[kind])
              expect(errorRatio(got[kind].get(name) ?? [], x), name).toBeLessThanOrEqual(BOUND);
        }),
        { numRuns: NUMBER_OF_RUNS },
      );
    });
  },
);
