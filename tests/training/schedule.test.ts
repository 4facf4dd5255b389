import fc from "fast-check";
import { expect, it } from "vitest";
import { learningRateAt, type Schedule } from "../../runtime/training/schedule.ts";

const schedule: Schedule = { steps: 100, learningRate: 1, warmup: 10, floor: 0.1 };
const at = (step: number, changes: Partial<Schedule> = {}) =>
  learningRateAt(step, { ...schedule, ...changes });

it("rises linearly, and falls along half a cosine to the floor", () => {
  expect([1, 5, 10].map((step) => at(step))).toEqual([0.1, 0.5, 1]);
  expect(at(55)).toBeCloseTo(0.55, 12);
  expect(at(32.5)).toBeCloseTo(0.1 + (0.9 * (1 + Math.SQRT1_2)) / 2, 12);
  expect(at(100)).toBeCloseTo(0.1, 12);
});

it("needs no warm-up, and may be nothing but one", () => {
  expect(at(1, { warmup: 0 })).toBeCloseTo(1, 3);
  expect(at(1, { warmup: 0, steps: 1 })).toBeCloseTo(0.1, 12);
  expect(at(100, { warmup: 100 })).toBe(1);
  expect(at(50, { warmup: 100 })).toBe(0.5);
});

it("stays between nothing and the rate, and falls after the warm-up", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 500 }).chain((steps) =>
        fc.record({
          steps: fc.constant(steps),
          warmup: fc.integer({ min: 0, max: steps }),
          learningRate: fc.constant(0.003),
          floor: fc.constantFrom(0, 0.0003, 0.003),
        }),
      ),
      (schedule) => {
        const rates = Array.from({ length: schedule.steps }, (_, i) => learningRateAt(i + 1, schedule));
        expect(rates.every((rate) => rate >= 0 && rate <= 0.003 * (1 + 1e-12))).toBe(true);
        const falling = rates.slice(Math.max(0, schedule.warmup - 1));
        expect(falling.every((rate, i) => i === 0 || rate <= (falling[i - 1] ?? 0) + 1e-15)).toBe(true);
      },
    ),
  );
});
