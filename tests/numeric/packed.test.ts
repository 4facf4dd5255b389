/** Packed sequences on the interpreter are, number for number, what each of them is on its own. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { interpret } from "../../compiler/derive/interpret.ts";
import { boundsOf, boundsProblem, lengthsOf } from "../../runtime/sequences.ts";
import { eachAlone, packedOf } from "../support/packed.ts";
import { specModel } from "../support/specs.ts";

test.each(["gated_deltanet", "titans", "deltaproduct", "attention", "mesanet"])("%s", (name) => {
  const model = specModel(name);
  const plans = fc.record({
    lengths: fc.array(fc.constantFrom(0, 1, 2, 16, 17), { maxLength: 4 }),
    H: fc.integer({ min: 1, max: 2 }),
    isGiven: fc.boolean(),
    seed: fc.nat(),
  });
  fc.assert(
    fc.property(plans, (plan) => {
      const packed = packedOf(model, name, plan, { dk: 4, dv: 4, tokens: 17 });
      expect(interpret(model.rule, packed.extents, packed.run)).toEqual(eachAlone(model, packed));
    }),
    { numRuns: 20 },
  );
});

const lengths = fc.array(fc.nat(20), { maxLength: 6 });

test("bounds are the sums of lengths, and nothing is wrong with them", () => {
  fc.assert(
    fc.property(lengths, (all) => {
      const bounds = boundsOf(all);
      expect(lengthsOf(bounds)).toEqual(all);
      expect(boundsProblem(bounds, { B: 1, T: all.reduce((a, b) => a + b, 0) })).toBeUndefined();
    }),
  );
});

test.each<[what: string, bounds: number[], B: number, T: number, problem: RegExp]>([
  ["a batch", [0, 3], 2, 3, /^takes a batch of one, and B is 2: lay all sequences one after the other/],
  ["nothing", [], 1, 0, /^is empty, and should have N \+ 1 numbers/],
  ["a fraction", [0, 2.5, 4], 1, 4, /^is 2.5 at \[1\], and should be a whole number/],
  ["NaN", [0, Number.NaN], 1, 4, /^is NaN at \[1\]/],
  ["a late start", [1, 4], 1, 4, /^starts at 1, and should start at 0$/],
  ["a negative start", [-1, 4], 1, 4, /^starts at -1/],
  ["a fall", [0, 3, 2, 4], 1, 4, /^falls from 3 to 2 at \[2\], and no sequence ends before it starts$/],
  ["an early end", [0, 3], 1, 4, /^ends at 3, and should end with the tokens, at T = 4$/],
  ["lengths", [2, 1, 1], 1, 4, /^starts at 2, .*these look like lengths; pass their sums, \[0, 2, 3, 4\]$/],
  ["lengths, of which the first is 0", [0, 2, 3], 1, 5, /^ends at 3, .*sums, \[0, 0, 2, 5\]$/],
])("what is wrong is told: %s", (_, bounds, B, T, problem) => {
  expect(boundsProblem(bounds, { B, T })).toMatch(problem);
});
