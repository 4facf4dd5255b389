import { type Dim, extentOf } from "../math/axis.ts";
import type { Tensor } from "../math/expr.ts";
import type { Spot } from "./access.ts";
import { type Below, type Index, named, type Place, plus, type Stmt, times } from "./block.ts";
import { writtenIn } from "./cost.ts";
import type { Layout, Run } from "./layout.ts";
import { FOUR } from "./spread.ts";

/** Up to this many rows a lane, where they are not taken at once, the code is repeated instead of looped over. */
const WRITTEN_OUT = 4;
/**
 * Up to this many lanes the blocks of turns over a resident state are, too, and the turns of a block where all of them have
 * more than so many instructions. Drivers unroll short loops alone; and an exchange with a lane that is no constant, or an
 * array in registers at such a place, takes several times as long.
 */
const LANES_WRITTEN_OUT = 8;
const SHORT = 512;

/** From more blocks than this on they are taken in groups, where something is done around them. */
const MANY = 8;

type Step = 1 | "rolled";

const instructionsIn = (body: readonly Stmt[]): number => {
  const { arithmetic, accesses, exchanges } = writtenIn(body);
  return arithmetic + accesses + exchanges;
};

/** Puts what it will around turns. */
export type Around = (turns: readonly Stmt[]) => readonly Stmt[];
const AS_THEY_ARE: Around = (turns) => turns;

/** What is done at an element, or at four: where it is on the chip, where in the tensor, and when it exists. */
export type PerElement = (place: Place, spot: Spot, within: readonly Below[]) => readonly Stmt[];
export type Each = (body: PerElement) => Stmt[];

export class Loops {
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /** A loop over a lane's elements of a vector. */
  overVector(t: Tensor, body: PerElement): Stmt[] {
    const d = t.shape[0] as Dim;
    const tiled = this.#layout.isTiled(t);
    return this.overLanes(d, tiled, this.#layout.local("n"), (run, within) =>
      body(this.#layout.vectorPlace(t, run), this.#layout.within(t.shape, [run]), within),
    );
  }

  /** A loop over the blocks of a dimension that is spread over the lanes. */
  overLanes(
    d: Dim,
    tiled: boolean,
    name: string,
    body: (run: Run, within: readonly Below[]) => readonly Stmt[],
  ): Stmt[] {
    const { lanes } = this.#layout.target;
    const { tile } = this.#layout.schedule;
    const extent = extentOf(d, this.#layout.sizes);
    const own = this.#layout.spread.own(d, tiled);
    const exact = tiled && tile ? extent % tile.rows === 0 : extent % lanes === 0;
    const wide = this.#layout.spread.isByFours(d, tiled) ? { wide: true as const } : {};
    // Four are in range together where their number divides the extent.
    const each = wide.wide && extent % FOUR !== 0 ? wide : {};
    const turn = (block: Index): readonly Stmt[] => {
      const element = this.#layout.spread.ownElement(d, tiled, block);
      return body(
        { over: "lanes", block, element, ...wide },
        exact ? [] : [{ index: element, bound: extent, ...each }],
      );
    };
    // The few rows of a resident state are written out: an inner loop over two rows costs twice the time.
    if (this.#layout.schedule.resident && own <= WRITTEN_OUT)
      return Array.from({ length: own }, (_, n) => turn(n)).flat();
    return this.loop(name, own, turn);
  }

  /** A counted loop; none for a single turn. */
  loop(name: string, turns: number, body: (at: Index) => readonly Stmt[], step: Step = this.step): Stmt[] {
    if (turns <= 1) return turns === 1 ? [...body(0)] : [];
    return [{ kind: "loop", name, from: 0, to: turns, step, body: body(named(name)) }];
  }

  /** Loops over resident states are unrolled by the driver; those over storage memory must not be. */
  get step(): Step {
    return this.#layout.schedule.resident ? 1 : "rolled";
  }

  /**
   * Loops over a dimension one element after the other: block by block, lane by lane. What is done around the
   * turns of each block is done around groups of many blocks, too.
   */
  overTurns(
    d: Dim,
    blockName: string,
    laneName: string,
    body: (run: Run & { over: "turns" }, within: readonly Below[]) => readonly Stmt[],
    step: Step = this.step,
    around: Around = AS_THEY_ARE,
  ): Stmt[] {
    const { lanes } = this.#layout.target;
    const extent = extentOf(d, this.#layout.sizes);
    const blocks = Math.ceil(extent / lanes);
    const exact = blocks === 1 || extent % lanes === 0;
    const turn = (block: Index, lane: Index): readonly Stmt[] => {
      const element = this.#layout.spread.element(d, block, lane);
      const within = exact ? [] : [{ index: element, bound: extent }];
      return body({ over: "turns", block, lane, element }, within);
    };
    const inner = Math.min(lanes, extent);
    const isWritten = step === 1 && this.#layout.target.subgroups && lanes <= LANES_WRITTEN_OUT;
    const each = (block: Index): readonly Stmt[] => {
      const some = turn(block, named(laneName));
      const turns: readonly Stmt[] =
        isWritten && inner * instructionsIn(some) > SHORT
          ? Array.from({ length: inner }, (_, lane) => turn(block, lane)).flat()
          : [{ kind: "loop", name: laneName, from: 0, to: inner, step, body: some }];
      return blocks > 1 ? around(turns) : turns;
    };
    if (isWritten) return Array.from({ length: blocks }, (_, block) => each(block)).flat();
    const few = around === AS_THEY_ARE ? blocks : fewOf(blocks);
    if (few === blocks) return this.loop(blockName, blocks, each, step);
    const group = (g: Index): readonly Stmt[] =>
      around(this.loop(blockName, few, (r) => each(plus(times(g, few), r)), step));
    return this.loop(this.#layout.local("g"), blocks / few, group, step);
  }

  eachOnChip(t: Tensor, shape: readonly Dim[]): Each | undefined {
    if (shape.length === 0)
      return (body) => [...body(this.#layout.scalars.get(t) as Place, { index: 0 }, [])];
    if (shape.length === 1) return (body) => this.overVector(t, body);
    if (!this.#layout.arrays.has(t)) return undefined;
    const { across, along, acrossFirst } = this.#layout.split(t, shape);
    // These loops stay rolled: drivers compile in time quadratic in the memory operations of the text.
    return (body) =>
      this.overTurns(
        along,
        this.#layout.local("r"),
        this.#layout.local("c"),
        (turn, inTurn) =>
          this.overLanes(
            across,
            this.#layout.schedule.tile?.dim === across,
            this.#layout.local("n"),
            (run, inLane) => {
              const runs = acrossFirst ? [run, turn] : [turn, run];
              const place = this.#layout.place(t, shape, runs);
              return body(place, this.#layout.within(shape, runs), [...inLane, ...inTurn]);
            },
          ),
        "rolled",
      );
  }

  /** Declares a place on the chip for a state, if it is to lie there. */
  onChip(t: Tensor, shape: readonly Dim[]) {
    if (shape.length === 0) {
      const name = this.#layout.name(t, "s");
      this.#layout.scalars.set(t, { kind: "local", name });
      return {
        declared: [{ kind: "variable", name, extents: [] } satisfies Stmt] as Stmt[],
        each: this.eachOnChip(t, shape) as Each,
      };
    }
    if (shape.length === 1) {
      const declared = this.#layout.declareVector(t);
      return { declared, each: this.eachOnChip(t, shape) as Each };
    }
    if (!this.#layout.schedule.resident) return undefined;
    const { across, along, acrossFirst } = this.#layout.split(t, shape);
    const { lanes } = this.#layout.target;
    const [line, others] = acrossFirst ? ["column", "rows"] : ["row", "columns"];
    const place = this.#layout.spread.isByFours(along, false)
      ? `${FOUR * lanes} (r / ${FOUR}) + ${FOUR} c + r % ${FOUR}`
      : `${lanes} r + c`;
    const text = `[r][c]: of ${line} ${place} the ${others} of a lane`;
    const declared = this.#layout.declareMatrix(t, across, along, text);
    return { declared, each: this.eachOnChip(t, shape) as Each };
  }
}

/** A group of many blocks: the largest divisor up to the root, where there is one. */
function fewOf(blocks: number): number {
  if (blocks <= MANY) return blocks;
  for (let few = Math.floor(Math.sqrt(blocks)); few > 1; few--) if (blocks % few === 0) return few;
  return blocks;
}
