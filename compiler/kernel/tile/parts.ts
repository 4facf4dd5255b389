/** The statements of a tile, as parts of kernels: as few as what they read of each other allows. */
import type { Axis, Dim } from "../../math/axis.ts";
import type { Leaf, Tensor } from "../../math/expr.ts";
import { alike } from "./order.ts";
import {
  innerOf,
  isAtOwnPlace,
  isNumber,
  isOfTokens,
  isSame,
  leavesOf,
  NOW,
  readBy,
  replacedIn,
  type Statement,
  type TileProgram,
} from "./statements.ts";

/** Before the states go from tile to tile, for all tiles at once; while they do; and after. */
export type Stage = "before" | "along" | "after";

/**
 * How lanes share a part: elements of what a tile has `once`; `rows` of what its tokens have, for all tokens; a token
 * each (`tokens`), also where that takes turns (`turns`); elements again, token by token, each lane `alone` or all `together`; columns of the states at the
 * tile's `end`.
 */
export type Order = "once" | "rows" | "tokens" | "turns" | "alone" | "together" | "end";

export interface Part {
  readonly stage: Stage;
  readonly order: Order;
  readonly statements: readonly Statement[];
}

/** Products that one part has at most: each needs registers of its own. */
const PRODUCTS = 2;
/** The longest vector that a lane goes through on its own for its token. */
const VECTOR = 128;

/** The sums that are taken for several rows and all tokens at once. */
export const isProduct = (s: Statement): boolean => s.reduction !== undefined && s.result.length === 1;

export function partsOf(
  program: TileProgram,
  starts: ReadonlySet<Tensor>,
  extent: (d: Dim) => number,
): Part[] {
  const stageOf = stagesOf(
    program.steps.flatMap((s) => s.statements),
    starts,
  );
  const parts: { stage: Stage; order: Order; statements: Statement[] }[] = [];
  const homes = new Map<Tensor, number>();
  const opened = (stage: Stage, order: Order, statements: readonly Statement[]): void => {
    if (statements.length === 0) return;
    for (const s of statements) for (const t of madeBy(s)) homes.set(t, parts.length);
    parts.push({ stage, order, statements: [...statements] });
  };
  for (const { order, statements } of program.steps) {
    if (order === "tokens") {
      for (const group of groupsOf(statements))
        for (const stage of STAGES)
          opened(
            stage,
            group.order,
            group.statements.filter((s) => stageOf(s) === stage),
          );
      continue;
    }
    for (const s of statements) {
      const stage = stageOf(s);
      // After all that it reads, and as soon as there is a part that it fits in.
      const needs = [...readBy(s)].map((t) => homes.get(t) ?? -1).filter((i) => parts[i]?.stage === stage);
      const orders = ordersFor(s, extent);
      const found = parts.findIndex(
        (p, i) => p.stage === stage && orders.includes(p.order) && i >= Math.max(0, ...needs) && fits(s, p),
      );
      if (found < 0) {
        opened(stage, orders[0] as Order, [s]);
        continue;
      }
      parts[found]?.statements.push(s);
      for (const t of madeBy(s)) homes.set(t, found);
    }
  }
  return parts;
}

const STAGES = ["before", "along", "after"] as const;

/** All tensors that a statement gives a value, those of its turns among them. */
export const madeBy = (s: Statement): Tensor[] => [
  s.target,
  ...(s.before ? [s.before.tensor] : []),
  ...innerOf(s).map((x) => x.target),
];

/** The orders that a statement can be computed in, best first. */
function ordersFor(s: Statement, extent: (d: Dim) => number): Order[] {
  if (s.kind === "end") return ["end"];
  if (s.loop) return ["turns"];
  if (s.kind !== "output" && !isOfTokens(s.target)) return ["once"];
  const axes = [...s.result, ...(s.reduction ? [s.reduction.axis] : [])];
  const ofToken = (l: Leaf): boolean =>
    !isOfTokens(l.tensor) || (l.index[0] === NOW && l.tensor.shape.length <= 2);
  const isVector =
    axes.length <= 1 && axes.every((a) => extent(a.dim) <= VECTOR) && leavesOf(s).every(ofToken);
  if (s.result.length === 0) return ["tokens"];
  return isVector ? ["rows", "tokens"] : ["rows"];
}

/** Whether a lane has all that the statement reads of what the part makes. */
function fits(s: Statement, { order, statements }: Part): boolean {
  if (order === "tokens" || order === "turns") return order === "tokens";
  const [first] = statements as readonly [Statement];
  if (order === "end")
    return (
      isSame(s.result, first.result) && s.result.length === 2 && s.sums.length > 0 && first.sums.length > 0
    );
  if (isProduct(s) && statements.filter(isProduct).length === PRODUCTS) return false;
  return isAtOwnPlace(s, statements);
}

/** The tensors that are read from memory: by other parts than their own, or by other lanes or at other turns. */
export function keptOf(parts: readonly Part[]): Set<Tensor> {
  const kept = new Set<Tensor>();
  for (const { order, statements } of parts) {
    const own = new Set(
      order === "tokens"
        ? inRegisters(statements)
        : statements.filter((s) => order === "rows" && !isProduct(s)).map((s) => s.target),
    );
    for (const s of statements) {
      for (const t of readBy(s)) if (!own.has(t)) kept.add(t);
      if (!s.loop) continue;
      const { starts, turn, carry } = s.loop;
      const ofTurn = new Set(inRegisters(turn, replacedIn(s)));
      for (const { target } of [...starts, ...turn])
        if (!ofTurn.has(target) && !isNumber(target)) kept.add(target);
      for (const { previous, next } of carry) if (!isNumber(previous)) kept.add(previous).add(next);
    }
    if (order === "alone" || order === "together")
      for (const s of statements) for (const t of madeBy(s)) kept.add(t);
  }
  return kept;
}

/** What only those read that share a loop with what makes it, or that is a number. */
function inRegisters(statements: readonly Statement[], replaced?: ReadonlyMap<Tensor, Tensor>): Tensor[] {
  return alike(statements, replaced).flatMap((group) => {
    const others = statements.filter((s) => !group.includes(s));
    return group
      .filter((s) => s.result.length === 0 || !others.some((o) => readBy(o).has(s.target)))
      .map((s) => s.target);
  });
}

// ---------------------------------------------------------------- stages

function stagesOf(all: readonly Statement[], starts: ReadonlySet<Tensor>): (s: Statement) => Stage {
  const makers = new Map(all.flatMap((s) => madeBy(s).map((t) => [t, s] as const)));
  const needsState = closure(
    all,
    (s) => [...readBy(s), ...startsOf(s)].some((t) => starts.has(t)),
    (s, has) => [...readBy(s)].some((t) => has(makers.get(t))),
  );
  const ends = new Set(all.filter((s) => s.kind === "end"));
  const isRead = closure(
    all,
    (s) => ends.has(s),
    (s, has) => all.some((o) => has(o) && [...readBy(o)].some((t) => makers.get(t) === s)),
  );
  return (s) => (!needsState.has(s) && !ends.has(s) ? "before" : isRead.has(s) ? "along" : "after");
}

/** The states that what runs along the tile starts at. */
export const startsOf = (s: Statement): Tensor[] =>
  s.before && typeof s.before.start !== "number" ? [s.before.start] : [];

/** The statements that `has` says so of, once it is true of the first ones. */
function closure(
  all: readonly Statement[],
  isFirst: (s: Statement) => boolean,
  follows: (s: Statement, has: (o: Statement | undefined) => boolean) => boolean,
): Set<Statement> {
  const found = new Set(all.filter(isFirst));
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const s of all) if (follows(s, (o) => o !== undefined && found.has(o))) found.add(s);
  }
  return found;
}

// ---------------------------------------------------------------- token by token

function groupsOf(statements: readonly Statement[]): { order: Order; statements: readonly Statement[] }[] {
  const alone = aloneIn(statements);
  return alone
    ? alone.map((group) => ({ order: "alone", statements: group }))
    : [{ order: "together", statements }];
}

/** Statements by the axes that they are spread over, if no lane reads what another makes in the same loop. */
function aloneIn(statements: readonly Statement[]): Statement[][] | undefined {
  const groups = new Map<string, Statement[]>();
  const made = new Map<Tensor, string>();
  for (const s of statements) {
    const key = s.result.map((a: Axis) => a.id).join();
    groups.set(key, [...(groups.get(key) ?? []), s]);
    for (const t of madeBy(s)) made.set(t, key);
  }
  const keys = [...groups.keys()];
  const isOwn = (s: Statement, l: Leaf): boolean => l.index.slice(1).every((a, i) => a === s.result[i]);
  for (const [n, key] of keys.entries()) {
    for (const s of groups.get(key) as Statement[]) {
      for (const l of leavesOf(s)) {
        const maker = made.get(l.tensor);
        if (maker === undefined) continue;
        if (keys.indexOf(maker) > n || (maker === key && !isOwn(s, l))) return undefined;
      }
    }
  }
  return [...groups.values()];
}
