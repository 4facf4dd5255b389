/** The statements of a tile, as parts that each become one kernel. */
import type { Axis } from "../../math/axis.ts";
import { type Leaf, postorder, type Tensor } from "../../math/expr.ts";
import { readBy, type Statement, type Step, type TileProgram } from "./statements.ts";

/** Before the states go from tile to tile, for all tiles at once; while they do; and after. */
export type Stage = "before" | "along" | "after";

export interface Part {
  readonly stage: Stage;
  /**
   * Once for the tile; for all tokens of it; token by token, each lane `alone` or all `together`; or the states at
   * its end.
   */
  readonly order: "once" | "batch" | "alone" | "together" | "end";
  readonly statements: readonly Statement[];
}

export function partsOf({ steps }: TileProgram, starts: ReadonlySet<Tensor>): Part[] {
  const all = steps.flatMap((s) => s.statements);
  const makers = new Map(
    all.flatMap((s) => [s.target, ...(s.before ? [s.before.tensor] : [])].map((t) => [t, s] as const)),
  );
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
  const stageOf = (s: Statement): Stage =>
    !needsState.has(s) && !ends.has(s) ? "before" : isRead.has(s) ? "along" : "after";
  const parts: Part[] = [];
  for (const step of steps) {
    for (const group of groupsOf(step)) {
      for (const stage of ["before", "along", "after"] as const) {
        const statements = group.statements.filter((s) => stageOf(s) === stage);
        if (statements.length > 0) parts.push({ ...group, stage, statements });
      }
    }
  }
  return parts;
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

function groupsOf({ order, statements }: Step): Omit<Part, "stage">[] {
  if (order !== "tokens") return statements.map((s) => ({ order, statements: [s] }));
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
    for (const t of s.before ? [s.target, s.before.tensor] : [s.target]) made.set(t, key);
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

const leavesOf = (s: Statement): Leaf[] => postorder([s.body]).filter((x): x is Leaf => x.kind === "leaf");
