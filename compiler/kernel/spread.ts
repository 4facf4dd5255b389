/**
 * How the elements of a dimension are spread over the lanes of a workgroup: in blocks of one for each lane, or where these
 * are of fours, of four in a row for each. A dimension is `tiled` where the workgroup has some of its rows only.
 */
import { type Dim, extentOf, type Sizes } from "../math/axis.ts";
import { type Index, named, plus, quotient, remainder, times } from "./block.ts";
import type { Schedule } from "./schedule.ts";
import type { Target } from "./target.ts";

/** Elements that a lane can take at once. */
export const FOUR = 4;

export class Spread {
  readonly #schedule: Schedule;
  readonly #sizes: Sizes;
  readonly #target: Target;

  constructor(schedule: Schedule, sizes: Sizes, target: Target) {
    this.#schedule = schedule;
    this.#sizes = sizes;
    this.#target = target;
  }

  /** How many elements of a dimension a lane has, those that its last block lacks among them. */
  blocks(d: Dim, tiled: boolean): number {
    const { tile } = this.#schedule;
    const extent = tiled && tile ? tile.rows : extentOf(d, this.#sizes);
    return Math.ceil(extent / this.#target.lanes);
  }

  /**
   * Whether a lane takes its elements four at once, and in a row: so they come in one access, and the same code four times
   * is long to read.
   */
  isByFours(d: Dim, tiled: boolean): boolean {
    return this.#schedule.resident && this.#target.subgroups && this.blocks(d, tiled) % FOUR === 0;
  }

  /** How many elements a lane has, or how many fours of them. */
  own(d: Dim, tiled: boolean): number {
    return this.blocks(d, tiled) / this.#width(d, tiled);
  }

  /** Of a lane's elements, or of its fours, the first of the `n`th. */
  ownElement(d: Dim, tiled: boolean, n: Index): Index {
    const first = tiled && this.#schedule.tile ? named("row") : this.first(d, tiled);
    return plus(times(n, this.#target.lanes * this.#width(d, tiled)), first);
  }

  /** A lane's first element of those that a workgroup has. */
  first(d: Dim, tiled: boolean): Index {
    return times(named("lane"), this.#width(d, tiled));
  }

  /** The element that a lane has of a block, where all of a dimension is spread. */
  element(d: Dim, block: Index, lane: Index): Index {
    const { lanes } = this.#target;
    if (!this.isByFours(d, false)) return plus(times(block, lanes), lane);
    return plus(times(quotient(block, FOUR), FOUR * lanes), times(lane, FOUR), remainder(block, FOUR));
  }

  #width(d: Dim, tiled: boolean): number {
    return this.isByFours(d, tiled) ? FOUR : 1;
  }
}
