/** Pieces of a dispatch: every workgroup is in one of them, and none is longer than it may be. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Piece, piecesOf, probeOf } from "../../runtime/program/pieces.ts";

const MOST_GROUPS = 65535;

const cases = fc.record({
  from: fc.nat(100_000),
  count: fc.oneof(fc.nat(200), fc.nat(140_000)),
  milliseconds: fc.double({ min: 0, max: 1e5, noNaN: true }),
  longest: fc.constantFrom(1e-4, 1, 50),
});

test("they follow each other from the first workgroup to the last", () => {
  fc.assert(
    fc.property(cases, ({ from, count, milliseconds, longest }) => {
      const pieces = piecesOf({ from, to: from + count }, milliseconds, longest);
      const ends = [from, ...pieces.map((p) => p.to)];
      expect(pieces.map((p) => p.from)).toEqual(ends.slice(0, -1));
      expect(ends.at(-1)).toBe(from + count);
      expect(pieces.every((p) => sizeOf(p) > 0 && sizeOf(p) <= MOST_GROUPS)).toBe(true);
    }),
  );
});

test("none takes longer than it may, but for a single workgroup", () => {
  fc.assert(
    fc.property(cases, ({ from, count, milliseconds, longest }) => {
      for (const p of piecesOf({ from, to: from + count }, milliseconds, longest))
        expect(sizeOf(p) === 1 || (sizeOf(p) * milliseconds) / count <= longest * (1 + 1e-9)).toBe(true);
    }),
  );
});

test("a probe is a part of what there is", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e6 }), (groups) => {
      const few = probeOf(groups);
      expect(few >= 1 && few <= groups).toBe(true);
    }),
  );
});

const sizeOf = ({ from, to }: Piece): number => to - from;
