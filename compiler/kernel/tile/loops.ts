/** The loops of one kernel of a tile, and the names that it has given. */
import { TILE } from "../../form/tile-form.ts";
import type { Axis } from "../../math/axis.ts";
import { type Below, type Index, named, plus, type Stmt, times, when } from "../block.ts";
import type { Target } from "../target.ts";
import type { TileSizes } from "./layout.ts";

/** Four elements in a row, by their number among such fours. */
export interface Four {
  readonly four: Index;
}

/** Where the loops around stand on each axis: at one element, or at four of them. */
export type At = ReadonlyMap<Axis, Index | Four>;

/** Sums of more terms than this are taken in parts of so many. */
const LONG = 256;
const PART = 64;

export class Loops {
  readonly sizes: TileSizes;
  readonly lanes: number;
  readonly narrow: boolean;
  readonly name: (hint: string, suffix: string) => string;

  constructor(sizes: TileSizes, { lanes, narrow }: Target, name: (hint: string, suffix: string) => string) {
    this.sizes = sizes;
    this.lanes = lanes;
    this.narrow = narrow;
    this.name = name;
  }

  extent(a: Axis): number {
    return this.sizes.extent(a.dim);
  }

  /** A loop that no driver unrolls; none for a single turn. */
  rolled(extent: Index, body: (element: Index) => readonly Stmt[], hint = "j"): Stmt[] {
    return this.#loop(extent, "rolled", body, hint);
  }

  /** A loop over numbers in registers, which drivers are to unroll. */
  unrolled(extent: number, body: (element: Index) => readonly Stmt[], hint = "t"): Stmt[] {
    return this.#loop(extent, 1, body, hint);
  }

  /** A loop that fills or empties arrays in registers, once: unrolled only where that keeps them there. */
  once(extent: number, body: (element: Index) => readonly Stmt[], hint = "t"): Stmt[] {
    return this.narrow ? this.rolled(extent, body, hint) : this.unrolled(extent, body, hint);
  }

  #loop(extent: Index, step: 1 | "rolled", body: (element: Index) => readonly Stmt[], hint: string): Stmt[] {
    if (extent === 1) return [...body(0)];
    const name = this.name(hint, "");
    return [{ kind: "loop", name, from: 0, to: extent, step, body: body(named(name)) }];
  }

  /** Whether a sum is taken in parts: rounding grows with the number of terms in a row. */
  isLong(a: Axis): boolean {
    return this.extent(a) > LONG;
  }

  /** The turns of a long sum; `around` puts each part of them into the sum. */
  inParts(
    axis: Axis,
    turn: (element: Index) => readonly Stmt[],
    around: (turns: readonly Stmt[]) => readonly Stmt[],
  ): Stmt[] {
    const extent = this.extent(axis);
    return this.rolled(
      Math.ceil(extent / PART),
      (n) => {
        const first = times(n, PART);
        const left: Index = { kind: "difference", from: extent, less: first };
        const count: Index = extent % PART === 0 ? PART : { kind: "least", of: [PART, left] };
        return around(this.rolled(count, (j) => turn(plus(first, j))));
      },
      "n",
    );
  }

  /** Loops over axes, one element after the other. */
  overAxes(axes: readonly Axis[], at: At, body: (at: At) => readonly Stmt[]): Stmt[] {
    const [axis, ...rest] = axes;
    if (!axis) return [...body(at)];
    return this.rolled(
      this.extent(axis),
      (i) => this.overAxes(rest, new Map([...at, [axis, i]]), body),
      axis.dim === TILE ? "s" : "j",
    );
  }

  /** Workgroups take blocks of `width` in turn. */
  shared(extent: number, width: number, body: (first: Index) => readonly Stmt[]): Stmt[] {
    if (extent <= width) return [...body(0)];
    const name = this.name("i", "");
    return [{ kind: "share", name, to: extent, step: width, body: body(named(name)) }];
  }

  /** A loop in which the lanes take one element each. */
  overLanes(extent: number, body: (element: Index, within: readonly Below[]) => readonly Stmt[]): Stmt[] {
    return this.shared(extent, this.lanes, (first) => {
      const element = plus(first, named("lane"));
      return body(element, extent % this.lanes === 0 ? [] : [{ index: element, bound: extent }]);
    });
  }

  /** Over the last of the axes the lanes, over the others loops; by one lane alone, where there is none. */
  spread(axes: readonly Axis[], body: (at: At, within: readonly Below[]) => readonly Stmt[]): Stmt[] {
    const lane = axes.at(-1);
    if (!lane) return when([{ index: named("lane"), bound: 1 }], body(new Map(), []));
    return this.overLanes(this.extent(lane), (i, within) =>
      this.overAxes(axes.slice(0, -1), new Map([[lane, i]]), (at) => body(at, within)),
    );
  }
}
