/** The pace of long work: whatever a device does, what is started soon takes no longer than it may, and is not too little. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { LONGEST, Pace } from "../../runtime/pace.ts";

/** Of how much work there is a part, and so on to the last. */
function spans(pace: Pace, total: number, rate: (done: number) => number): { amount: number; ms: number }[] {
  const all: { amount: number; ms: number }[] = [];
  for (let done = 0; done < total; ) {
    const amount = Math.min(total - done, pace.amount);
    const ms = amount * rate(all.length);
    pace.took(amount, ms);
    all.push({ amount, ms });
    done += amount;
  }
  return all;
}

const rates = fc.double({ min: 1e-9, max: 1e-4, noNaN: true });

test("after the first, which may be cold, none takes longer than it may", () => {
  fc.assert(
    fc.property(rates, fc.integer({ min: 1, max: 1000 }), (rate, cold) => {
      const all = spans(new Pace(), 300 * (LONGEST / rate), (n) => (n === 0 ? cold * rate : rate));
      for (const { ms } of all.slice(1)) expect(ms).toBeLessThanOrEqual(LONGEST * (1 + 1e-9));
    }),
  );
});

test("soon all take as long as they may, and go on so in the next run", () => {
  fc.assert(
    fc.property(rates, fc.integer({ min: 1, max: 1000 }), (rate, cold) => {
      const pace = new Pace();
      const all = spans(pace, 1000 * (LONGEST / rate), (n) => (n === 0 ? cold * rate : rate));
      for (const { ms } of all.slice(30, -1)) expect(ms).toBeGreaterThan(0.9 * LONGEST);
      // A short run in between says nothing of long ones.
      spans(pace, 10, () => rate);
      expect(pace.amount * rate).toBeGreaterThan(0.9 * LONGEST);
    }),
  );
});
