/**
 * How much of a state at the tile's start, and of what a token wrote, each state holds tokens later, where states go
 * over into one another: P' = Σ M[P, Q] ⊙ Q. What comes of one source, such as one state at the tile's start, is a
 * column of numbers that run along the tile together:
 *
 *     x_t[P] = Σ_Q M_t[P, Q] ⊙ x_{t−1}[Q]
 *
 * An entry of M is a product of factors along one axis of the state each. Along an axis where whatever comes to a
 * state has met the same factors, these are a product apart. What has met different ones is summed, which can be along
 * one axis at most: along two, each token in between adds a column times a row of its own.
 */
import type { RuleState } from "../derive/rule.ts";
import { simplify } from "../derive/simplify.ts";
import { add, call, factorsOf, mul, splitCoefficient } from "../math/algebra.ts";
import { type Axis, axesFor } from "../math/axis.ts";
import { constant, type Expr, isConstant, leaf, type Tensor } from "../math/expr.ts";
import type { Obstacle, Plane } from "./planes.ts";
import { isNow, type Member, type Running, runningTogether, TIME } from "./running.ts";
import type { Quantity } from "./tile-form.ts";

/** A product of quantities; each is along some of the state's axes, by position. */
export interface Weight {
  readonly parts: readonly { readonly quantity: Quantity; readonly along: readonly number[] }[];
  readonly constant: number;
}

/** What each state holds that something of the source comes to. */
export type Column = ReadonlyMap<RuleState, Weight>;

/** A number in front of what a token writes, by the state that it is written into. */
export type Factors = ReadonlyMap<RuleState, Expr>;

/** An entry of M, by the axis of its factors. */
type Entry = ReadonlyMap<Axis | undefined, Expr>;

/** States that have met the same factors along an axis: those that another such kind had met, and then `factor`. */
interface Kind {
  readonly states: readonly RuleState[];
  readonly factor: Expr;
  readonly after: number;
}

/** What runs along a tile from one source. */
interface Source {
  readonly letter: "b" | "c";
  readonly states: readonly RuleState[];
  readonly name: (of: RuleState) => string;
  readonly start: (of: RuleState) => number;
  /** The axes that its numbers have besides those of the states. */
  readonly axes: readonly Axis[];
  /** What a number becomes with a token, given what it is by M; `put` is what it is where it begins. */
  readonly step: (put: Expr, moved: Expr) => Expr;
  readonly put: (of: RuleState) => Expr;
}

const ONE = constant(1);
const ZERO = constant(0);

export class Coefficients {
  readonly quantities: Quantity[] = [];
  readonly #now: Tensor;
  readonly #states: readonly RuleState[];
  readonly #axes: readonly Axis[];
  readonly #entries = new Map<RuleState, Map<RuleState, Entry>>();
  readonly #products = new Map<string, ReadonlyMap<number, Running>>();
  readonly #written = new Map<string, Column>();

  /** Of states that go over into one another; `now` is which of the tile's tokens it is. */
  static of(planes: readonly Plane[], now: Tensor): Coefficients | Obstacle {
    const made = new Coefficients(planes, now);
    for (const { state, coefficients } of planes) {
      const row = new Map<RuleState, Entry>();
      for (const [from, part] of coefficients) {
        const entry = entryOf(part) ?? entryOf(simplify(part));
        if (!entry) return { kind: "obstacle", state, part, why: "mixed coefficient" };
        if (!isConstant(part, 0)) row.set(from, entry);
      }
      made.#entries.set(state, row);
    }
    return made;
  }

  private constructor(planes: readonly Plane[], now: Tensor) {
    this.#now = now;
    this.#states = planes.map((p) => p.state);
    this.#axes = axesFor((this.#states[0] as RuleState).shape);
  }

  /** b: what is left of a state at the tile's start, in each state. */
  start(from: RuleState): Column | Obstacle {
    return this.#column({
      letter: "b",
      states: [from],
      name: (s) => (this.#states.length === 1 ? `b.${s.name}` : `b.${s.name}.${from.name}`),
      start: (s) => (s === from ? 1 : 0),
      axes: [],
      step: (_, moved) => moved,
      put: () => ZERO,
    });
  }

  /** c: what is left of what each token wrote, with `factors` in front of it. */
  written(factors: Factors): Column | Obstacle {
    const [times, put] = withoutNumber(factors);
    const key = [...put].map(([s, f]) => `${s.name} ${f.serial}`).join();
    const suffix = this.#written.size === 0 ? "" : `.${this.#written.size + 1}`;
    const column =
      this.#written.get(key) ??
      this.#column({
        letter: "c",
        states: [...put.keys()],
        name: (s) => `c.${s.name}${suffix}`,
        start: () => 0,
        axes: [TIME],
        step: (first, moved) => call("where", isNow(this.#now), first, moved),
        put: (s) => put.get(s) ?? ZERO,
      });
    if (!(column instanceof Map)) return column;
    this.#written.set(key, column);
    return new Map([...column].map(([s, w]) => [s, { ...w, constant: times }]));
  }

  #column(source: Source): Column | Obstacle {
    const reached = this.#reached(source.states);
    const products: { axis: Axis; kinds: readonly Kind[]; of: ReadonlyMap<number, Running> }[] = [];
    const mixed = new Map<Axis, RuleState>();
    for (const axis of this.#axes) {
      const kinds = this.#kinds(axis, reached);
      if (isKinds(kinds)) products.push({ axis, kinds, of: this.#product(source, axis, kinds) });
      else mixed.set(axis, kinds);
    }
    const summed = [...mixed.keys()];
    if (summed.length > 1) return this.#blame([...mixed.values()]);
    const sums = this.#sums(source, reached, summed);
    const along = (axes: readonly Axis[]): number[] => axes.map((a) => this.#axes.indexOf(a));
    return new Map(
      reached.map((s) => {
        const all = [
          { quantity: sums.get(s), along: along(summed) },
          ...products.map(({ axis, kinds, of }) => ({
            quantity: of.get(kinds.findIndex((k) => k.states.includes(s))),
            along: along([axis]),
          })),
        ];
        const parts = all.flatMap(({ quantity, along }) => (quantity ? [{ quantity, along }] : []));
        return [s, { parts, constant: 1 }];
      }),
    );
  }

  #entry = (of: RuleState, from: RuleState): Entry | undefined => this.#entries.get(of)?.get(from);

  /** The states that something of others comes to, in any number of tokens. */
  #reached(sources: readonly RuleState[]): RuleState[] {
    const reached = new Set(sources);
    const isNext = (s: RuleState): boolean =>
      !reached.has(s) && [...reached].some((r) => this.#entry(s, r) !== undefined);
    for (let next = this.#states.filter(isNext); next.length > 0; next = this.#states.filter(isNext))
      for (const s of next) reached.add(s);
    return this.#states.filter((s) => reached.has(s));
  }

  /**
   * The states by what they have met along an axis, or one of them for which that is not always the same. All are of
   * one kind until what they meet, or the kinds that it comes from, tell them apart.
   */
  #kinds(axis: Axis, reached: readonly RuleState[]): readonly Kind[] | RuleState {
    let kinds: readonly Kind[] = [{ states: reached, factor: ONE, after: 0 }];
    for (;;) {
      const finer = new Map<string, Kind & { states: RuleState[] }>();
      const kindOf = (s: RuleState): number => kinds.findIndex((k) => k.states.includes(s));
      for (const s of reached) {
        const sources = reached.filter((r) => this.#entry(s, r));
        const met = sources.map((r) => ({ factor: this.#entry(s, r)?.get(axis) ?? ONE, after: kindOf(r) }));
        const { factor, after } = met[0] ?? { factor: ONE, after: kindOf(s) };
        if (met.some((m) => m.factor !== factor || m.after !== after)) return s;
        const key = `${factor.serial} ${after}`;
        const kind = finer.get(key) ?? { states: [], factor, after };
        kind.states.push(s);
        finer.set(key, kind);
      }
      if (finer.size === kinds.length) return [...finer.values()];
      kinds = [...finer.values()];
    }
  }

  /** What each kind of states has met along an axis, where that is not 1 for ever; the same for all such sources. */
  #product({ letter, axes, step }: Source, axis: Axis, kinds: readonly Kind[]): ReadonlyMap<number, Running> {
    const position = this.#axes.indexOf(axis);
    const key = [letter, position, ...kinds.map((k) => `${k.factor.serial} ${k.after}`)].join();
    const known = this.#products.get(key);
    if (known) return known;
    const members = new Map<number, Member>();
    for (const [i, { states, factor, after }] of kinds.entries()) {
      if (isConstant(factor, 1) && after === i) continue;
      const name = `${letter}.${states[0]?.name}.${["rows", "columns"][position]}`;
      members.set(i, { name, axes: [...axes, axis], start: 1 });
    }
    const made = runningTogether(members, (i, before) => {
      const { factor, after } = kinds[i] as Kind;
      return step(ONE, mul(factor, members.has(after) ? before(after) : ONE));
    });
    this.#products.set(key, made);
    this.quantities.push(...made.values());
    return made;
  }

  /** What comes to each state by factors without an axis and along the one that is summed, where that is not 1 for ever. */
  #sums(
    { name, start, axes, step, put }: Source,
    reached: readonly RuleState[],
    summed: readonly Axis[],
  ): ReadonlyMap<RuleState, Running> {
    const factor = (s: RuleState, from: RuleState): Expr => {
      const entry = this.#entry(s, from);
      return entry ? mul(...[undefined, ...summed].map((a) => entry.get(a) ?? ONE)) : ZERO;
    };
    const stays = (s: RuleState): boolean =>
      start(s) === 1 && reached.every((r) => isConstant(factor(s, r), r === s ? 1 : 0));
    const members = new Map<RuleState, Member>();
    for (const s of reached)
      if (!stays(s)) members.set(s, { name: name(s), axes: [...axes, ...summed], start: start(s) });
    const made = runningTogether(members, (s, before) =>
      step(put(s), add(...reached.map((r) => mul(factor(s, r), members.has(r) ? before(r) : ONE)))),
    );
    this.quantities.push(...made.values());
    return made;
  }

  /** What comes to the state where sums along both axes meet, given one where those along each of them begin. */
  #blame(mixed: readonly RuleState[]): Obstacle {
    const meets = (s: RuleState): boolean => mixed.every((m) => this.#reached([m]).includes(s));
    const state = this.#states.find(meets) ?? (mixed[0] as RuleState);
    const entries = [...(this.#entries.get(state) ?? [])];
    const terms = entries.map(([from, entry]) => mul(...entry.values(), leaf(from.previous, this.#axes)));
    return { kind: "obstacle", state, part: add(...terms), why: "mixed sum" };
  }
}

const isKinds = (x: readonly Kind[] | RuleState): x is readonly Kind[] => Array.isArray(x);

/** A product taken apart by the axes of its factors; undefined where one of them has two. */
function entryOf(e: Expr): Entry | undefined {
  const factors = factorsOf(e);
  if (factors.some((f) => f.axes.length > 1)) return undefined;
  const axes = new Set(factors.map((f) => f.axes[0]));
  return new Map([...axes].map((a) => [a, mul(...factors.filter((f) => f.axes[0] === a))]));
}

/** Factors without a number that all of them have but for their signs: what differs in nothing else runs as one. */
function withoutNumber(factors: Factors): [number: number, put: Factors] {
  const numbers = [...factors.values()].map((f) => splitCoefficient(f)[0]);
  const [times = 1] = numbers;
  if (times === 0 || numbers.some((n) => Math.abs(n) !== Math.abs(times))) return [1, factors];
  return [
    times,
    new Map(
      [...factors].map(([s, f]) => {
        const [number, rest] = splitCoefficient(f);
        return [s, mul(constant(number / times), rest)];
      }),
    ),
  ];
}
