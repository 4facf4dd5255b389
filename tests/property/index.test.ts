/** Positions that the compiler divides: what it takes out of a quotient changes no result. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Index, named, plus, quotient, remainder, times } from "../../compiler/kernel/block.ts";

const NAMES = ["lane", "row", "token"] as const;

const indices = fc.letrec<{ index: Index }>((tie) => ({
  index: fc.oneof(
    { maxDepth: 3 },
    fc.nat(70),
    fc.constantFrom(...NAMES.map(named)),
    fc.array(tie("index"), { minLength: 1, maxLength: 3 }).map((terms) => plus(...terms)),
    fc.array(tie("index"), { minLength: 1, maxLength: 3 }).map((factors) => times(...factors)),
  ),
})).index;

function numberOf(i: Index, at: Readonly<Record<string, number>>): number {
  if (typeof i === "number") return i;
  switch (i.kind) {
    case "name":
      return at[i.name] as number;
    case "sum":
      return i.terms.reduce<number>((n, t) => n + numberOf(t, at), 0);
    case "product":
      return i.factors.reduce<number>((n, f) => n * numberOf(f, at), 1);
    case "quotient":
      return Math.floor(numberOf(i.of, at) / numberOf(i.by, at));
    case "remainder":
      return numberOf(i.of, at) % numberOf(i.by, at);
    default:
      throw new Error(`no ${i.kind} is drawn here`);
  }
}

test("quotients and remainders of positions are those of their numbers", () => {
  fc.assert(
    fc.property(
      indices,
      fc.integer({ min: 1, max: 12 }),
      fc.record({ lane: fc.nat(40), row: fc.nat(40), token: fc.nat(40) }),
      (index, by, at) => {
        const n = numberOf(index, at);
        expect(numberOf(quotient(index, by), at)).toBe(Math.floor(n / by));
        expect(numberOf(remainder(index, by), at)).toBe(n % by);
      },
    ),
    { numRuns: 2000 },
  );
});
