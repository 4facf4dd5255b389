/** What a lane brings from a buffer and leaves there: a number, or four. */
import {
  type Below,
  type Index,
  masked,
  named,
  type Place,
  plus,
  quotient,
  type Stmt,
  type Value,
  when,
} from "./block.ts";

/** Where a number lies; of four that lie `apart`, the first; or one of a buffer's fours, where it is `wide`. */
export interface Spot {
  readonly index: Index;
  readonly apart?: number;
  readonly wide?: true;
}

/** Names for what is computed on the way. */
type Name = (hint: string) => string;

const FOUR = [0, 1, 2, 3] as const;

/** The numbers of a tensor in a buffer: from `base` on, whether its elements are numbers or `fours` of them. */
export interface Region {
  readonly buffer: string;
  readonly base: Index;
  readonly fours?: true;
}

/** A place among the numbers of a tensor, in its buffer. */
export function inside({ base, fours }: Region, spot: Spot): Spot {
  const index = plus(base, spot.index);
  return fours ? { index: quotient(index, FOUR.length), wide: true } : { ...spot, index };
}

export function loaded(buffer: string, { index, apart, wide }: Spot): Value {
  if (apart === undefined) return { kind: "load", buffer, index, ...(wide ? { wide } : {}) };
  return { kind: "four", of: FOUR.map((n) => ({ kind: "load", buffer, index: plus(index, n * apart) })) };
}

/** Brings what is in range to a place on the chip. */
export function bring(
  place: Place,
  buffer: string,
  spot: Spot,
  within: readonly Below[],
  name: Name,
): Stmt[] {
  const { stmts, first } = settled(spot, name);
  return [...stmts, { kind: "assign", place, value: masked(loaded(buffer, first), within, "0.0") }];
}

/** Leaves a value in a buffer, if it is in range: each of four on its own. */
export function leave(
  value: Value,
  buffer: string,
  spot: Spot,
  within: readonly Below[],
  name: Name,
): Stmt[] {
  const { index, apart } = spot;
  if (apart === undefined) return when(within, [{ kind: "store", buffer, index, value }]);
  const { stmts, first } = settled(spot, name);
  const isHeld = value.kind === "local" || value.kind === "element";
  const held: Place = isHeld ? value : { kind: "local", name: name("rows"), wide: true };
  return [
    ...stmts,
    ...(held.kind === "local" && !isHeld ? [{ kind: "let", name: held.name, value } satisfies Stmt] : []),
    ...FOUR.flatMap((n) =>
      when(
        within.map((b) => (b.wide ? { index: plus(b.index, n), bound: b.bound } : b)),
        [
          {
            kind: "store",
            buffer,
            index: plus(first.index, n * apart),
            value: { kind: "component", of: held, at: n },
          },
        ],
      ),
    ),
  ];
}

/** Four are counted from a first place that has a name. */
function settled(spot: Spot, name: Name): { stmts: Stmt[]; first: Spot } {
  if (spot.apart === undefined) return { stmts: [], first: spot };
  const first = name("index");
  return {
    stmts: [{ kind: "index", name: first, value: spot.index }],
    first: { ...spot, index: named(first) },
  };
}
