/**
 * Lowers a tile form to several small kernels. What needs no state is computed for all tiles at once; then the states
 * go from tile to tile, and stay where each tile starts; what is read of them is computed for all tiles at once again.
 */
import type { TileForm } from "../../form/tile-form.ts";
import { reduce } from "../../math/algebra.ts";
import type { Axis, Sizes } from "../../math/axis.ts";
import { type Expr, postorder, type Solve, systemAxes, type Tensor } from "../../math/expr.ts";
import { printExpr } from "../../math/print.ts";
import { unicode } from "../../math/style.ts";
import { bindInputs } from "../bindings.ts";
import { type Binding, type Block, barrier, named, plus, type Stmt, times } from "../block.ts";
import { writtenIn } from "../cost.ts";
import { identifiers } from "../identifiers.ts";
import type { Target } from "../target.ts";
import { waitingFirst } from "../waits.ts";
import { ends, groupsOfEnds, takesFours } from "./ends.ts";
import { loads } from "./inputs.ts";
import { FOUR, type Home, layoutOf, stateInFours, type TileLayout, TileSizes, TOKENS } from "./layout.ts";
import { keptOf, madeBy, type Part, partsOf, type Stage, startsOf } from "./parts.ts";
import { tileProgram } from "./program.ts";
import { finished, groupsOfRows, rows } from "./rows.ts";
import { Scope } from "./scope.ts";
import { alone, together } from "./serial.ts";
import { NOW, readBy, replacedIn, type Statement, type TileProgram } from "./statements.ts";
import { tokens, turns } from "./tokens.ts";
import { TABLE, TILE_FIELDS, where, wherePacked } from "./where.ts";

/** One kernel, when it runs, and how many workgroups share its rows. */
export interface TileKernel {
  readonly block: Block;
  readonly stage: Stage;
  readonly groups: number;
}

export interface TileKernels {
  readonly kernels: readonly TileKernel[];
  /** Turns of a tile. */
  readonly length: number;
}

/** Records of a tile: its states with what it has once, and what its tokens have. */
const RECORDS = ["state", "scratch"] as const;

/** Whether each linear system is one for each token, which no other token waits for. */
export function hasKernels({ phases, constants, output }: TileForm): boolean {
  const systems = (e: Expr): Solve[] => postorder([e]).filter((x): x is Solve => x.kind === "solve");
  const isOne = (e: Expr): boolean => systems(e).every((s) => systemAxes(s).length === 0);
  return (
    isOne(output) &&
    constants.every((q) => systems(q.value).length === 0) &&
    phases.every(({ order, quantities }) =>
      quantities.every((q) => (order === "parallel" ? isOne(q.value) : systems(q.value).length === 0)),
    )
  );
}

/**
 * Tiles have about `tokens` turns, or those of a chunk: that changes no result. They are those of sequences side by side
 * in a batch; or packed, as `tile_table` says, for sequences of any lengths one after the other.
 */
export function lowerTiles(
  form: TileForm,
  given: Sizes,
  target: Target,
  { tokens = TOKENS, isPacked = false }: { readonly tokens?: number; readonly isPacked?: boolean } = {},
): TileKernels {
  const program = tileProgram(form);
  const sizes = new TileSizes(form, given, tokens);
  const parts = partsOf(program, new Set(form.starts.values()), (d) => sizes.extent(d));
  const kept = keptOf(parts);
  const made = parts.flatMap(({ statements }) =>
    statements.flatMap((s) => (s.kind === "value" || s.kind === "running" ? madeBy(s) : [])),
  );
  const next = isPacked ? named("next") : plus(named("start"), named("ahead"));
  const layout = layoutOf(
    form,
    [...program.inputs.values(), ...made.filter((t) => kept.has(t))],
    new Map(parts.flatMap((p) => p.statements.flatMap((s) => [...replacedIn(s)]))),
    sizes,
    next,
  );
  const lowering: Lowering = { form, program, sizes, layout, target, isPacked };
  return {
    kernels: [inputKernel(lowering), ...gathered(lowering, parts)],
    length: sizes.length,
  };
}

interface Lowering {
  readonly form: TileForm;
  readonly program: TileProgram;
  readonly sizes: TileSizes;
  readonly layout: TileLayout;
  readonly target: Target;
  readonly isPacked: boolean;
}

/** The kernel that copies the tiles' inputs to where the others read them. */
function inputKernel(lowering: Lowering): TileKernel {
  const { form, program, sizes, layout, target } = lowering;
  const { spec } = form.rule;
  const given = [...program.inputs.keys()].filter((t) => !spec.numbers.includes(t));
  const name = identifiers();
  const bound = bind(lowering, given, false, ["scratch"], name);
  const scope = new Scope(sizes, target, name, layout.homes);
  const body = loads(scope, spec, program.inputs, bound.places, layout.homes);
  return {
    stage: "before",
    groups: 1,
    block: block(lowering, { title: "inputs", bound, body, subgroups: false, ofState: 1 }),
  };
}

/** Accesses to memory in the text of a kernel that could be two: all of it has to compile before any of it runs. */
const ACCESSES = 64;

/**
 * The kernels of all parts. What goes from tile to tile is dispatched for every tile, and a processor takes as long to begin
 * a dispatch as to do the work of a part: there one workgroup does several, one after the other.
 */
function gathered(lowering: Lowering, parts: readonly Part[]): TileKernel[] {
  const kernels: TileKernel[] = [];
  let open: { readonly parts: readonly Part[]; readonly at: number } | undefined;
  for (const part of parts) {
    const isGathered = lowering.target.narrow && part.stage === "along";
    const isAlike = open?.parts.every((p) => isInFours(lowering, p) === isInFours(lowering, part));
    const joined = isGathered && open && isAlike ? [...open.parts, part] : [];
    const kernel = joined.length > 0 ? partsKernel(lowering, joined) : undefined;
    if (open && kernel && writtenIn(kernel.block.body).accesses <= ACCESSES) {
      kernels[open.at] = kernel;
      open = { parts: joined, at: open.at };
      continue;
    }
    if (isGathered) open = { parts: [part], at: kernels.length };
    kernels.push(partsKernel(lowering, [part]));
  }
  return kernels;
}

/** Whether the states are read and written by fours. */
const isInFours = ({ sizes, target, layout }: Lowering, { order, statements }: Part): boolean =>
  order === "end" &&
  takesFours(statements, target.lanes, (a) => sizes.extent(a.dim)) &&
  stateInFours(layout) !== undefined;

/** Parts of the same stage, one after the other. */
function partsKernel(lowering: Lowering, parts: readonly Part[]): TileKernel {
  const { form, sizes, layout, target } = lowering;
  const [first] = parts as readonly [Part];
  const statements = parts.flatMap((p) => p.statements);
  const inFours = isInFours(lowering, first) ? stateInFours(layout) : undefined;
  const used = new Set(statements.flatMap((s) => [...readBy(s), ...startsOf(s)]));
  const params = form.rule.spec.parameters.map((p) => p.tensor).filter((t) => used.has(t));
  const touched = [...used, ...statements.flatMap(madeBy)].map((t) => layout.homes.get(t));
  const records = RECORDS.filter((r) =>
    touched.some((home) => home && "buffer" in home && home.buffer === r),
  );
  const name = identifiers();
  const isOutput = statements.some((s) => s.kind === "output");
  const bound = bind(lowering, params, isOutput, records, name, inFours && "vec4f");
  const homes = new Map([...(inFours ?? layout.homes), ...numbersAndParams(lowering, bound.places)]);
  const scope = new Scope(sizes, target, name, homes);
  const body = parts.flatMap((part, i) => [
    ...(i > 0 ? [barrier("storage")] : []),
    ...part.statements.map((s): Stmt => ({ kind: "comment", text: describe(s) })),
    ...bodyOf(scope, part),
  ]);
  return {
    stage: first.stage,
    groups: parts.length > 1 ? 1 : Math.min(target.sharers, groupsOf(scope, first)),
    block: block(lowering, {
      title: statements.map((s) => s.target.name).join(", "),
      bound,
      body,
      subgroups: scope.takes,
      ofState: inFours ? FOUR : 1,
    }),
  };
}

function bodyOf(scope: Scope, { order, statements }: Part): Stmt[] {
  const [{ result }] = statements as readonly [Statement];
  switch (order) {
    case "once":
      return scope.spread(result, (at, within) => finished(scope, statements, at, within, new Map()));
    case "rows":
      return rows(scope, statements);
    case "tokens":
      return tokens(scope, statements);
    case "turns":
      return statements.flatMap((s) => turns(scope, s));
    case "alone":
      return alone(scope, statements);
    case "together":
      return together(scope, statements);
    case "end":
      return ends(scope, statements);
  }
}

/** How many workgroups share a part. */
function groupsOf(scope: Scope, { order, statements }: Part): number {
  const [{ result }] = statements as readonly [Statement];
  const lane = result.at(-1);
  const blocks = (extent: number): number => Math.ceil(extent / scope.lanes);
  if (order === "rows") return groupsOfRows(scope, statements);
  if (order === "end") return groupsOfEnds(scope, statements);
  if (order === "tokens" || order === "turns") return blocks(scope.sizes.fours);
  return order === "together" || !lane ? 1 : blocks(scope.extent(lane));
}

// ---------------------------------------------------------------- around the statements

function bind(
  { program, target, isPacked }: Lowering,
  inputs: readonly Tensor[],
  isOutput: boolean,
  records: readonly (typeof RECORDS)[number][],
  name: ReturnType<typeof identifiers>,
  ofState?: "vec4f",
) {
  return bindInputs(
    inputs,
    [
      ...(isPacked ? [TABLE] : []),
      ...records.map(
        (r): Binding => ({
          name: r,
          access: "read_write",
          holds: [],
          ...(r === "scratch" || ofState ? { element: "vec4f" } : {}),
        }),
      ),
    ],
    isOutput ? program.output : undefined,
    target.storageBuffers,
    name,
  );
}

interface Text {
  readonly title: string;
  readonly bound: ReturnType<typeof bind>;
  readonly body: readonly Stmt[];
  readonly subgroups: boolean;
  /** So many of a state's numbers are one element. */
  readonly ofState: number;
}

function block(
  { form, sizes, layout, target, isPacked }: Lowering,
  { title, bound: { bindings, bases }, body, subgroups, ofState }: Text,
): Block {
  return {
    name: `${form.rule.spec.name}: ${title}`,
    lanes: target.lanes,
    subgroups,
    tiles: 1,
    bindings,
    bases: [...TILE_FIELDS, ...bases],
    workgroup: [],
    planar: [],
    state: layout.state,
    scratchStride: layout.scratchStride,
    steps: sizes.steps,
    passes: 1,
    quantum: sizes.length / sizes.steps,
    body: waitingFirst([...(isPacked ? wherePacked : where)(sizes, layout, bindings, ofState), ...body]),
  };
}

function numbersAndParams(
  { form: { rule }, sizes }: Lowering,
  places: ReturnType<typeof bind>["places"],
): Map<Tensor, Home> {
  const numbers: Readonly<Record<string, Home>> = {
    head: { value: { kind: "float", index: named("h") } },
    heads: { value: { kind: "float", index: named("heads") } },
    layer: { value: { kind: "local", name: "run.layer" } },
    layers: { value: { kind: "local", name: "run.layers" } },
  };
  const homes = new Map<Tensor, Home>();
  for (const t of rule.spec.numbers) {
    const home = numbers[t.name];
    if (home) homes.set(t, home);
  }
  for (const { tensor: t } of rule.spec.parameters) {
    const place = places.get(t);
    if (!place) continue;
    const record = plus(place.start, times(named("h"), sizes.count(t.shape)));
    homes.set(t, { buffer: place.buffer, record, offset: 0 });
  }
  return homes;
}

function describe(s: Statement): string {
  const body = s.reduction ? reduce(s.reduction.op, s.reduction.axis, s.body) : s.body;
  const { name } = s.target;
  const axes: Axis[] = [...(body.axes.includes(NOW) ? [NOW] : []), ...s.result];
  if (axes.length > 2) return `${name} = …`;
  const text = printExpr(body, axes, { style: unicode });
  return `${name} = ${text.length > 100 ? `${text.slice(0, 99)}…` : text}`;
}
