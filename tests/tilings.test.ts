/** How tiles of packed sequences are laid out: each token is in one tile, and each tile starts where the one before ended. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { boundsOf } from "../runtime/sequences.ts";
import { packedTiling, type Span, type Tiling } from "../runtime/tilings.ts";

const plans = fc.record({
  lengths: fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 8 }),
  tokens: fc.integer({ min: 1, max: 16 }),
  room: fc.integer({ min: 1, max: 20 }),
  /** Of the room, as parts in a hundred: how much of it spans take, one after the other. */
  counts: fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 5 }),
});

/** The spans of a tiling, with as many tiles as there are left and the counts say. */
function spansOf(tiling: Tiling, counts: readonly number[]): Span[] {
  const spans: Span[] = [];
  for (let left = tiling.tiles; left > 0; ) {
    const part = (counts[spans.length % counts.length] as number) / 100;
    const count = Math.min(left, Math.ceil(part * tiling.room));
    spans.push(tiling.next(count));
    left -= count;
  }
  return spans;
}

interface Tile {
  readonly first: number;
  readonly end: number;
  readonly start: number;
  readonly next: number;
}

test("tiles of packed sequences have all tokens, and hand the states on", () => {
  fc.assert(
    fc.property(plans, ({ lengths, tokens, room, counts }) => {
      const bounds = boundsOf(lengths);
      const tiling = packedTiling(bounds, tokens, (tiles) => Math.max(1, Math.min(tiles, room)));
      const N = lengths.length;
      expect(tiling.starts).toEqual(lengths.map((_, n) => n));
      // Which tokens of which sequence the states of a record have read.
      const held = new Map<number, number>(tiling.starts.map((at, n) => [at, bounds[n] as number]));
      let done = 0;
      for (const span of spansOf(tiling, counts)) {
        const { table, turns, all } = span;
        const tiles = Array.from({ length: all.tiles }, (_, i): Tile => {
          const [first, end, start, next] = table.subarray(4 * i) as unknown as [
            number,
            number,
            number,
            number,
          ];
          return { first, end, start, next };
        });
        expect(table).toHaveLength(4 * tiles.length);
        expect(tiles.length).toBeLessThanOrEqual(tiling.room);
        // Nothing is written where another tile of the span starts, but for the one that follows.
        expect(new Set(tiles.map((t) => t.next)).size).toBe(tiles.length);
        expect(new Set(tiles.map((t) => t.start)).size).toBe(tiles.length);
        const begun = tiles.filter((t) => !tiles.some((o) => o.next === t.start)).map((t) => t.start);
        for (const t of tiles) expect(begun).not.toContain(t.next);
        let at = 0;
        for (const turn of turns) {
          expect(turn.at).toBe(at);
          at += turn.tiles;
          const together = tiles.slice(turn.at, at);
          // None waits for another of its turn.
          for (const t of together) expect(held.get(t.start)).toBe(t.first);
          for (const t of together) {
            expect(t.end - t.first).toBeGreaterThan(0);
            expect(t.end - t.first).toBeLessThanOrEqual(tokens);
            expect(t.next).toBeLessThan(tiling.records);
            held.set(t.next, t.end);
            done += t.end - t.first;
          }
        }
        expect(at).toBe(tiles.length);
        expect(span.done).toBe(done);
      }
      expect(tiling.ends().map((record) => held.get(record))).toEqual(bounds.slice(1));
      expect(tiling.records).toBe(2 * N + tiling.room);
    }),
    { numRuns: 300 },
  );
});

test("as few turns as the longest sequence has tiles, where there is room", () => {
  const tiling = packedTiling(boundsOf([9, 0, 33, 1]), 8, (tiles) => tiles);
  expect(spansOf(tiling, [100]).map((s) => s.turns.map((t) => t.tiles))).toEqual([[3, 2, 1, 1, 1]]);
});
