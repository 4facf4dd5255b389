/** Inside one kernel of a tile: what it reads, computes and writes, where its loops stand. */
import { TILE } from "../../form/tile-form.ts";
import { at as renamed } from "../../math/algebra.ts";
import type { Axis } from "../../math/axis.ts";
import { type Apply, type Expr, type Leaf, postorder, type Tensor } from "../../math/expr.ts";
import type { Reduction } from "../../math/node.ts";
import { InternalError } from "../../source/diagnostic.ts";
import {
  asFour,
  type Below,
  element,
  type Index,
  isWide,
  masked,
  named,
  type Place,
  plus,
  quotient,
  remainder,
  type Stmt,
  times,
  type Value,
  when,
} from "../block.ts";
import { folded } from "../fold.ts";
import type { Target } from "../target.ts";
import { baseOf, FOUR, type Home, type InBuffer, type TileSizes } from "./layout.ts";
import { type At, type Four, Loops } from "./loops.ts";
import { isOfTokens, LAST, NOW, type Statement } from "./statements.ts";

/** What a lane has in registers, where the loops around stand. */
export type Held = ReadonlyMap<Expr, Value>;

/** Leaves in registers, and how they come there. */
export interface Fetched {
  readonly stmts: Stmt[];
  readonly held: Held;
}
const NOTHING: Held = new Map();

type Reduced = NonNullable<Statement["reduction"]>;
type Local = Place & { readonly kind: "local" };

const isFour = (x: Index | Four): x is Four => typeof x === "object" && "four" in x;
const firstOf = (x: Index | Four): Index => (isFour(x) ? times(x.four, FOUR) : x);

/** A value of each of four tokens, where a loop around goes by fours. */
const ofFours = (at: At, v: Value): Value => ([...at.values()].some(isFour) ? asFour(v) : v);

/** How often the text of an operation has its argument `i`: that of x² has x twice. */
function timesWritten({ op, args }: Apply, i: number): number {
  const written = args.map((a, n) => (n === i ? "@" : a.kind === "constant" ? `${a.value}` : "_"));
  return op.wgsl(written, "f32").split("@").length - 1;
}

export class Scope extends Loops {
  readonly #homes: ReadonlyMap<Tensor, Home>;
  #takes = false;

  constructor(
    sizes: TileSizes,
    target: Target,
    name: (hint: string, suffix: string) => string,
    homes: ReadonlyMap<Tensor, Home>,
  ) {
    super(sizes, target, name);
    this.#homes = homes;
  }

  /** Whether it lies by fours along its last axis. */
  isInFours(t: Tensor): boolean {
    const home = this.#homeOf(t);
    return "fours" in home && home.fours === true;
  }

  // -------------------------------------------------------------- values

  value(e: Expr, at: At, held: Held = NOTHING): Value {
    const known = held.get(e);
    if (known) return known;
    switch (e.kind) {
      case "constant":
        return { kind: "constant", value: e.value };
      case "extent":
        return { kind: "constant", value: this.sizes.extent(e.dim) };
      case "delta":
        return this.#same(this.#place(at, e.left), this.#place(at, e.right));
      case "index": {
        const x = this.#place(at, e.axis);
        return isFour(x) ? { kind: "float", index: firstOf(x), wide: true } : { kind: "float", index: x };
      }
      case "leaf":
        return this.#read(e, at);
      case "apply":
        return folded(
          e.op,
          e.args.map((a) => this.value(a, at, held)),
        );
      default:
        throw new InternalError(`a ${e.kind} was left inside a statement of a tile`);
    }
  }

  /** The values of statements at one place; those that are sums all go over the same dimension, in one loop. */
  computed(
    statements: readonly Statement[],
    at: At,
    held: Held = NOTHING,
    until?: Index,
  ): { readonly stmts: Stmt[]; readonly values: Value[] } {
    const [{ reduction }] = statements as readonly [Statement];
    if (reduction) return this.#reduced(statements, reduction.axis, at, held, until);
    const bodies = statements.map((s) => s.body);
    const shared = this.#shared(bodies, at, held);
    return { stmts: shared.stmts, values: bodies.map((e) => ofFours(at, this.value(e, at, shared.held))) };
  }

  #reduced(
    statements: readonly Statement[],
    axis: Axis,
    at: At,
    held: Held,
    until: Index | undefined,
  ): { readonly stmts: Stmt[]; readonly values: Value[] } {
    const wide = [...at.values()].some(isFour) ? { wide: true as const } : {};
    const ops = statements.map((s) => (s.reduction as Reduced).op);
    const bodies = statements.map((s) => renamed(s.body, [(s.reduction as Reduced).axis], [axis]));
    const named = (hint: string): Local[] =>
      statements.map(() => ({ kind: "local", name: this.name(hint, ""), ...wide }));
    const declared = (places: readonly Local[]): Stmt[] =>
      places.map(({ name }, n): Stmt => {
        const initial = (ops[n] as Reduction).wgslInitial;
        return { kind: "variable", name, extents: [], initial, ...wide };
      });
    const merged = (places: readonly Local[], values: readonly Value[]): Stmt[] =>
      places.map((place, n) => ({
        kind: "merge",
        place,
        op: ops[n] as Reduction,
        value: values[n] as Value,
      }));
    const turn = (places: readonly Local[], j: Index): Stmt[] => {
      const here: At = new Map([...at, [axis, j]]);
      const shared = this.#shared(bodies, here, held);
      const values = bodies.map((e) => ofFours(here, this.value(e, here, shared.held)));
      return [...shared.stmts, ...merged(places, values)];
    };
    const sums = named("sum");
    const hint = axis.dim === TILE ? "s" : "j";
    if (until !== undefined || !this.isLong(axis)) {
      const turns = this.rolled(until ?? this.extent(axis), (j) => turn(sums, j), hint);
      return { stmts: [...declared(sums), ...turns], values: sums };
    }
    const parts = named("part");
    const turns = this.inParts(
      axis,
      (j) => turn(parts, j),
      (some) => [...declared(parts), ...some, ...merged(sums, parts)],
    );
    return { stmts: [...declared(sums), ...turns], values: sums };
  }

  /** What stands in the expressions more than once, each into a register of its own. */
  #shared(expressions: readonly Expr[], at: At, held: Held): { readonly stmts: Stmt[]; readonly held: Held } {
    const uses = new Map<Expr, number>();
    for (const e of expressions) uses.set(e, (uses.get(e) ?? 0) + 1);
    const all = postorder(expressions);
    for (const x of all) {
      if (x.kind !== "apply" || held.has(x)) continue;
      for (const [i, a] of x.args.entries()) uses.set(a, (uses.get(a) ?? 0) + timesWritten(x, i));
    }
    const known = new Map(held);
    const stmts: Stmt[] = [];
    for (const x of all) {
      if ((uses.get(x) ?? 0) < 2 || known.has(x) || !this.#isWork(x)) continue;
      const value = this.value(x, at, known);
      if (value.kind === "constant") continue;
      const name = this.name(x.kind === "leaf" ? `${x.tensor.name}_at` : "part", "");
      stmts.push({ kind: "let", name, value });
      known.set(x, { kind: "local", name, ...(isWide(value) ? { wide: true } : {}) });
    }
    return { stmts, held: known };
  }

  /** Whether it takes an access to memory or an operation on numbers. */
  #isWork(e: Expr): boolean {
    if (e.kind === "leaf") return !("value" in this.#homeOf(e.tensor));
    return e.kind === "apply" && e.op.gives === "real";
  }

  /** Leaves read once, each into a register of its own. */
  fetched(leaves: readonly Leaf[], at: At): Fetched {
    const held = new Map<Expr, Value>();
    const stmts = leaves.map((l): Stmt => {
      const value = this.value(l, at);
      const name = this.name(`${l.tensor.name}_at`, "");
      held.set(l, { kind: "local", name, ...(isWide(value) ? { wide: true } : {}) });
      return { kind: "let", name, value };
    });
    return { stmts, held };
  }

  /** Whether lanes take of one another what they have read. */
  get takes(): boolean {
    return this.#takes;
  }

  /**
   * Leaves that are the same for all lanes, over `fours` of tokens from the four `from` on, and those of one four of them.
   * Where an access takes its time whether lanes read the same or not, each reads other tokens, and takes the rest from the
   * others.
   */
  ofTokens(
    leaves: readonly Leaf[],
    tokens: Axis,
    at: At,
    { from, fours }: { readonly from: Index; readonly fours: number },
  ): { readonly stmts: Stmt[]; readonly of: (four: Index) => Fetched } {
    const registers = (fours * FOUR) / this.lanes;
    const isDealt = ({ tensor, index }: Leaf): boolean =>
      this.narrow &&
      Number.isInteger(registers) &&
      index[0] === tokens &&
      isOfTokens(tensor) &&
      "buffer" in this.#homeOf(tensor);
    const dealt = leaves.filter(isDealt);
    if (dealt.length > 0) this.#takes = true;
    const others = leaves.filter((l) => !dealt.includes(l));
    const arrays = new Map(dealt.map((l) => [l, this.name(`${l.tensor.name}_lane`, "")]));
    const stmts = [...arrays].flatMap(([l, name]): Stmt[] => [
      { kind: "variable", name, extents: [registers] },
      ...Array.from({ length: registers }, (_, r): Stmt => {
        const token = plus(times(from, FOUR), r * this.lanes, named("lane"));
        const value = this.value(l, new Map([...at, [tokens, token]]));
        return { kind: "assign", place: element(name, r), value };
      }),
    ]);
    return {
      stmts,
      of: (four) => {
        const read = this.fetched(others, new Map([...at, [tokens, { four: plus(from, four) }]]));
        const taken = [...arrays].map(([l, array]) => ({
          leaf: l,
          name: this.name(`${l.tensor.name}_at`, ""),
          value: this.#taken(array, four),
        }));
        return {
          stmts: [...read.stmts, ...taken.map(({ name, value }): Stmt => ({ kind: "let", name, value }))],
          held: new Map<Expr, Value>([
            ...read.held,
            ...taken.map(({ leaf, name }): [Expr, Value] => [leaf, { kind: "local", name, wide: true }]),
          ]),
        };
      },
    };
  }

  /** Four tokens in a row of what the lanes have of them in turn. */
  #taken(array: string, four: Index): Value {
    const each = this.lanes / FOUR;
    const register = quotient(four, each);
    const first = times(remainder(four, each), FOUR);
    const of = [0, 1, 2, 3].map(
      (n): Value => ({
        kind: "shuffle",
        value: element(array, register),
        lane: plus(first, n),
      }),
    );
    return { kind: "four", of };
  }

  #place(at: At, a: Axis): Index | Four {
    const found = a === LAST ? named("last") : at.get(a);
    if (found === undefined) throw new InternalError(`axis ${a.id} has no loop in a tile`);
    return found;
  }

  #same(left: Index | Four, right: Index | Four): Value {
    if (isFour(left) && isFour(right)) throw new InternalError("one axis of a tile is taken by fours");
    if (isFour(right)) return this.#same(right, left);
    return isFour(left)
      ? { kind: "same", left: firstOf(left), right: right as Index, wide: true }
      : { kind: "same", left, right: right as Index };
  }

  #read(l: Leaf, at: At): Value {
    const { tensor, index } = l;
    const home = this.#homeOf(tensor);
    if ("value" in home) return home.value;
    const { buffer } = home;
    const places = index.map((a) => this.#place(at, a));
    const wide = places.findIndex(isFour);
    if (wide < 0) return { kind: "load", buffer, ...this.#at(tensor, places as Index[], home) };
    if (wide === 0 && isOfTokens(tensor)) {
      const { four } = places[0] as Four;
      const whole = this.#offset(tensor, places.slice(1) as Index[], 1);
      const own = plus(baseOf(home), times(whole, this.sizes.fours), four);
      return { kind: "load", buffer, index: own, wide: true };
    }
    if (wide === places.length - 1 && home.fours)
      return { kind: "load", buffer, index: this.#fourAt(tensor, places, home), wide: true };
    const first = firstOf(places[wide] as Four);
    return {
      kind: "four",
      of: [0, 1, 2, 3].map((n) => this.#read(l, new Map([...at, [index[wide] as Axis, plus(first, n)]]))),
    };
  }

  #homeOf(t: Tensor): Home {
    const home = this.#homes.get(t);
    if (!home) throw new InternalError(`${t.name} lies nowhere in a tile`);
    return home;
  }

  /** Where four elements in a row lie. */
  #fourAt(t: Tensor, places: readonly (Index | Four)[], home: InBuffer): Index {
    const rows = this.#offset({ ...t, shape: t.shape.slice(0, -1) }, places.slice(0, -1) as Index[], 0);
    const width = this.sizes.extent(t.shape.at(-1) as Tensor["shape"][number]) / FOUR;
    return plus(baseOf(home), times(rows, width), (places.at(-1) as Four).four);
  }

  /** Where an element lies: what tokens have by fours of them. */
  #at(t: Tensor, places: readonly Index[], home: InBuffer): { index: Index; component?: Index } {
    const base = baseOf(home);
    if (!isOfTokens(t)) {
      const offset = this.#offset(t, places, 0);
      if (!home.fours) return { index: plus(base, offset) };
      return { index: plus(base, quotient(offset, FOUR)), component: remainder(offset, FOUR) };
    }
    const [token, ...others] = places as [Index, ...Index[]];
    const whole = times(this.#offset(t, others, 1), this.sizes.fours);
    return { index: plus(base, whole, quotient(token, FOUR)), component: remainder(token, FOUR) };
  }

  /** Where an element is among all of them; the axes before `from` do not count. */
  #offset(t: Tensor, places: readonly Index[], from: number): Index {
    const shape = t.shape.slice(from);
    return places.reduce<Index>(
      (offset, p, i) => plus(times(offset, this.sizes.extent(shape[i] as Tensor["shape"][number])), p),
      0,
    );
  }

  // -------------------------------------------------------------- results

  /** Stores what a statement has computed, if another place reads it. */
  write(s: Statement, at: At, within: readonly Below[], value: Value): Stmt[] {
    if (s.kind === "output") return this.#output(s, at, within, value);
    const home = this.#homes.get(s.target);
    if (!home || "value" in home) return [];
    const { buffer } = home;
    const places = s.result.map((a) => this.#place(at, a));
    const last = places.at(-1);
    if (last !== undefined && isFour(last)) {
      const index = this.#fourAt(s.target, places, home);
      return when(within, [{ kind: "store", buffer, index, value: asFour(value) }]);
    }
    const own = places as Index[];
    if (!isOfTokens(s.target))
      return when(within, [{ kind: "store", buffer, ...this.#at(s.target, own, home), value }]);
    const now = this.#place(at, NOW);
    // Nothing stands where there is no token: others of the tile read it.
    const isThere = [{ index: firstOf(now), bound: named("count") }];
    if (isFour(now)) {
      const index = plus(baseOf(home), times(this.#offset(s.target, own, 1), this.sizes.fours), now.four);
      const four: Value = { kind: "masked", value, where: isThere, otherwise: "0.0", wide: true };
      return when(within, [{ kind: "store", buffer, index, value: four }]);
    }
    const place = this.#at(s.target, [now, ...own], home);
    const there = s.kind === "running" ? value : masked(value, isThere, "0.0");
    return when(within, [{ kind: "store", buffer, ...place, value: there }]);
  }

  /** Of four tokens one after the other: they lie apart. */
  #output(s: Statement, at: At, within: readonly Below[], value: Value): Stmt[] {
    const now = this.#place(at, NOW);
    if (!isFour(now)) return this.#outputOf(s, now, at, within, value);
    const name = this.name("y", "");
    return [
      { kind: "let", name, value },
      ...([0, 1, 2, 3] as const).flatMap((n) =>
        this.#outputOf(s, plus(firstOf(now), n), at, within, {
          kind: "component",
          of: { kind: "local", name, wide: true },
          at: n,
        }),
      ),
    ];
  }

  #outputOf(s: Statement, t: Index, at: At, within: readonly Below[], value: Value): Stmt[] {
    const { steps } = this.sizes;
    const turn = plus(named("m"), t);
    const token: Index = steps === 1 ? turn : { kind: "quotient", of: turn, by: steps };
    const record = plus(
      times(plus(times(named("b"), named("run.tokens")), token), named("heads")),
      named("h"),
    );
    const own = s.result.map((a) => this.#place(at, a) as Index);
    const index = plus(
      times(record, this.sizes.count(s.target.shape.slice(1))),
      this.#offset(s.target, own, 1),
    );
    const store = when(
      [...within, { index: t, bound: named("count") }],
      [{ kind: "store", buffer: "y_out", index, value }],
    );
    if (steps === 1) return store;
    return [{ kind: "every", index: turn, period: steps, phase: steps - 1, body: store }];
  }
}

export const leavesIn = (e: Expr): Leaf[] => postorder([e]).filter((x): x is Leaf => x.kind === "leaf");
