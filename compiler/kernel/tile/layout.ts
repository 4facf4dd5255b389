/** Where the numbers of a tile lie: states in one record, and what its tokens have in another, token after token. */
import { TILE, type TileForm } from "../../form/tile-form.ts";
import { type Dim, extentOf, type Sizes } from "../../math/axis.ts";
import type { Tensor } from "../../math/expr.ts";
import { type Index, named, plus, type Slot, type Value } from "../block.ts";
import { isOfTokens } from "./statements.ts";

/** Tokens of a tile, where neither a chunk nor a caller says how many. */
export const TOKENS = 16;
/** What tokens have lies by fours of them, so that it is read four at once. */
export const FOUR = 4;

/** A number, or a part of a buffer. */
export type Home = { readonly value: Value } | InBuffer;

/** Elements of a buffer from `offset` of a `record` on; where they are `fours` of numbers, these are counted. */
export interface InBuffer {
  readonly buffer: string;
  readonly record: Index;
  readonly offset: number;
  readonly fours?: true;
}

export const baseOf = ({ record, offset }: InBuffer): Index => plus(record, offset);

/** How long a tile is, and all that follows from that. */
export class TileSizes {
  /** Turns of a tile: the steps of its tokens. */
  readonly length: number;
  /** Fours of them, the last one not always full. */
  readonly fours: number;
  readonly steps: number;
  readonly #sizes: Sizes;

  /** With tiles of `tokens`, or of a chunk where there is one. */
  constructor({ rule: { spec } }: TileForm, sizes: Sizes, tokens: number) {
    this.steps = spec.steps;
    this.length = (spec.chunk ?? Math.max(1, Math.round(tokens / spec.steps))) * spec.steps;
    this.fours = Math.ceil(this.length / FOUR);
    this.#sizes = { ...sizes, [TILE.key]: this.length };
  }

  extent(d: Dim): number {
    return extentOf(d, this.#sizes);
  }

  count(shape: readonly Dim[]): number {
    return shape.reduce((n, d) => n * this.extent(d), 1);
  }
}

export interface TileLayout {
  readonly homes: ReadonlyMap<Tensor, Home>;
  readonly state: { readonly stride: number; readonly slots: readonly Slot[] };
  readonly scratchStride: number;
}

/**
 * Places for the states and for the `kept` tensors: numbers of the tile beside the states that it starts with, fours
 * of tokens in scratch memory. Some of them take the place of others. `next` is where the states lie that the next tile
 * starts with.
 */
export function layoutOf(
  form: TileForm,
  kept: Iterable<Tensor>,
  replaced: ReadonlyMap<Tensor, Tensor>,
  sizes: TileSizes,
  next: Index,
): TileLayout {
  const homes = new Map<Tensor, Home>();
  const slots: Slot[] = [];
  let stride = 0;
  for (const s of form.rule.states) {
    const length = sizes.count(s.shape);
    slots.push({ tensor: s.previous, name: s.name, offset: stride, length });
    // A tile reads the states where it starts, and writes those where the next one does.
    homes.set(form.starts.get(s) as Tensor, { buffer: "state", record: named("start"), offset: stride });
    homes.set(s.previous, { buffer: "state", record: next, offset: stride });
    stride += length;
  }
  let fours = 0;
  for (const t of kept) {
    if (homes.has(t) || replaced.has(t)) continue;
    if (isOfTokens(t)) {
      homes.set(t, { buffer: "scratch", record: named("own"), offset: fours });
      fours += sizes.count(t.shape.slice(1)) * sizes.fours;
    } else {
      homes.set(t, { buffer: "state", record: named("start"), offset: stride });
      stride += sizes.count(t.shape);
    }
  }
  for (const [next, previous] of replaced)
    if (homes.has(previous)) homes.set(next, homes.get(previous) as Home);
  return { homes, state: { stride, slots }, scratchStride: FOUR * fours };
}

/** The same with the state as fours of numbers; undefined where it has other parts. */
export function stateInFours({ homes, state }: TileLayout): ReadonlyMap<Tensor, Home> | undefined {
  const made = new Map<Tensor, Home>();
  for (const [t, home] of homes) {
    const isState = "buffer" in home && home.buffer === "state";
    if (isState && home.offset % FOUR !== 0) return undefined;
    made.set(t, isState ? { ...home, offset: home.offset / FOUR, fours: true } : home);
  }
  return state.stride % FOUR === 0 ? made : undefined;
}
