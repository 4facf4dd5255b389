/** Where the tiles of a run lie, which of them are computed together, and where the states stand meanwhile. */
import { lengthsOf } from "./sequences.ts";

/**
 * The tiles of one dispatch, as its uniforms say it: `tiles` of each row from `at` on, and their tokens, where no table
 * says those.
 */
export interface Part {
  readonly at: number;
  readonly tiles: number;
  readonly first: number;
  readonly end: number;
}

/** Tiles that are computed at once. */
export interface Span {
  readonly all: Part;
  /** The same tiles, turn by turn: those of a turn do not wait for one another. */
  readonly turns: readonly Part[];
  /** Which records of states then go where, for the next span. */
  readonly moves: readonly { readonly from: number; readonly to: number }[];
  /** Of packed sequences, what `tile_table` says of the tiles. */
  readonly table: Uint32Array<ArrayBuffer>;
  /** Tokens of a row that are done after it. */
  readonly done: number;
}

export interface Tiling {
  /** Rows of tokens, which dispatches have side by side. */
  readonly rows: number;
  /** Tiles of a row, and of those how many have room in memory at once. */
  readonly tiles: number;
  readonly room: number;
  /** Records of states, `[H, …]`. */
  readonly records: number;
  /** The record of each sequence before its first token. */
  readonly starts: readonly number[];
  /** The next `count` tiles from the first or the last span on, of which there is room for no more than `room`. */
  next(count: number): Span;
  /** The record of each sequence after the last span. */
  ends(): readonly number[];
}

/** A sequence of `T` tokens in each of `B` rows, which go through their tiles of `tokens` together. */
export function batchTiling(
  { B, T }: { readonly B: number; readonly T: number },
  tokens: number,
  most: (tiles: number) => number,
): Tiling {
  const tiles = Math.ceil(T / tokens);
  const room = most(tiles);
  const record = (b: number, slot: number): number => b * (room + 1) + slot;
  const rows = Array.from({ length: B }, (_, b) => b);
  const starts = rows.map((b) => record(b, 0));
  let from = 0;
  const next = (count: number): Span => {
    const start = from;
    from += count;
    const part = (at: number, wide: number): Part => {
      const first = (start + at) * tokens;
      return { at, tiles: wide, first, end: Math.min(T, first + wide * tokens) };
    };
    const all = part(0, count);
    return {
      all,
      turns: Array.from({ length: count }, (_, at) => part(at, 1)),
      // The next span starts where this one ends.
      moves: rows.map((b) => ({ from: record(b, count), to: record(b, 0) })),
      table: new Uint32Array(),
      done: all.end,
    };
  };
  return {
    rows: B,
    tiles: B > 0 ? tiles : 0,
    room,
    records: B * (room + 1),
    starts,
    next,
    ends: () => starts,
  };
}

/**
 * Packed sequences, one after the other in one row. A turn has one tile of each sequence that is so long, and spans cut
 * turn after turn, anywhere. Each sequence has two records of its own, of which it leaves one for the other
 * in every span that it is in: nothing is written there where the span still reads.
 */
export function packedTiling(
  bounds: ArrayLike<number>,
  tokens: number,
  most: (tiles: number, sequences: number) => number,
): Tiling {
  const tiles = tilesOf(bounds, tokens);
  const starts = lengthsOf(bounds).map((_, n) => n);
  const N = starts.length;
  const room = most(tiles.length, N);
  const ends = [...starts];
  let [from, done] = [0, 0];
  const next = (count: number): Span => {
    const some = tiles.slice(from, from + count);
    from += count;
    done += some.reduce((sum, { first, end }) => sum + end - first, 0);
    const all = { at: 0, tiles: some.length, first: 0, end: 0 };
    return { all, turns: turnsOf(some), moves: [], table: tableOf(some, ends), done };
  };
  return { rows: 1, tiles: tiles.length, room, records: 2 * N + room, starts, next, ends: () => ends };
}

/** One of the tiles of sequence `n`: tokens `first` to `end` of all. */
interface Tile {
  readonly n: number;
  readonly turn: number;
  readonly first: number;
  readonly end: number;
}

/** Turn after turn. */
function tilesOf(bounds: ArrayLike<number>, tokens: number): Tile[] {
  const ofAll = lengthsOf(bounds).map((length, n) =>
    Array.from({ length: Math.ceil(length / tokens) }, (_, turn): Tile => {
      const first = (bounds[n] as number) + turn * tokens;
      return { n, turn, first, end: Math.min(first + tokens, bounds[n + 1] as number) };
    }),
  );
  return ofAll.flat().sort((a, b) => a.turn - b.turn);
}

function turnsOf(tiles: readonly Tile[]): Part[] {
  const turns = new Map<number, number>();
  for (const { turn } of tiles) turns.set(turn, (turns.get(turn) ?? 0) + 1);
  let at = 0;
  return [...turns.values()].map((count) => {
    const part = { at, tiles: count, first: 0, end: 0 };
    at += count;
    return part;
  });
}

/** The tiles of a span as `tile_table` has them. `ends`, where each sequence stood before, is then where it stands after. */
function tableOf(tiles: readonly Tile[], ends: number[]): Uint32Array<ArrayBuffer> {
  const N = ends.length;
  const last = new Map(tiles.map(({ n }, i) => [n, i]));
  const stands = new Map<number, number>();
  const table = new Uint32Array(4 * tiles.length);
  for (const [i, { n, first, end }] of tiles.entries()) {
    const own = ends[n] as number;
    const start = stands.get(n) ?? own;
    const isLast = last.get(n) === i;
    const next = isLast ? (own + N) % (2 * N) : 2 * N + i;
    table.set([first, end, start, next], 4 * i);
    stands.set(n, next);
    if (isLast) ends[n] = next;
  }
  return table;
}
