/** Where a workgroup of a tile's kernel stands: at which tile, of which head and sequence, and where its memory begins. */
import { type Binding, type Index, named, plus, type Stmt, times } from "../block.ts";
import { FOUR, type TileLayout, type TileSizes } from "./layout.ts";

/** Fields of the uniform buffer: how many tiles a dispatch has, the first of them, and how many there is room for. */
export const TILE_FIELDS = ["tiles", "at", "room"] as const;

/**
 * Where tiles of packed sequences lie, which no arithmetic can say: four numbers for each. Its first token among all of
 * them, where its tokens end, and the records of the states that it starts with and that it leaves.
 */
export const TABLE: Binding = { name: "tile_table", access: "read", element: "u32", holds: [] };
const TABLE_WIDTH = 4;

const let_ = (name: string, value: Index): Stmt => ({ kind: "index", name, value });

/**
 * Which tile of which head of which sequence a workgroup is at, and where its states and its scratch memory begin; so many
 * of a state's numbers are one element.
 */
export function where(
  { length, steps }: TileSizes,
  layout: TileLayout,
  bindings: readonly Binding[],
  ofState: number,
): Stmt[] {
  const stride = layout.state.stride / ofState;
  const end = times(named("run.end"), steps);
  const record = (room: Index): Index =>
    plus(times(plus(times(named("b"), room), named("slot")), named("heads")), named("h"));
  return [
    let_("h", named("workgroup.y")),
    let_("heads", named("workgroups.y")),
    let_("b", { kind: "quotient", of: named("workgroup.z"), by: named("run.tiles") }),
    let_("n", { kind: "remainder", of: named("workgroup.z"), by: named("run.tiles") }),
    let_("slot", plus(named("run.at"), named("n"))),
    let_("m", plus(times(named("run.first"), steps), times(named("n"), length))),
    let_("count", { kind: "least", of: [length, { kind: "difference", from: end, less: named("m") }] }),
    let_("last", { kind: "difference", from: named("count"), less: 1 }),
    let_("own", times(record(named("run.room")), layout.scratchStride / FOUR)),
    ...(bindings.some((b) => b.name === "state")
      ? [
          let_("start", times(record(plus(named("run.room"), 1)), stride)),
          let_("ahead", times(named("heads"), stride)),
        ]
      : []),
  ];
}

/** The same of a tile of packed sequences: what its record of the table says. */
export function wherePacked(
  { steps }: TileSizes,
  layout: TileLayout,
  bindings: readonly Binding[],
  ofState: number,
): Stmt[] {
  const stride = layout.state.stride / ofState;
  const field = (i: number): Index => ({
    kind: "load",
    buffer: TABLE.name,
    index: plus(times(named("slot"), TABLE_WIDTH), i),
  });
  const record = (at: Index): Index => plus(times(at, named("heads")), named("h"));
  return [
    let_("h", named("workgroup.y")),
    let_("heads", named("workgroups.y")),
    // Tokens are counted over all sequences, which lie in one row.
    let_("b", 0),
    let_("slot", plus(named("run.at"), named("workgroup.z"))),
    let_("m", times(field(0), steps)),
    let_("count", { kind: "difference", from: times(field(1), steps), less: named("m") }),
    let_("last", { kind: "difference", from: named("count"), less: 1 }),
    let_("own", times(record(named("slot")), layout.scratchStride / FOUR)),
    ...(bindings.some((b) => b.name === "state")
      ? [let_("start", times(record(field(2)), stride)), let_("next", times(record(field(3)), stride))]
      : []),
  ];
}
