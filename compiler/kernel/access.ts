/** What a lane brings from a buffer and leaves there: a number, or four that lie apart. */
import {
  type Below,
  type Index,
  masked,
  named,
  type Place,
  plus,
  type Stmt,
  type Value,
  when,
} from "./block.ts";

/** Where a number lies; or, of four that lie `apart`, the first. */
export interface Spot {
  readonly index: Index;
  readonly apart?: number;
}

/** Names for what is computed on the way. */
type Name = (hint: string) => string;

const FOUR = [0, 1, 2, 3] as const;

/** The same place after `base`. */
export const after = (base: Index, spot: Spot): Spot => ({ ...spot, index: plus(base, spot.index) });

export function loaded(buffer: string, { index, apart }: Spot): Value {
  if (apart === undefined) return { kind: "load", buffer, index };
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
        within.map((b) => (b.apart ? { index: plus(b.index, n * b.apart), bound: b.bound } : b)),
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
