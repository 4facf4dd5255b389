/**
 * Rows of what all tokens of a tile have. Products first: a lane takes some rows of a matrix, and multiplies each of
 * their numbers with what all tokens have, so that a matrix is read once a tile. Then what is computed of them.
 */
import { at as renamed } from "../../math/algebra.ts";
import type { Axis } from "../../math/axis.ts";
import type { Expr } from "../../math/expr.ts";
import {
  asFour,
  type Below,
  element,
  type Index,
  named,
  plus,
  type Stmt,
  times,
  type Value,
} from "../block.ts";
import type { At, Four } from "./loops.ts";
import { isProduct } from "./parts.ts";
import { type Held, leavesIn, type Scope } from "./scope.ts";
import { isOfTokens, NOW, ownLeaf, readBy, type Statement } from "./statements.ts";

/** Rows that a lane multiplies with the same numbers. */
const ROWS = 4;
/** Fours of tokens whose sums a lane has in registers at once. */
const FOURS = 4;

/** Products over one dimension, in one loop. */
interface Loop {
  readonly axis: Axis;
  readonly products: { readonly statement: Statement; readonly body: Expr }[];
}

export function rows(scope: Scope, statements: readonly Statement[]): Stmt[] {
  const products = statements.filter(isProduct);
  const [first] = statements as readonly [Statement];
  if (products.length === 0)
    return scope.spread(first.result, (at, within) =>
      scope.rolled(
        scope.sizes.fours,
        (t) => finished(scope, statements, new Map([...at, [NOW, { four: t }]]), within, new Map()),
        "t",
      ),
    );
  return new Products(scope, statements, products).stmts();
}

/** How many workgroups share the rows of a part. */
export function groupsOfRows(scope: Scope, statements: readonly Statement[]): number {
  const [first] = statements as readonly [Statement];
  const extent = scope.extent(first.result.at(-1) as Axis);
  return Math.ceil(extent / (scope.lanes * rowsOfLane(scope, statements)));
}

function rowsOfLane(scope: Scope, statements: readonly Statement[]): number {
  const product = statements.find(isProduct);
  if (!product) return 1;
  const [lane] = product.result as readonly [Axis];
  return Math.max(1, Math.min(ROWS, Math.floor(scope.extent(lane) / scope.lanes)));
}

/** The statements at one place, one after the other: each has what those before it made, and adds to what is held. */
export function finished(
  scope: Scope,
  statements: readonly Statement[],
  at: At,
  within: Parameters<Scope["write"]>[2],
  held: Map<Expr, Value>,
): Stmt[] {
  return atOnce(statements).flatMap((some) => {
    const { stmts, values } = scope.computed(some, at, held);
    const written = some.flatMap((s, i): Stmt[] => {
      const value = values[i] as Value;
      if (s.kind === "output") return scope.write(s, at, within, value);
      const name = scope.name(s.target.name, "t");
      const local: Value = { kind: "local", name, ...(isOfTokens(s.target) ? { wide: true } : {}) };
      held.set(ownLeaf(s.target, s.result), local);
      return [{ kind: "let", name, value }, ...scope.write(s, at, within, local)];
    });
    return [...stmts, ...written];
  });
}

/** Statements that follow one another and read nothing of each other: sums over the same dimension, or no sums. */
function atOnce(statements: readonly Statement[]): Statement[][] {
  const groups: Statement[][] = [];
  for (const s of statements) {
    const last = groups.at(-1);
    const read = readBy(s);
    const joins = last?.every((o) => o.reduction?.axis.dim === s.reduction?.axis.dim && !read.has(o.target));
    if (last && joins) last.push(s);
    else groups.push([s]);
  }
  return groups;
}

type Reduction = NonNullable<Statement["reduction"]>;
/** The names of a lane's sums, an array of tokens for each row. */
type Sums = ReadonlyMap<Statement, readonly string[]>;

class Products {
  readonly #scope: Scope;
  readonly #statements: readonly Statement[];
  readonly #lane: Axis;
  readonly #loops: readonly Loop[];
  readonly #sums: Sums;
  readonly #rows: number;
  /** Fours of tokens at once. */
  readonly #fours: number;

  constructor(scope: Scope, statements: readonly Statement[], products: readonly Statement[]) {
    this.#scope = scope;
    this.#statements = statements;
    [this.#lane] = (products[0] as Statement).result as [Axis];
    this.#rows = rowsOfLane(scope, statements);
    this.#loops = loopsOf(products);
    this.#sums = new Map(
      products.map((s) => [s, Array.from({ length: this.#rows }, () => scope.name("sum", ""))]),
    );
    const { fours } = scope.sizes;
    this.#fours = fours % FOURS === 0 ? FOURS : fours;
  }

  stmts(): Stmt[] {
    const { sizes, lanes } = this.#scope;
    const width = this.#rows * lanes;
    const count = sizes.extent(this.#lane.dim);
    return this.#scope.shared(count, width, (first) =>
      this.#scope.rolled(
        sizes.fours / this.#fours,
        (n) => this.#block(first, times(n, this.#fours), count % width === 0),
        "n",
      ),
    );
  }

  /** Some rows at some tokens. */
  #block(first: Index, from: Index, exact: boolean): Stmt[] {
    const scope = this.#scope;
    const row = (r: Index): Index => plus(first, times(r, scope.lanes), named("lane"));
    const turns = this.#loops.flatMap((loop) => this.#summed(loop, row, from));
    const within = (r: Index): Below[] =>
      exact ? [] : [{ index: row(r), bound: this.#scope.extent(this.#lane) }];
    const place = (r: Index, t: Index): At =>
      new Map<Axis, Index | Four>([
        [this.#lane, row(r)],
        [NOW, { four: plus(from, t) }],
      ]);
    const stored = scope.once(this.#fours, (t) =>
      Array.from({ length: this.#rows }, (_, r) =>
        [...this.#sums].flatMap(([s, names]) =>
          scope.write(s, place(r, t), within(r), element(names[r] as string, t, true)),
        ),
      ).flat(),
    );
    // In loops of their own, which read what the lane has stored: drivers take long over many accesses in one text.
    const rest = this.#statements.filter((s) => !this.#sums.has(s));
    const after =
      rest.length === 0
        ? []
        : scope.rolled(
            this.#rows,
            (r) =>
              scope.rolled(this.#fours, (t) => finished(scope, rest, place(r, t), within(r), new Map()), "t"),
            "r",
          );
    return [...this.#declared(this.#sums), ...turns, ...stored, ...after];
  }

  #declared(sums: Sums): Stmt[] {
    return [...sums].flatMap(([{ reduction }, names]) =>
      names.map(
        (name): Stmt => ({
          kind: "variable",
          name,
          extents: [this.#fours],
          initial: (reduction as Reduction).op.wgslInitial,
          wide: true,
        }),
      ),
    );
  }

  #summed(loop: Loop, row: (r: Index) => Index, from: Index): Stmt[] {
    const scope = this.#scope;
    if (!scope.isLong(loop.axis))
      return scope.overAxes([loop.axis], new Map(), (at) => this.#turn(loop, this.#sums, at, row, from));
    const parts: Sums = new Map(
      loop.products.map(({ statement: s }) => [
        s,
        (this.#sums.get(s) as readonly string[]).map(() => scope.name("part", "")),
      ]),
    );
    const merged = scope.unrolled(this.#fours, (t) =>
      loop.products.flatMap(({ statement: s }) =>
        (this.#sums.get(s) as readonly string[]).map((name, r): Stmt => {
          const part = element((parts.get(s) as readonly string[])[r] as string, t, true);
          return {
            kind: "merge",
            place: element(name, t, true),
            op: (s.reduction as Reduction).op,
            value: part,
          };
        }),
      ),
    );
    return scope.inParts(
      loop.axis,
      (j) => this.#turn(loop, parts, new Map([[loop.axis, j]]), row, from),
      (turns) => [...this.#declared(parts), ...turns, ...merged],
    );
  }

  /** One element of the summed dimension: the matrices' numbers are read once, and each token's. */
  #turn({ products }: Loop, sums: Sums, at: At, row: (r: Index) => Index, from: Index): Stmt[] {
    const scope = this.#scope;
    const leaves = [...new Set(products.flatMap(({ body }) => leavesIn(body)))];
    const ofRows = leaves.filter((l) => l.index.includes(this.#lane) && !l.index.includes(NOW));
    const ofTokens = leaves.filter((l) => l.index.includes(NOW) && !l.index.includes(this.#lane));
    const inRow = (r: number, inside: At): At => new Map([...inside, [this.#lane, row(r)]]);
    const matrices = Array.from({ length: this.#rows }, (_, r) => scope.fetched(ofRows, inRow(r, at)));
    const tokens = scope.ofTokens(ofTokens, NOW, at, { from, fours: this.#fours });
    const merged = scope.unrolled(this.#fours, (t) => {
      const now: At = new Map([...at, [NOW, { four: plus(from, t) }]]);
      const shared = tokens.of(t);
      return [
        ...shared.stmts,
        ...products.flatMap(({ statement, body }) =>
          (sums.get(statement) as readonly string[]).map((name, r): Stmt => {
            const held: Held = new Map([...shared.held, ...(matrices[r]?.held ?? [])]);
            const { op } = statement.reduction as Reduction;
            return {
              kind: "merge",
              place: element(name, t, true),
              op,
              value: asFour(scope.value(body, inRow(r, now), held)),
            };
          }),
        ),
      ];
    });
    return [...matrices.flatMap((m) => m.stmts), ...tokens.stmts, ...merged];
  }
}

/** Products over the same dimension share a loop, and its axis. */
function loopsOf(products: readonly Statement[]): Loop[] {
  const loops: Loop[] = [];
  for (const statement of products) {
    const { axis } = statement.reduction as NonNullable<Statement["reduction"]>;
    const known = loops.find((l) => l.axis.dim === axis.dim);
    if (known) known.products.push({ statement, body: renamed(statement.body, [axis], [known.axis]) });
    else loops.push({ axis, products: [{ statement, body: statement.body }] });
  }
  return loops;
}
