/**
 * Where every tensor of a kernel lies: which storage buffer, which array in registers or workgroup memory,
 * and at which element. The loops of `loops.ts` say where in a tensor the code is.
 */
import type { RecurrentForm } from "../form/recurrent.ts";
import { type Dim, extentOf, type Sizes } from "../math/axis.ts";
import type { Tensor } from "../math/expr.ts";
import { InternalError } from "../source/diagnostic.ts";
import { inside, type Region, type Spot } from "./access.ts";
import { bindInputs } from "./bindings.ts";
import {
  type Binding,
  type Index,
  named,
  PLANES,
  type Place,
  type Planar,
  plus,
  quotient,
  READ,
  remainder,
  SET,
  type Slot,
  type Stmt,
  times,
  type Value,
} from "./block.ts";
import { identifiers } from "./identifiers.ts";
import { leavesOf, type Schedule, schedule } from "./schedule.ts";
import { FOUR, Spread } from "./spread.ts";
import { flattened, type Statement, statements } from "./statements.ts";
import type { Target } from "./target.ts";

/**
 * How an axis runs in the loops around: over lanes, block by block, where a lane has an element of each, or four in a row
 * if it is `wide`; or one element after the other. Of four blocks that a lane takes at once, its elements are the four.
 */
export type Run =
  | { readonly over: "lanes"; readonly block: Index; readonly element: Index; readonly wide?: true }
  | { readonly over: "turns"; readonly block: Index; readonly lane: Index; readonly element: Index };

/** Positions that have names. */
export type Positions = ReadonlyMap<string, Index>;

/** Bytes of workgroup memory for what sums and loops keep there. */
const RESERVED = 2048;

export class Layout {
  readonly form: RecurrentForm;
  readonly statements: readonly Statement[];
  readonly output: Tensor;
  readonly sizes: Sizes;
  readonly target: Target;
  /** Whether the sequences lie one after the other, each as long as it is, and not side by side in a batch. */
  readonly isPacked: boolean;
  readonly schedule: Schedule;
  readonly spread: Spread;
  readonly bindings: readonly Binding[];
  /** A new name for a tensor's thing. */
  readonly name: (t: Tensor, suffix: string) => string;
  /** A new name for anything else. */
  readonly local: (hint: string) => string;
  /** Tensors that lie in a buffer: which, and where a token's or a head's part begins. */
  readonly buffers = new Map<Tensor, Region>();
  /** Vectors and resident matrices that lie in registers or workgroup memory. */
  readonly arrays = new Map<Tensor, string>();
  /** How many fours a lane has in those arrays whose elements are fours. */
  readonly #fours = new Map<string, number>();
  /** Scalars. */
  readonly scalars = new Map<Tensor, Value>();
  readonly workgroup: { name: string; length: number }[] = [];
  readonly planar: Planar[] = [];
  readonly slots: Slot[] = [];
  readonly bases: string[] = [];
  readonly #names = identifiers();
  stateStride = 0;
  scratchStride = 0;

  constructor(form: RecurrentForm, sizes: Sizes, target: Target, isPacked: boolean) {
    const { list, output } = statements(form);
    this.form = form;
    this.statements = flattened(list);
    this.output = output;
    this.sizes = sizes;
    this.target = target;
    this.isPacked = isPacked;
    this.schedule = schedule(form, list, sizes, target);
    this.spread = new Spread(this.schedule, sizes, target);
    this.name = (t, suffix) => this.#names(t.name, suffix);
    this.local = (hint) => this.#names(hint, "");
    this.bindings = this.#bind();
  }

  // -------------------------------------------------------------- buffers

  /** Decides which buffer every tensor lies in; packs the smallest inputs together if there are too many. */
  #bind(): readonly Binding[] {
    const used = new Set(this.statements.flatMap((s) => leavesOf(s.body).map((l) => l.tensor)));
    const tokens = this.form.tokens.filter((t) => used.has(t));
    const stepwise = this.form.stepwise.filter((t) => used.has(t));
    const parameters = this.form.parameters.filter((t) => used.has(t));
    const records: Binding[] = this.isPacked
      ? [{ name: "cu_seqlens", access: "read", element: "u32", holds: [] }]
      : [];
    this.#layOutStates();
    if (this.form.carry.length > 0) records.push({ name: "state", access: "read_write", holds: [] });
    if (this.scratchStride > 0) records.push({ name: "scratch", access: "read_write", holds: [] });
    const one = (t: Tensor): string => (tokens.includes(t) ? "token" : stepwise.includes(t) ? "turn" : "h");
    const { bindings, bases, places } = bindInputs(
      [...tokens, ...stepwise, ...parameters],
      records,
      this.output,
      this.target.storageBuffers,
      (hint, suffix) => this.#names(hint, suffix),
    );
    this.bases.push(...bases);
    const fours = bindings.filter(
      ({ holds: [t, ...more] }) => t && more.length === 0 && this.#isReadByFours(t),
    );
    const inFours = new Set(fours.map((b) => b.name));
    const region = (t: Tensor, buffer: string, base: Index): void => {
      this.buffers.set(t, { buffer, base, ...(inFours.has(buffer) ? { fours: true } : {}) });
    };
    for (const [t, { buffer, start }] of places)
      region(t, buffer, plus(start, times(named(one(t)), this.count(t.shape))));
    region(this.output, "y_out", times(named("token"), this.count(this.output.shape)));
    return bindings.map((b) => (inFours.has(b.name) ? { ...b, element: "vec4f" } : b));
  }

  /** Whether lanes bring all of a vector onto the chip, or leave it, by fours that lie where a buffer's fours do. */
  #isReadByFours(t: Tensor): boolean {
    const [d, ...others] = t.shape;
    if (!d || others.length > 0 || !this.spread.isByFours(d, this.isTiled(t))) return false;
    return extentOf(d, this.sizes) % FOUR === 0 && (t !== this.output || this.#isOutputOverLanes());
  }

  #isOutputOverLanes(): boolean {
    const scheduled = this.schedule.steps.flatMap((step) => (step.kind === "nest" ? step.statements : []));
    return scheduled.some((s) => s.statement.kind === "output" && s.lane === s.statement.result[0]);
  }

  #layOutStates(): void {
    for (const s of this.form.carry) {
      const length = this.count(s.shape);
      this.slots.push({ tensor: s.previous, name: s.name, offset: this.stateStride, length });
      this.stateStride += length;
    }
    for (const [i, s] of this.form.carry.entries()) {
      const base = plus(named("state_base"), (this.slots[i] as Slot).offset);
      this.buffers.set(s.previous, { buffer: "state", base });
      this.buffers.set(s.next, { buffer: "state", base });
    }
    // Copies at the chunk's start, and matrices that are made on the way, where they are not in registers.
    const extra: Tensor[] = this.#tooMuch();
    for (const s of this.form.carry)
      if (s.start && (this.form.resumes || (s.shape.length >= 2 && !this.schedule.resident)))
        extra.push(s.start);
    for (const s of this.statements)
      if ((s.kind === "value" || s.kind === "start") && s.result.length >= 2) extra.push(s.target);
    const offsets = extra.map((t) => {
      const offset = this.scratchStride;
      this.scratchStride += this.count(t.shape);
      return offset;
    });
    for (const [i, t] of extra.entries()) {
      const base = plus(named("scratch_base"), offsets[i] as number);
      this.buffers.set(t, { buffer: "scratch", base });
    }
  }

  /** Vectors that workgroup memory has no room for: the longest ones. */
  #tooMuch(): Tensor[] {
    if (this.target.subgroups) return [];
    const bytes = (t: Tensor): number =>
      4 * this.target.lanes * this.spread.blocks(t.shape[0] as Dim, this.isTiled(t));
    const made = this.statements
      .filter((s) => s.kind === "value" && s.result.length === 1)
      .map((s) => s.target);
    const others = [...this.form.tokens, ...this.form.stepwise, ...this.form.parameters].concat(
      this.form.carry.flatMap((s) => (s.start ? [s.previous, s.start] : [s.previous])),
    );
    const vectors = new Set([...made, ...others.filter((t) => t.shape.length === 1)]);
    let total = [...vectors].reduce((n, t) => n + bytes(t), RESERVED);
    const spilled: Tensor[] = [];
    for (const t of made.sort((a, b) => bytes(b) - bytes(a))) {
      if (total <= this.target.workgroupBytes) break;
      total -= bytes(t);
      spilled.push(t);
    }
    return spilled;
  }

  count(shape: readonly Dim[]): number {
    return shape.reduce((n, d) => n * extentOf(d, this.sizes), 1);
  }

  /** A place for a vector that outlives its nest: registers, or workgroup memory without subgroups. */
  declareVector(t: Tensor, initial?: string): Stmt[] {
    const name = this.name(t, "v");
    this.arrays.set(t, name);
    const d = t.shape[0] as Dim;
    if (this.target.subgroups) return [this.variable(name, d, this.isTiled(t), initial)];
    this.workgroup.push({ name, length: this.spread.blocks(d, this.isTiled(t)) * this.target.lanes });
    return [];
  }

  /** Registers for a matrix: what a lane has `across`, for all that is `along`; `text` says where it lies. */
  declareMatrix(t: Tensor, across: Dim, along: Dim, text: string): Stmt[] {
    const tiled = this.schedule.tile?.dim === across;
    const own = this.spread.own(across, tiled);
    const turns = [this.spread.blocks(along, false), this.target.lanes];
    const isPlanar = this.spread.isByFours(across, tiled);
    const name = this.#names(t.name, "w", isPlanar ? [...PLANES, READ, SET] : []);
    this.arrays.set(t, name);
    if (!isPlanar)
      return [{ kind: "comment", text: name + text }, variable(name, [...turns, own], undefined)];
    this.#fours.set(name, own);
    this.planar.push({ name, extents: own === 1 ? turns : [...turns, own], text: name + text });
    return [];
  }

  /** Registers for what a lane has of a dimension. */
  variable(name: string, d: Dim, tiled: boolean, initial?: string): Stmt {
    const own = this.spread.own(d, tiled);
    if (!this.spread.isByFours(d, tiled)) return variable(name, [own], initial);
    this.#fours.set(name, own);
    return { ...variable(name, own === 1 ? [] : [own], initial), wide: true };
  }

  isTiled(t: Tensor): boolean {
    const { tile } = this.schedule;
    if (!tile) return false;
    // A vector is cut where some statement meets it along the tiled dimension.
    return this.statements.some(
      (s) =>
        (s.target === t && s.result.some((a) => a.dim === tile.dim)) ||
        leavesOf(s.body).some((l) => l.tensor === t && l.index.some((a) => a.dim === tile.dim)),
    );
  }

  vectorPlace(t: Tensor, run: Run): Place {
    const array = this.arrays.get(t);
    if (!array) throw new InternalError(`${t.name} has no place on the chip`);
    const { lanes, subgroups } = this.target;
    if (subgroups) return this.register(array, run);
    const lane = run.over === "lanes" ? named("lane") : run.lane;
    return { kind: "element", array, index: [plus(times(run.block, lanes), lane)] };
  }

  /** What a lane has in `array` of the element, or of the four, that it is at; of a matrix, in the line that `outer` says. */
  register(array: string, run: Run, outer: readonly Index[] = []): Place {
    const fours = this.#fours.get(array);
    const { block } = run;
    if (run.over === "lanes" && run.wide) {
      const planar = this.planar.some((p) => p.name === array) ? { planar: true as const } : {};
      const index = fours === 1 ? outer : [...outer, block];
      return { kind: "element", array, index, wide: true, ...planar };
    }
    const own = fours !== undefined && fours > 1 ? [quotient(block, FOUR), remainder(block, FOUR)] : [block];
    return { kind: "element", array, index: [...outer, ...own] };
  }

  share(from: Tensor, to: Tensor): void {
    const buffer = this.buffers.get(from);
    if (buffer) this.buffers.set(to, buffer);
    const array = this.arrays.get(from);
    const scalar = this.scalars.get(from);
    if (array !== undefined) this.arrays.set(to, array);
    if (scalar) this.scalars.set(to, scalar);
  }

  /** The same element of another tensor that lies alike. */
  placeLike(place: Place, of: Tensor, other: Tensor): Place {
    if (place.kind === "local") return this.scalars.get(other) as Place;
    if (place.array !== this.arrays.get(of)) throw new InternalError("a copy lies elsewhere");
    return { ...place, array: this.arrays.get(other) as string };
  }

  /** The dimension of a matrix that is spread over the lanes, and the one that each lane holds whole. */
  split(t: Tensor, shape: readonly Dim[]): { across: Dim; along: Dim; acrossFirst: boolean } {
    const acrossFirst = this.schedule.laneAxis.get(t) === 0;
    const [a, b] = shape.map(this.form.canonical) as [Dim, Dim];
    return acrossFirst ? { across: a, along: b, acrossFirst } : { across: b, along: a, acrossFirst };
  }

  place(t: Tensor, shape: readonly Dim[], runs: readonly Run[]): Place {
    if (shape.length === 1) return this.vectorPlace(t, runs[0] as Run);
    const array = this.arrays.get(t) as string;
    const lanes = runs.find((r) => r.over === "lanes");
    const turn = runs.find((r) => r.over === "turns");
    if (!lanes || turn?.over !== "turns")
      throw new InternalError(`${t.name} is not spread over the lanes here`);
    return this.register(array, lanes, [turn.block, turn.lane]);
  }

  /** Where the element at `runs` lies in a tensor. */
  within(shape: readonly Dim[], runs: readonly Run[]): Spot {
    return runs.reduce<Spot>(
      ({ index, apart }, run, i) => {
        const extent = extentOf(shape[i] as Dim, this.sizes);
        const own = run.over === "lanes" && run.wide ? 1 : undefined;
        const all = own ?? (apart === undefined ? undefined : apart * extent);
        return {
          index: plus(times(index, extent), run.element),
          ...(all === undefined ? {} : { apart: all }),
        };
      },
      { index: 0 },
    );
  }

  /** Where that is in its buffer. */
  spot(t: Tensor, runs: readonly Run[], known: Positions = new Map()): { buffer: string; spot: Spot } {
    const at = this.buffers.get(t);
    if (!at) throw new InternalError(`${t.name} lies nowhere`);
    const own = this.within(t.shape, runs);
    const index = known.get(keyOf(own));
    return { buffer: at.buffer, spot: inside(at, index ? { index } : own) };
  }

  /** Names for the positions that several of these come to: matrices in storage, of one shape. */
  positions(places: readonly { readonly tensor: Tensor; readonly runs: readonly Run[] }[]): {
    stmts: Stmt[];
    known: Positions;
  } {
    const spots = places
      .filter(({ tensor, runs }) => runs.length >= 2 && !this.arrays.has(tensor))
      .map(({ tensor, runs }) => this.within(tensor.shape, runs));
    const keys = spots.map(keyOf);
    const known = new Map<string, Index>();
    const stmts = spots.flatMap((spot, i): Stmt[] => {
      const key = keyOf(spot);
      if (spot.apart !== undefined || keys.indexOf(key) === i || known.has(key)) return [];
      const name = this.local("at");
      known.set(key, named(name));
      return [{ kind: "index", name, value: spot.index }];
    });
    return { stmts, known };
  }
}

const variable = (name: string, extents: readonly number[], initial: string | undefined) => ({
  kind: "variable" as const,
  name,
  extents,
  ...(initial === undefined ? {} : { initial }),
});

const keyOf = (spot: Spot): string => JSON.stringify(spot);
