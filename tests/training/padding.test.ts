import fc from "fast-check";
import { expect, it } from "vitest";
import { inOneShape } from "../../runtime/training/padding.ts";
import { Bigram, bigramTask } from "./bigram.ts";

const batch = (B: number, T: number, seed: number) => bigramTask(7, [B, T], seed).training.next();

it("leaves batches of one shape as they are", () => {
  const batches = [batch(2, 5, 1), batch(2, 5, 2)];
  expect(inOneShape(batches)).toEqual(batches);
  expect(inOneShape(batches)[0]).toBe(batches[0]);
});

it("makes the others up to the largest, and changes no loss", async () => {
  const shape = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 9 }));
  await fc.assert(
    fc.asyncProperty(fc.array(shape, { minLength: 1, maxLength: 4 }), async (shapes) => {
      const given = shapes.map(([B, T], i) => batch(B, T, i + 1));
      const made = inOneShape(given);
      const network = new Bigram(7);
      for (const [i, { B, T, tokens, targets }] of made.entries()) {
        expect([B, T]).toEqual([0, 1].map((axis) => Math.max(...shapes.map((s) => s[axis] as number))));
        expect([tokens.length, targets.length]).toEqual([B * T, B * T]);
        const { loss, counted, correct } = await network.measure(given[i] as (typeof given)[0]);
        const measured = await network.measure({ B, T, tokens, targets });
        expect(measured).toMatchObject({ counted, correct });
        expect(measured.loss).toBeCloseTo(loss, 12);
      }
    }),
  );
});
