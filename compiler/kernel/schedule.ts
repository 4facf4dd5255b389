/**
 * The schedule of a list of statements: where each state lives, which axis is spread over the lanes,
 * which dimension is split over workgroups, and in what order loop nests run.
 */
import type { RecurrentForm } from "../form/recurrent.ts";
import { isApply } from "../math/algebra.ts";
import { type Axis, type Dim, extentOf, type Sizes } from "../math/axis.ts";
import { type Expr, type Leaf, postorder, type Tensor, tensorsOf } from "../math/expr.ts";
import { InternalError } from "../source/diagnostic.ts";
import { axesOf, flattened, givenBy, type Item, type Repeat, readBy, type Statement } from "./statements.ts";
import type { Target } from "./target.ts";

/** A statement with its axes assigned to loops. */
export interface Scheduled {
  readonly kind: "statement";
  readonly statement: Statement;
  /** Spread over the lanes; undefined for scalars. */
  readonly lane: Axis | undefined;
  /** Run one after the other by every lane, outermost first; a reduction's axis comes last. */
  readonly sequential: readonly Axis[];
  /** Whether no state depends on it, where a token has several turns: it is left for the last of them. */
  readonly outputOnly: boolean;
  /** The one row that it writes. */
  readonly row: Row | undefined;
}

/** An update of one row: `value` where the position along `axis` is `at`, and nothing elsewhere. */
export interface Row {
  readonly axis: Axis;
  readonly at: Expr;
  readonly value: Expr;
}

/** What is repeated, in order. */
export interface Repeated {
  readonly kind: "repeat";
  readonly repeat: Repeat;
  readonly steps: readonly Step[];
  readonly outputOnly: boolean;
}

export type Step = Nest | Repeated;

/** Statements that share their loops. */
export interface Nest {
  readonly kind: "nest";
  readonly statements: readonly Scheduled[];
  /** Whether no state depends on it. */
  readonly outputOnly: boolean;
  readonly lane: Dim | undefined;
  readonly sequential: readonly Dim[];
  /** Which row is written, where it is one. */
  readonly row: Expr | undefined;
}

export interface Schedule {
  readonly steps: readonly Step[];
  /** Whether matrix states are kept in registers; otherwise they stay in storage memory. */
  readonly resident: boolean;
  /** For matrix states in registers, the position of the axis that is spread over the lanes. */
  readonly laneAxis: ReadonlyMap<Tensor, number>;
  /** The dimension that is split over workgroups, with the rows of one workgroup. */
  readonly tile: { readonly dim: Dim; readonly rows: number; readonly count: number } | undefined;
}

export function schedule(
  form: RecurrentForm,
  items: readonly Item[],
  sizes: Sizes,
  target: Target,
): Schedule {
  const list = flattened(items);
  const lanes = new Map<Statement, Axis>();
  const placed = placeStates(form, list, lanes);
  // Workgroups would run into each other's matrices where these change from turn to turn.
  const shares = list.some((s) => s.kind === "start" && s.result.length >= 2);
  const tiled = shares ? undefined : tileDimension(form, list, lanes);
  for (const s of list) if (!lanes.has(s)) chooseLane(s, tiled, lanes);
  const tile = tiled && tileOf(form, tiled, placed !== undefined, sizes, target);
  const budget = registersNeeded(form, placed, tile, sizes, target);
  // Loops over registers are unrolled; drivers take too long where these turns read workgroup memory, in a loop
  // around them, or storage memory, as a product of matrices does.
  const unrolls =
    (target.subgroups || items.every((item) => item.kind !== "repeat")) &&
    list.every((s) => !s.reduction || s.result.length < 2);
  const resident = placed !== undefined && budget <= target.registers && unrolls;
  const outputOnly = form.steps === 1 ? new Set<Item>() : neededByOutputAlone(items);
  const ordered = (some: readonly Item[], carry: Carry): Step[] =>
    order(
      carry,
      some.map((item) =>
        item.kind === "repeat"
          ? {
              kind: "repeat",
              repeat: item,
              steps: ordered(item.body, item.carry),
              outputOnly: outputOnly.has(item),
            }
          : assign(
              item,
              lanes,
              outputOnly.has(item),
              resident ? undefined : rowOf(item, list, form.carry, tiled),
            ),
      ),
    );
  return {
    steps: ordered(items, form.carry),
    resident,
    laneAxis: placed ?? new Map(),
    tile:
      tile && !resident
        ? { ...tile, rows: target.lanes, count: Math.ceil(extentOf(tile.dim, sizes) / target.lanes) }
        : tile,
  };
}

export const leavesOf = (e: Expr): Leaf[] => postorder([e]).filter((x): x is Leaf => x.kind === "leaf");

/** The tensors that share the place of one state. */
const tensorsOfState = (s: RecurrentForm["carry"][number]): Tensor[] =>
  s.start ? [s.previous, s.next, s.start] : [s.previous, s.next];

// ---------------------------------------------------------------- where states live

/**
 * For each matrix state, an axis that every statement can spread over the lanes, so that each lane
 * only ever needs its own rows; undefined if there is a state without one.
 */
function placeStates(
  form: RecurrentForm,
  list: readonly Statement[],
  lanes: Map<Statement, Axis>,
): Map<Tensor, number> | undefined {
  const placed = new Map<Tensor, number>();
  const chosen = new Map(lanes);
  for (const state of form.carry) {
    if (state.shape.length < 2) continue;
    if (state.shape.length > 2) return undefined;
    const tensors = tensorsOfState(state);
    const position = [0, 1].find((p) => {
      const uses = usesOf(tensors, list);
      return uses.every(({ statement, index }) => {
        const axis = index[p] as Axis;
        const before = chosen.get(statement);
        return statement.result.includes(axis) && (before === undefined || before === axis);
      });
    });
    if (position === undefined) return undefined;
    for (const { statement, index } of usesOf(tensors, list)) chosen.set(statement, index[position] as Axis);
    for (const t of tensors) placed.set(t, position);
  }
  for (const [s, axis] of chosen) lanes.set(s, axis);
  return placed;
}

function usesOf(
  tensors: readonly Tensor[],
  list: readonly Statement[],
): { statement: Statement; index: readonly Axis[] }[] {
  return list.flatMap((statement) => {
    const read = leavesOf(statement.body)
      .filter((l) => tensors.includes(l.tensor))
      .map((l) => l.index);
    const written = tensors.includes(statement.target) ? [statement.result] : [];
    return [...read, ...written].map((index) => ({ statement, index }));
  });
}

/** Numbers of matrix states that one lane would hold. */
function registersNeeded(
  form: RecurrentForm,
  placed: ReadonlyMap<Tensor, number> | undefined,
  tile: Schedule["tile"],
  sizes: Sizes,
  target: Target,
): number {
  let total = 0;
  for (const s of form.carry) {
    const position = placed?.get(s.previous);
    if (position === undefined) continue;
    const [across, along] = position === 0 ? s.shape : [s.shape[1], s.shape[0]];
    if (!across || !along) continue;
    const rows = tile ? tile.rows / target.lanes : Math.ceil(extentOf(across, sizes) / target.lanes);
    const columns = Math.ceil(extentOf(along, sizes) / target.lanes) * target.lanes;
    total += rows * columns * (s.start ? 2 : 1);
  }
  return total;
}

// ---------------------------------------------------------------- lanes and tiles

function chooseLane(s: Statement, tiled: Dim | undefined, lanes: Map<Statement, Axis>): void {
  const axes = axesOf(s);
  const lane = axes.find((a) => a.dim === tiled) ?? s.result[0] ?? s.reduction?.axis;
  if (lane) lanes.set(s, lane);
}

/**
 * A dimension along which nothing is exchanged: no statement sums over it or has it twice, every
 * state and the output have it, and it is always spread over the lanes. Its rows can go to different
 * workgroups.
 */
function tileDimension(
  form: RecurrentForm,
  list: readonly Statement[],
  lanes: ReadonlyMap<Statement, Axis>,
): Dim | undefined {
  const candidates = new Set(form.carry.flatMap((s) => s.shape));
  return [...candidates].find((d) => {
    const once = (shape: readonly Dim[]): boolean => shape.filter((x) => x === d).length === 1;
    if (!form.carry.every((s) => once(s.shape)) || !once(form.outputShape)) return false;
    const along = new Set<Tensor>();
    const elsewhere = new Set<Tensor>();
    for (const s of list) {
      if (s.reduction?.axis.dim === d) return false;
      const axes = axesOf(s).filter((a) => a.dim === d);
      const lane = lanes.get(s);
      if (axes.length > 1 || (axes.length === 1 && lane && lane !== axes[0])) return false;
      for (const l of leavesOf(s.body)) {
        if (l.index.length === 0) continue;
        (l.index.some((a) => a.dim === d) ? along : elsewhere).add(l.tensor);
      }
      if (axes.length > 0) along.add(s.target);
    }
    return [...along].every((t) => !elsewhere.has(t));
  });
}

function tileOf(
  form: RecurrentForm,
  d: Dim,
  placed: boolean,
  sizes: Sizes,
  target: Target,
): NonNullable<Schedule["tile"]> {
  const extent = extentOf(d, sizes);
  const blocks = Math.ceil(extent / target.lanes);
  const held = form.carry.reduce((n, s) => {
    const others = s.shape.filter((x) => x !== d).reduce((m, x) => m * extentOf(x, sizes), 1);
    return n + others * (s.start ? 2 : 1);
  }, 0);
  // A second row only where both fit well: code is unrolled over them.
  const fitting = placed ? Math.max(1, Math.floor(target.registers / 2 / Math.max(1, held))) : 1;
  const rows = target.lanes * Math.max(1, Math.min(blocks, target.rows, fitting));
  return { dim: d, rows, count: Math.max(1, Math.ceil(extent / rows)) };
}

function assign(
  s: Statement,
  lanes: ReadonlyMap<Statement, Axis>,
  outputOnly: boolean,
  row: Row | undefined,
): Scheduled {
  const lane = row ? s.result.find((a) => a !== row.axis) : lanes.get(s);
  const sequential = axesOf(s).filter((a) => a !== lane);
  return { kind: "statement", statement: s, lane, sequential, outputOnly, row };
}

/** A matrix update of the form where(position(i) = slot, value, old): in storage, only that row is touched. */
function rowOf(
  s: Statement,
  list: readonly Statement[],
  carry: Carry,
  tiled: Dim | undefined,
): Row | undefined {
  if (s.kind !== "update" || s.result.length !== 2 || !isApply(s.body, "where")) return undefined;
  const [condition, value, old] = s.body.args as [Expr, Expr, Expr];
  const previous = carry.find((c) => c.next === s.target)?.previous;
  const isOld =
    old.kind === "leaf" && old.tensor === previous && old.index.every((a, i) => a === s.result[i]);
  if (!isOld || !isApply(condition, "equal")) return undefined;
  const index = condition.args.find((a) => a.kind === "index");
  const at = condition.args.find((a) => a !== index);
  if (index?.kind !== "index" || !at || at.axes.length > 0) return undefined;
  // Updates that read the old matrix have to run in one nest with this one.
  const isRead = list.some((o) => o !== s && o.kind === "update" && tensorsOf(o.body).has(old.tensor));
  if (isRead) return undefined;
  const { axis } = index;
  return value.axes.includes(axis) || axis.dim === tiled ? undefined : { axis, at, value };
}

function neededByOutputAlone(items: readonly Item[]): Set<Item> {
  const needed = new Set<Tensor>();
  const rest = new Set<Item>();
  // Values stand before their users.
  for (const item of [...items].reverse()) {
    const isNeeded = item.kind === "update" || givenBy(item).some((t) => needed.has(t));
    if (isNeeded) for (const t of readBy(item)) needed.add(t);
    else rest.add(item);
  }
  return rest;
}

// ---------------------------------------------------------------- order and fusion

const signature = (s: Scheduled): string =>
  [
    s.outputOnly,
    s.row?.at.serial ?? "",
    s.lane?.dim.key ?? "",
    ...s.sequential.map((a) => a.dim.key),
    reducesLanes(s) ? "across" : "",
  ].join("|");

const reducesLanes = (s: Scheduled): boolean =>
  s.statement.reduction?.axis === s.lane && s.lane !== undefined;

/** What is updated in place. */
type Carry = readonly { readonly previous: Tensor; readonly next: Tensor }[];

/**
 * Orders statements by what they read, and fuses those with the same loops. States are updated in
 * place: an update waits for all readers of the old value, and is fused with a reader of the new one
 * where that reads each element in the turn that makes it.
 */
function order(carry: Carry, list: readonly (Scheduled | Repeated)[]): Step[] {
  type Unit = Scheduled | Repeated;
  const made: Step[] = [];
  const updates = new Map<Tensor, Scheduled>();
  const makers = new Map<Tensor, Unit>();
  const itemOf = (s: Unit): Item => (s.kind === "repeat" ? s.repeat : s.statement);
  for (const s of list) {
    if (isUpdate(s)) updates.set(s.statement.target, s);
    else for (const t of givenBy(itemOf(s))) makers.set(t, s);
  }
  const previousOf = new Map(carry.map((s) => [s.next, s.previous]));
  const waiting = new Set(list);
  const reads = new Map(list.map((s) => [s, readBy(itemOf(s))]));
  const valuesReady = (s: Unit): boolean =>
    [...(reads.get(s) ?? [])].every((t) => {
      const maker = makers.get(t);
      return !maker || !waiting.has(maker);
    });
  const pending = (s: Unit): Scheduled[] =>
    [...(reads.get(s) ?? [])]
      .map((t) => updates.get(t))
      .filter((u): u is Scheduled => u !== undefined && waiting.has(u));
  const emit = (group: readonly Scheduled[]): void => {
    const [first] = group as [Scheduled];
    for (const s of group) waiting.delete(s);
    made.push({
      kind: "nest",
      statements: group,
      outputOnly: first.outputOnly,
      lane: first.lane?.dim,
      sequential: first.sequential.map((a) => a.dim),
      row: first.row?.at,
    });
  };
  const alike = (a: Unit, b: Unit): boolean =>
    a === b || (a.kind === "statement" && b.kind === "statement" && signature(a) === signature(b));

  /** Updates that must run together with these: readers of a value that would be overwritten. */
  const closure = (start: readonly Scheduled[]): Scheduled[] => {
    const group = [...start];
    for (const u of group) {
      const old = previousOf.get(u.statement.target);
      for (const other of updates.values()) {
        if (!waiting.has(other) || group.includes(other) || !old || !reads.get(other)?.has(old)) continue;
        if (!alike(other, u)) throw new InternalError("states that update each other have different shapes");
        group.push(other);
      }
    }
    return group;
  };

  /** With these, every other update of the same loops that nothing outside still waits to read before. */
  const withoutReaders = (group: readonly Scheduled[], anchor: Scheduled): Scheduled[] => {
    const all = [...group];
    for (const u of updates.values()) {
      if (!waiting.has(u) || all.includes(u) || !alike(u, anchor) || !valuesReady(u)) continue;
      const old = previousOf.get(u.statement.target);
      const readers = [...waiting].filter((s) => s !== u && old && reads.get(s)?.has(old));
      if (readers.every((s) => (all as readonly Unit[]).includes(s))) all.push(u);
    }
    return all;
  };

  /** Updates that nothing waits to read before. */
  const unread = (): Scheduled[] =>
    [...updates.values()].filter((u) => {
      if (!waiting.has(u)) return false;
      const group = closure([u]);
      const olds = group.map((x) => previousOf.get(x.statement.target));
      const readers = [...waiting].filter((s) => olds.some((old) => old && reads.get(s)?.has(old)));
      return group.every(valuesReady) && readers.every((s) => (group as readonly Unit[]).includes(s));
    });

  while (waiting.size > 0) {
    const open = [...waiting].filter((s) => !isUpdate(s) && valuesReady(s));
    const ready = open.filter((s) => pending(s).length === 0);
    const next = ready.find((s) => !s.outputOnly) ?? ready[0];
    // The output's own statements come last, unless they read what an update would overwrite.
    const due = next?.outputOnly ? unread() : [];
    if (next && due.length === 0) {
      if (next.kind === "repeat") {
        waiting.delete(next);
        made.push(next);
      } else {
        emit(ready.filter((s): s is Scheduled => alike(s, next)));
      }
      continue;
    }
    const [blocked] = open;
    const wanted =
      due.length > 0 ? due : blocked ? pending(blocked) : [...waiting].filter(isUpdate).slice(0, 1);
    const [anchor] = wanted;
    if (!anchor) throw new InternalError("statements wait for each other");
    const group = withoutReaders(closure([anchor]), anchor);
    const inTurn = open.filter(
      (s): s is Scheduled =>
        s.kind === "statement" &&
        alike(s, anchor) &&
        pending(s).every((u) => group.includes(u)) &&
        readsInTurn(s, group),
    );
    emit([...group, ...inTurn]);
  }
  return made;
}

const isUpdate = (s: Scheduled | Repeated): s is Scheduled =>
  s.kind === "statement" && s.statement.kind === "update";

/** Whether every new state is read at the very element that the nest is at. */
function readsInTurn(s: Scheduled, group: readonly Scheduled[]): boolean {
  const loops = (x: Scheduled): (Axis | undefined)[] => [x.lane, ...x.sequential];
  return leavesOf(s.statement.body).every((l) => {
    const update = group.find((u) => u.statement.target === l.tensor);
    if (!update) return true;
    const theirs = loops(update);
    const mine = loops(s);
    return l.index.every((a, i) => mine.indexOf(a) === theirs.indexOf(update.statement.result[i] as Axis));
  });
}
