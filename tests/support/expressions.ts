/**
 * Random well-shaped expressions. One is a program: a list of steps, each of which adds a value made of
 * earlier ones, so that parts are shared and a reduction can occur inside itself. Beside the expression
 * its value is computed here, on dense tables, without any use of the expression's own machinery.
 */
import fc from "fast-check";
import { apply, call, mul, reduce, renameAxes, solve } from "../../compiler/math/algebra.ts";
import { type Axis, axisOf, type Dim, dim, extentOf, type Sizes } from "../../compiler/math/axis.ts";
import { domainOf } from "../../compiler/math/domain.ts";
import type { Environment } from "../../compiler/math/evaluate.ts";
import { constant, delta, type Expr, extent, leaf, position, type Tensor } from "../../compiler/math/expr.ts";
import { type Interval, interval, POSITIVE, REAL } from "../../compiler/math/interval.ts";
import type { Elementwise } from "../../compiler/math/node.ts";
import { elementwise, reductions } from "../../compiler/math/ops/index.ts";

const M = dim(["m"]);
const N = dim(["n"]);
export const SIZES: Sizes = { m: 2, n: 3 };

const tensor = (name: string, shape: readonly Dim[], domain: Interval = REAL): Tensor => ({
  name,
  shape,
  domain,
});

export const TENSORS: readonly Tensor[] = [
  tensor("a", []),
  tensor("g", [], interval(0, 1, true, true)),
  tensor("p", [], POSITIVE),
  tensor("x", [M]),
  tensor("y", [N]),
  tensor("u", [M], POSITIVE),
  tensor("h", [N], interval(0, 1)),
  tensor("W", [N, M]),
  tensor("Q", [M, M]),
];

/** The axes that expressions are over: two for each dimension. */
export const AXES: readonly Axis[] = [axisOf(M, 0), axisOf(M, 1), axisOf(N, 0), axisOf(N, 1)];

const NUMBERS = [0, 1, -1, 2, 0.5, -2, 3, -0.3, 1e-6, 7];

/** A step in numbers alone; they are taken modulo what there is to choose from. */
type Step = readonly [kind: number, which: number, a: number, b: number, c: number];
export interface Program {
  readonly steps: readonly Step[];
  /** Data of each tensor of `TENSORS`. */
  readonly data: readonly (readonly number[])[];
}

const drawn = ({ low, high }: Interval): fc.Arbitrary<number> => {
  const from = Number.isFinite(low) ? low + 0.1 : -2;
  const to = Number.isFinite(high) ? high - 0.1 : 2;
  return fc.integer({ min: 0, max: 4000 }).map((i) => from + ((to - from) * i) / 4000);
};

const count = (shape: readonly Dim[]): number => shape.reduce((n, d) => n * extentOf(d, SIZES), 1);

const data = fc.tuple(
  ...TENSORS.map((t) => fc.array(drawn(t.domain), { minLength: count(t.shape), maxLength: count(t.shape) })),
);

const step: fc.Arbitrary<Step> = fc.tuple(fc.nat(99), fc.nat(99), fc.nat(99), fc.nat(99), fc.nat(99));

export const programs = (maxLength = 40): fc.Arbitrary<Program> =>
  fc.noBias(fc.record({ steps: fc.array(step, { minLength: 1, maxLength, size: "max" }), data }));

export const environment = (program: Program): Environment =>
  new Map(TENSORS.map((t, i) => [t, Float64Array.from(program.data[i] as readonly number[])]));

// ---------------------------------------------------------------- tables

/** A value over axes of `AXES`, row-major. */
export interface Table {
  readonly axes: readonly Axis[];
  readonly data: Float64Array;
}

type Index = ReadonlyMap<Axis, number>;

function tabulate(axes: readonly Axis[], value: (index: Index) => number): Table {
  const extents = axes.map((a) => extentOf(a.dim, SIZES));
  const total = extents.reduce((a, b) => a * b, 1);
  const data = Float64Array.from({ length: total }, (_, position) => {
    const index = new Map<Axis, number>();
    let rest = position;
    for (let d = axes.length - 1; d >= 0; d--) {
      index.set(axes[d] as Axis, rest % (extents[d] as number));
      rest = Math.floor(rest / (extents[d] as number));
    }
    return value(index);
  });
  return { axes, data };
}

function lookUp(t: Table, index: Index): number {
  let position = 0;
  for (const a of t.axes) position = position * extentOf(a.dim, SIZES) + (index.get(a) as number);
  return t.data[position] as number;
}

// ---------------------------------------------------------------- running a program

interface Made {
  readonly expr: Expr;
  readonly table: Table;
  readonly isCondition: boolean;
  readonly depth: number;
  /** How many operations it takes, written out. */
  readonly work: number;
}

const LARGEST = 1e3;
const MOST_AXES = 3;
const DEEPEST = 3;

const inOrder = (axes: Iterable<Axis>): Axis[] => {
  const set = new Set(axes);
  return AXES.filter((a) => set.has(a));
};

/** Whether the operation jumps near these arguments, so that rounding could decide its value. */
function jumps(op: Elementwise, args: readonly number[]): boolean {
  const value = (xs: readonly number[]): number => fold(op, xs);
  const here = value(args);
  return args.some((x, i) =>
    [-1e-7, 1e-7].some((by) => {
      const there = value(args.map((y, j) => (i === j ? y + by * Math.max(1, Math.abs(x)) : y)));
      return !(Math.abs(there - here) < 1e-3 * Math.max(1, Math.abs(here)));
    }),
  );
}

export const fold = (op: Elementwise, args: readonly number[]): number =>
  op.variadic ? args.reduce((a, b) => op.value(a, b, 0)) : op.value(args[0] ?? 0, args[1] ?? 0, args[2] ?? 0);

class Run {
  readonly pool: Made[] = [];
  readonly #program: Program;
  /** Another name for each axis, under which the expressions are built. */
  readonly #rename: (a: Axis) => Axis;

  constructor(program: Program, rename: (a: Axis) => Axis) {
    this.#program = program;
    this.#rename = rename;
    for (const s of program.steps) this.#step(s);
  }

  #add(made: Made | undefined): void {
    if (!made) return;
    const fits = made.table.axes.length <= MOST_AXES && made.depth <= DEEPEST;
    if (fits && made.table.data.every((v) => Math.abs(v) <= LARGEST)) this.pool.push(made);
  }

  #pick(n: number, isCondition: boolean): Made | undefined {
    const those = this.pool.filter((m) => m.isCondition === isCondition);
    // Mostly one of the latest, so that expressions grow.
    const reach = n < 70 ? Math.min(3, those.length) : those.length;
    return those[those.length - 1 - (n % Math.max(1, reach))];
  }

  #step([kind, which, a, b, c]: Step): void {
    if (kind < 18 || this.pool.length === 0) this.#add(this.#leaf(which, a, b));
    else if (kind < 23) this.#add(this.#number(which, a));
    else if (kind < 26) this.#add(this.#delta(which));
    else if (kind < 28) this.#add(this.#position(which));
    else if (kind < 46) this.#add(this.#reduce(which, a, b));
    else if (kind < 49) this.#add(this.#solve(which, a, b));
    else if (kind < 53) this.#add(this.#renamed(which, a, b));
    else if (kind < 60) this.#add(this.#apply(addOp, a, b, c));
    else if (kind < 72) this.#add(this.#apply(mulOp, a, b, c));
    else this.#add(this.#apply(elementwise[which % elementwise.length] as Elementwise, a, b, c));
  }

  #leaf(which: number, a: number, b: number): Made {
    const t = TENSORS[which % TENSORS.length] as Tensor;
    const index: Axis[] = [];
    for (const [i, d] of t.shape.entries()) {
      const free = AXES.filter((x) => x.dim === d && !index.includes(x));
      index.push(free[(i === 0 ? a : b) % free.length] as Axis);
    }
    const values = this.#program.data[TENSORS.indexOf(t)] as readonly number[];
    const source: Table = { axes: index, data: Float64Array.from(values) };
    const table = tabulate(inOrder(index), (at) => lookUp(source, at));
    return { expr: leaf(t, index.map(this.#rename)), table, isCondition: false, depth: 0, work: 0 };
  }

  #number(which: number, a: number): Made {
    const size = which % 4 === 0;
    const value = size ? extentOf(a % 2 ? M : N, SIZES) : (NUMBERS[a % NUMBERS.length] as number);
    const expr = size ? extent(a % 2 ? M : N) : constant(value);
    return { expr, table: tabulate([], () => value), isCondition: false, depth: 0, work: 0 };
  }

  #delta(which: number): Made {
    const [i, j] = (which % 2 ? AXES.slice(0, 2) : AXES.slice(2)) as [Axis, Axis];
    const table = tabulate([i, j], (at) => (at.get(i) === at.get(j) ? 1 : 0));
    return { expr: delta(this.#rename(i), this.#rename(j)), table, isCondition: false, depth: 0, work: 0 };
  }

  #position(which: number): Made {
    const axis = AXES[which % AXES.length] as Axis;
    const table = tabulate([axis], (at) => at.get(axis) as number);
    return { expr: position(this.#rename(axis)), table, isCondition: false, depth: 0, work: 0 };
  }

  /** A⁻¹ b for A = I + u uᵀ, whose inverse is I − u uᵀ / (1 + |u|²). */
  #solve(which: number, a: number, b: number): Made | undefined {
    const of = this.#pick(a, false);
    const right = this.#pick(b, false);
    const [i, j] = (which % 2 ? AXES.slice(0, 2) : AXES.slice(2)) as [Axis, Axis];
    if (!of?.table.axes.includes(i) || of.table.axes.includes(j) || !right) return undefined;
    if (of.table.data.some((v) => Math.abs(v) > 10)) return undefined;
    const result = which % 3 ? i : j;
    const own = (made: Made, bound: readonly Axis[]): Axis[] =>
      made.table.axes.filter((x) => !bound.includes(x));
    const axes = inOrder([...own(of, [i]), ...own(right, [j]), result]);
    const at = (made: Made, axis: Axis, index: Index, n: number): number =>
      lookUp(made.table, new Map(index).set(axis, n));
    const table = tabulate(axes, (index) => {
      const all = Array.from({ length: extentOf(i.dim, SIZES) }, (_, n) => n);
      const dot = all.reduce((s, n) => s + at(of, i, index, n) * at(right, j, index, n), 0);
      const norm = all.reduce((s, n) => s + at(of, i, index, n) ** 2, 1);
      const n = index.get(result) as number;
      return at(right, j, index, n) - (at(of, i, index, n) * dot) / norm;
    });
    const [ri, rj] = [this.#rename(i), this.#rename(j)];
    const u = mul(of.expr, renameAxes(of.expr, new Map([[ri, rj]])));
    const expr = solve(ri, rj, apply(addOp, [delta(ri, rj), u]), right.expr, this.#rename(result));
    const depth = Math.max(of.depth, right.depth) + 2;
    return { expr, table, isCondition: false, depth, work: of.work + right.work + 3 };
  }

  #reduce(which: number, a: number, b: number): Made | undefined {
    const of = this.#pick(a, false);
    if (!of) return undefined;
    const op = reductions[which % reductions.length] as (typeof reductions)[number];
    // Now and then over an axis that is not there.
    const choice = b % 5 === 0 ? AXES : of.table.axes;
    const axis = choice[b % Math.max(1, choice.length)];
    if (!axis) return undefined;
    const table = tabulate(
      of.table.axes.filter((x) => x !== axis),
      (at) => {
        let merged = op.initial;
        for (let i = 0; i < extentOf(axis.dim, SIZES); i++) {
          merged = op.merge(merged, lookUp(of.table, new Map(at).set(axis, i)));
        }
        return merged;
      },
    );
    const expr = reduce(op, this.#rename(axis), of.expr);
    return { expr, table, isCondition: false, depth: of.depth + 1, work: of.work + 1 };
  }

  /** Exchanges two axes of one dimension: always a renaming without collisions. */
  #renamed(which: number, a: number, b: number): Made | undefined {
    const of = this.#pick(a, b % 4 === 0);
    if (!of) return undefined;
    const [i, j] = (which % 2 ? AXES.slice(0, 2) : AXES.slice(2)) as [Axis, Axis];
    const other = (x: Axis): Axis => (x === i ? j : x === j ? i : x);
    const table = tabulate(inOrder(of.table.axes.map(other)), (at) =>
      lookUp(of.table, new Map([...at].map(([x, n]) => [other(x), n]))),
    );
    const [ri, rj] = [this.#rename(i), this.#rename(j)];
    const map = new Map([
      [ri, rj],
      [rj, ri],
    ]);
    return { ...of, expr: renameAxes(of.expr, map), table };
  }

  #apply(op: Elementwise, ...picks: readonly number[]): Made | undefined {
    const args: Made[] = [];
    for (const [i, type] of op.takes.entries()) {
      const [first, second] = picks as [number, number];
      const arg = this.#pick(picks[i] as number, type === "bool") ?? this.#apply(lessOp, first, second + 70);
      if (!arg) return undefined;
      args.push(arg);
    }
    const refused = op.refuses?.(...args.map((x) => domainOf(x.expr)));
    if (refused) {
      const [low, high] = op.samples[refused.arg] as readonly [number, number];
      args[refused.arg] = squashed(args[refused.arg] as Made, low, high);
    }
    const axes = inOrder(args.flatMap((x) => x.table.axes));
    if (axes.length > MOST_AXES) return undefined;
    let unsure = false;
    const table = tabulate(axes, (at) => {
      const xs = args.map((x) => lookUp(x.table, at));
      if (op.gives === "bool" || op.kink) unsure ||= jumps(op, xs);
      return fold(op, xs);
    });
    if (unsure) return undefined;
    const expr = apply(
      op,
      args.map((x) => x.expr),
    );
    const depth = Math.max(...args.map((x) => x.depth));
    const work = args.reduce((n, x) => n + x.work, 1);
    return { expr, table, isCondition: op.gives === "bool", depth, work };
  }
}

/** A value brought into a range: low + (high − low) · sigmoid. */
function squashed(x: Made, low: number, high: number): Made {
  const expr = apply(addOp, [constant(low), apply(mulOp, [constant(high - low), call("sigmoid", x.expr)])]);
  const value = (v: number): number => low + (high - low) / (1 + Math.exp(-v));
  return { ...x, expr, table: { axes: x.table.axes, data: x.table.data.map(value) } };
}

const named = (name: string): Elementwise => elementwise.find((op) => op.name === name) as Elementwise;
const addOp = named("add");
const lessOp = named("less");
const mulOp = named("mul");

const SAME = (a: Axis): Axis => a;

/** The number that takes the program most work. `rename` gives the names that its axes are built under. */
export function build(
  program: Program,
  rename: (a: Axis) => Axis = SAME,
): { expr: Expr; table: Table } | undefined {
  const numbers = new Run(program, rename).pool.filter((m) => !m.isCondition);
  return numbers.reduce<Made | undefined>((a, b) => (a && a.work > b.work ? a : b), undefined);
}

/** The largest difference between two arrays, relative to the larger of 1 and their largest element. */
export function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  let scale = 1;
  for (let i = 0; i < a.length; i++) {
    const gap = Math.abs((a[i] as number) - (b[i] as number));
    if (Number.isNaN(gap)) return Number.POSITIVE_INFINITY;
    largest = Math.max(largest, gap);
    scale = Math.max(scale, Math.abs(b[i] as number));
  }
  return largest / scale;
}
