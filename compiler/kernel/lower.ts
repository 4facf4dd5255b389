/**
 * Lowers the recurrent form to one kernel: a workgroup takes a head of a sequence (or a tile of its
 * rows) and walks through the tokens, the state in registers where it fits.
 */
import type { RecurrentForm } from "../form/recurrent.ts";
import { reduce } from "../math/algebra.ts";
import { type Axis, type Dim, extentOf, type Sizes } from "../math/axis.ts";
import { type Expr, type Leaf, open, type Tensor } from "../math/expr.ts";
import type { Elementwise } from "../math/op.ts";
import { printExpr } from "../math/print.ts";
import { unicode } from "../math/style.ts";
import { InternalError } from "../source/diagnostic.ts";
import {
  type Below,
  type Binding,
  type Block,
  type Index,
  named,
  type Place,
  plus,
  type Slot,
  type Stmt,
  times,
  type Value,
} from "./block.ts";
import { identifiers } from "./identifiers.ts";
import { leavesOf, type Nest, type Schedule, type Scheduled, schedule } from "./schedule.ts";
import { type Statement, statements } from "./statements.ts";
import type { Target } from "./target.ts";

/** Up to this many rows a lane the code is repeated instead of looped over. */
const WRITTEN_OUT = 4;

export function lowerRecurrent(form: RecurrentForm, sizes: Sizes, target: Target): Block {
  const { list, output } = statements(form);
  return new Lowering(form, list, output, sizes, target).block();
}

/** How an axis runs in the loops around: over lanes (block by block), or one element after the other. */
type Run =
  | { readonly over: "lanes"; readonly block: Index; readonly element: Index }
  | { readonly over: "turns"; readonly block: Index; readonly lane: Index; readonly element: Index };

class Lowering {
  readonly #form: RecurrentForm;
  readonly #statements: readonly Statement[];
  readonly #output: Tensor;
  readonly #sizes: Sizes;
  readonly #target: Target;
  readonly #schedule: Schedule;
  readonly #name: (t: Tensor, suffix: string) => string;
  readonly #local: (hint: string) => string;
  /** Tensors that lie in a buffer: which, and where a token's or a head's part begins. */
  readonly #buffers = new Map<Tensor, { buffer: string; base: Index }>();
  /** Vectors and resident matrices that lie in registers or workgroup memory. */
  readonly #arrays = new Map<Tensor, string>();
  /** Scalars. */
  readonly #scalars = new Map<Tensor, Value>();
  readonly #workgroup: { name: string; length: number }[] = [];
  readonly #slots: Slot[] = [];
  readonly #bases: string[] = [];
  #stateStride = 0;
  #scratchStride = 0;

  constructor(form: RecurrentForm, list: readonly Statement[], output: Tensor, sizes: Sizes, target: Target) {
    this.#form = form;
    this.#statements = list;
    this.#output = output;
    this.#sizes = sizes;
    this.#target = target;
    this.#schedule = schedule(form, list, sizes, target);
    const names = identifiers();
    this.#name = (t, suffix) => names(t.name, suffix);
    this.#local = (hint) => names(hint, "");
  }

  block(): Block {
    const form = this.#form;
    const bindings = this.#bind();
    const before: Stmt[] = [...this.#constants(), ...this.#loadStates()];
    const after = this.#storeStates();
    const token: Stmt[] = [
      {
        kind: "index",
        name: "token",
        value: plus(
          times(plus(times(named("b"), named("run.tokens")), named("t")), named("heads")),
          named("h"),
        ),
      },
      ...this.#startChunk(),
      ...this.#loadToken(),
      ...this.#schedule.nests.flatMap((nest) => this.#nest(nest)),
      ...(this.#target.subgroups ? [] : [barrier("workgroup")]),
    ];
    return {
      name: form.name,
      lanes: this.#target.lanes,
      subgroups: this.#target.subgroups,
      tiles: this.#schedule.tile?.count ?? 1,
      bindings,
      bases: this.#bases,
      workgroup: this.#workgroup,
      state: { stride: this.#stateStride, slots: this.#slots },
      scratchStride: this.#scratchStride,
      quantum: form.chunk ?? 1,
      body: [
        ...before,
        { kind: "loop", name: "t", from: named("run.first"), to: named("run.end"), step: "one", body: token },
        ...after,
      ],
    };
  }

  // -------------------------------------------------------------- buffers

  /** Decides which buffer every tensor lies in; packs the smallest inputs together if there are too many. */
  #bind(): Binding[] {
    const used = new Set(this.#statements.flatMap((s) => leavesOf(s.body).map((l) => l.tensor)));
    const tokens = this.#form.tokens.filter((t) => used.has(t));
    const parameters = this.#form.parameters.filter((t) => used.has(t));
    const records: Binding[] = [];
    this.#layOutStates();
    if (this.#form.carry.length > 0) records.push({ name: "state", access: "read_write", holds: [] });
    if (this.#scratchStride > 0) records.push({ name: "scratch", access: "read_write", holds: [] });
    const y = "y_out";
    this.#buffers.set(this.#output, {
      buffer: y,
      base: times(named("token"), this.#count(this.#output.shape)),
    });

    const inputs = [...tokens, ...parameters].sort((a, b) => b.shape.length - a.shape.length);
    const room = this.#target.storageBuffers - records.length - 1;
    const alone = inputs.length <= room ? inputs : inputs.slice(0, room - 1);
    const packed = inputs.filter((t) => !alone.includes(t));
    const bindings: Binding[] = [];
    const at = (t: Tensor): Index => times(named(tokens.includes(t) ? "token" : "h"), this.#count(t.shape));
    for (const t of alone) {
      const buffer = this.#name(t, "in");
      bindings.push({ name: buffer, access: "read", holds: [t] });
      this.#buffers.set(t, { buffer, base: at(t) });
    }
    if (packed.length > 0) {
      bindings.push({ name: "packed_in", access: "read", holds: packed });
      for (const t of packed) {
        const base = this.#name(t, "base");
        this.#bases.push(base);
        this.#buffers.set(t, { buffer: "packed_in", base: plus(named(`run.${base}`), at(t)) });
      }
    }
    return [...bindings, ...records, { name: y, access: "read_write", holds: [this.#output] }];
  }

  #layOutStates(): void {
    const record = plus(times(named("b"), named("heads")), named("h"));
    for (const s of this.#form.carry) {
      const length = this.#count(s.shape);
      this.#slots.push({ tensor: s.previous, name: s.name, offset: this.#stateStride, length });
      this.#stateStride += length;
    }
    for (const [i, s] of this.#form.carry.entries()) {
      const base = plus(times(record, this.#stateStride), (this.#slots[i] as Slot).offset);
      this.#buffers.set(s.previous, { buffer: "state", base });
      this.#buffers.set(s.next, { buffer: "state", base });
    }
    // Copies at the chunk's start, and matrices that are made on the way, where they are not in registers.
    const extra: Tensor[] = [];
    for (const s of this.#form.carry)
      if (s.start && s.shape.length >= 2 && !this.#schedule.resident) extra.push(s.start);
    for (const s of this.#statements) if (s.kind === "value" && s.result.length >= 2) extra.push(s.target);
    const offsets = extra.map((t) => {
      const offset = this.#scratchStride;
      this.#scratchStride += this.#count(t.shape);
      return offset;
    });
    for (const [i, t] of extra.entries()) {
      const base = plus(times(record, this.#scratchStride), offsets[i] as number);
      this.#buffers.set(t, { buffer: "scratch", base });
    }
  }

  #count(shape: readonly Dim[]): number {
    return shape.reduce((n, d) => n * extentOf(d, this.#sizes), 1);
  }

  // -------------------------------------------------------------- what is loaded and stored when

  #constants(): Stmt[] {
    const numbers: Readonly<Record<string, Value>> = {
      head: { kind: "float", index: named("h") },
      heads: { kind: "float", index: named("heads") },
      layer: { kind: "local", name: "run.layer" },
      layers: { kind: "local", name: "run.layers" },
    };
    for (const t of this.#form.numbers) this.#scalars.set(t, numbers[t.name] as Value);
    return this.#form.parameters.flatMap((t) => (this.#buffers.has(t) ? this.#loadSmall(t) : []));
  }

  #loadToken(): Stmt[] {
    const loads = this.#form.tokens.flatMap((t) => (this.#buffers.has(t) ? this.#loadSmall(t) : []));
    return this.#target.subgroups || loads.length === 0 ? loads : [...loads, barrier("workgroup")];
  }

  /** Brings a scalar or a vector from its buffer onto the chip; matrices are read where they are used. */
  #loadSmall(t: Tensor): Stmt[] {
    const { buffer, base } = this.#buffers.get(t) as { buffer: string; base: Index };
    if (t.shape.length === 0) {
      const name = this.#name(t, "s");
      this.#scalars.set(t, { kind: "local", name });
      return [{ kind: "let", name, value: { kind: "load", buffer, index: base } }];
    }
    if (t.shape.length > 1) return [];
    const declared = this.#declareVector(t);
    return [
      ...declared,
      ...this.#overVector(t, (place, element, within) => [
        {
          kind: "assign",
          place,
          value: masked({ kind: "load", buffer, index: plus(base, element) }, within, "0.0"),
        },
      ]),
    ];
  }

  /** A place for a vector that outlives its nest: registers, or workgroup memory without subgroups. */
  #declareVector(t: Tensor): Stmt[] {
    const name = this.#name(t, "v");
    this.#arrays.set(t, name);
    const blocks = this.#blocks(t.shape[0] as Dim, this.#isTiled(t));
    if (this.#target.subgroups) return [{ kind: "variable", name, extents: [blocks] }];
    this.#workgroup.push({ name, length: blocks * this.#target.lanes });
    return [];
  }

  #isTiled(t: Tensor): boolean {
    const { tile } = this.#schedule;
    if (!tile) return false;
    // A vector is cut where some statement meets it along the tiled dimension.
    return this.#statements.some(
      (s) =>
        (s.target === t && s.result.some((a) => a.dim === tile.dim)) ||
        leavesOf(s.body).some((l) => l.tensor === t && l.index.some((a) => a.dim === tile.dim)),
    );
  }

  #blocks(d: Dim, tiled: boolean): number {
    const { tile } = this.#schedule;
    const extent = tiled && tile ? tile.rows : extentOf(d, this.#sizes);
    return Math.ceil(extent / this.#target.lanes);
  }

  /** A loop over a lane's elements of a vector. */
  #overVector(
    t: Tensor,
    body: (place: Place, element: Index, within: readonly Below[]) => readonly Stmt[],
  ): Stmt[] {
    const d = t.shape[0] as Dim;
    const tiled = this.#isTiled(t);
    return this.#overLanes(d, tiled, this.#local("n"), (run, within) =>
      body(this.#vectorPlace(t, run), run.element, within),
    );
  }

  #vectorPlace(t: Tensor, run: Run): Place {
    const array = this.#arrays.get(t);
    if (!array) throw new InternalError(`${t.name} has no place on the chip`);
    const { lanes, subgroups } = this.#target;
    const position = subgroups
      ? run.block
      : plus(times(run.block, lanes), run.over === "lanes" ? named("lane") : run.lane);
    return { kind: "element", array, index: [position] };
  }

  /** A loop over the blocks of a dimension that is spread over the lanes. */
  #overLanes(
    d: Dim,
    tiled: boolean,
    name: string,
    body: (run: Run, within: readonly Below[]) => readonly Stmt[],
  ): Stmt[] {
    const { lanes } = this.#target;
    const { tile } = this.#schedule;
    const extent = extentOf(d, this.#sizes);
    const blocks = this.#blocks(d, tiled);
    const first: Index = tiled && tile ? times(named("tile"), tile.rows) : 0;
    const exact = tiled && tile ? extent % tile.rows === 0 : extent % lanes === 0;
    const turn = (block: Index): readonly Stmt[] => {
      const element = plus(first, times(block, lanes), named("lane"));
      return body({ over: "lanes", block, element }, exact ? [] : [{ index: element, bound: extent }]);
    };
    // The few rows of a resident state are written out: an inner loop over two rows costs twice the time.
    if (this.#schedule.resident && blocks <= WRITTEN_OUT)
      return Array.from({ length: blocks }, (_, n) => turn(n)).flat();
    return this.#loop(name, blocks, turn);
  }

  /** A counted loop; none for a single turn. */
  #loop(name: string, turns: number, body: (at: Index) => readonly Stmt[], step: Step = this.#step): Stmt[] {
    if (turns <= 1) return turns === 1 ? [...body(0)] : [];
    return [{ kind: "loop", name, from: 0, to: turns, step, body: body(named(name)) }];
  }

  /** Loops over resident states are unrolled by the driver; those over storage memory must not be. */
  get #step(): Step {
    return this.#schedule.resident ? 1 : "rolled";
  }

  // -------------------------------------------------------------- states

  #loadStates(): Stmt[] {
    return this.#form.carry.flatMap((s) => {
      const { buffer, base } = this.#buffers.get(s.previous) as { buffer: string; base: Index };
      const loaded = this.#onChip(s.previous, s.shape);
      if (!loaded) return [];
      this.#share(s.previous, s.next);
      const copy = s.start ? this.#onChip(s.start, s.shape) : undefined;
      return [
        ...loaded.declared,
        ...(copy?.declared ?? []),
        ...loaded.each((place, position, within) => [
          {
            kind: "assign",
            place,
            value: masked({ kind: "load", buffer, index: plus(base, position) }, within, "0.0"),
          },
        ]),
      ];
    });
  }

  #share(from: Tensor, to: Tensor): void {
    const array = this.#arrays.get(from);
    const scalar = this.#scalars.get(from);
    if (array !== undefined) this.#arrays.set(to, array);
    if (scalar) this.#scalars.set(to, scalar);
  }

  #storeStates(): Stmt[] {
    return this.#form.carry.flatMap((s) => {
      const { buffer, base } = this.#buffers.get(s.previous) as { buffer: string; base: Index };
      const each = this.#eachOnChip(s.previous, s.shape);
      if (!each) return [];
      return each((place, position, within) =>
        when(within, [{ kind: "store", buffer, index: plus(base, position), value: read(place) }]),
      );
    });
  }

  /** Copies of the states, taken at the first token of each chunk. */
  #startChunk(): Stmt[] {
    const { chunk } = this.#form;
    if (chunk === undefined) return [];
    const copies = this.#form.carry.flatMap((s) => {
      if (!s.start) return [];
      const each = this.#eachOnChip(s.start, s.shape);
      if (each) {
        return each((place) => [
          { kind: "assign", place, value: read(this.#placeLike(place, s.start as Tensor, s.previous)) },
        ]);
      }
      const from = this.#buffers.get(s.previous) as { buffer: string; base: Index };
      const to = this.#buffers.get(s.start) as { buffer: string; base: Index };
      const e = this.#local("e");
      const copy: Stmt = {
        kind: "store",
        buffer: to.buffer,
        index: plus(to.base, named(e)),
        value: { kind: "load", buffer: from.buffer, index: plus(from.base, named(e)) },
      };
      return [
        {
          kind: "loop",
          name: e,
          from: named("lane"),
          to: this.#count(s.shape),
          step: this.#target.lanes,
          body: [copy],
        } satisfies Stmt,
      ];
    });
    const wait = this.#waits();
    return [{ kind: "every", index: named("t"), period: chunk, body: [...copies, ...wait] }];
  }

  /** The same element of another tensor that lies alike. */
  #placeLike(place: Place, of: Tensor, other: Tensor): Place {
    if (place.kind === "local") return this.#scalars.get(other) as Place;
    if (place.array !== this.#arrays.get(of)) throw new InternalError("a copy lies elsewhere");
    return { ...place, array: this.#arrays.get(other) as string };
  }

  /** Declares a place on the chip for a state, if it is to lie there. */
  #onChip(t: Tensor, shape: readonly Dim[]) {
    if (shape.length === 0) {
      const name = this.#name(t, "s");
      this.#scalars.set(t, { kind: "local", name });
      return {
        declared: [{ kind: "variable", name, extents: [] } satisfies Stmt] as Stmt[],
        each: this.#eachOnChip(t, shape) as Each,
      };
    }
    if (shape.length === 1) {
      const declared = this.#declareVector(t);
      return { declared, each: this.#eachOnChip(t, shape) as Each };
    }
    if (!this.#schedule.resident) return undefined;
    const name = this.#name(t, "w");
    this.#arrays.set(t, name);
    const { across, along } = this.#split(t, shape);
    const { lanes } = this.#target;
    const extents = [
      Math.ceil(extentOf(along, this.#sizes) / lanes),
      lanes,
      this.#blocks(across, this.#schedule.tile?.dim === across),
    ];
    return {
      declared: [{ kind: "variable", name, extents } satisfies Stmt] as Stmt[],
      each: this.#eachOnChip(t, shape) as Each,
    };
  }

  /** The dimension of a matrix that is spread over the lanes, and the one that each lane holds whole. */
  #split(t: Tensor, shape: readonly Dim[]): { across: Dim; along: Dim; acrossFirst: boolean } {
    const acrossFirst = this.#schedule.laneAxis.get(t) === 0;
    const [a, b] = shape.map(this.#form.canonical) as [Dim, Dim];
    return acrossFirst ? { across: a, along: b, acrossFirst } : { across: b, along: a, acrossFirst };
  }

  #eachOnChip(t: Tensor, shape: readonly Dim[]): Each | undefined {
    if (shape.length === 0) return (body) => [...body(this.#scalars.get(t) as Place, 0, [])];
    if (shape.length === 1) return (body) => this.#overVector(t, body);
    const array = this.#arrays.get(t);
    if (array === undefined) return undefined;
    const { across, along, acrossFirst } = this.#split(t, shape);
    const width = extentOf(shape[1] as Dim, this.#sizes);
    // These loops stay rolled: drivers compile in time quadratic in the memory operations of the text.
    return (body) =>
      this.#overTurns(
        along,
        this.#local("r"),
        this.#local("c"),
        (turn, inTurn) =>
          this.#overLanes(across, this.#schedule.tile?.dim === across, this.#local("n"), (run, inLane) => {
            const [row, column] = acrossFirst ? [run.element, turn.element] : [turn.element, run.element];
            const place: Place = { kind: "element", array, index: [turn.block, turn.lane, run.block] };
            return body(place, plus(times(row, width), column), [...inLane, ...inTurn]);
          }),
        "rolled",
      );
  }

  /** Loops over a dimension one element after the other: block by block, lane by lane. */
  #overTurns(
    d: Dim,
    blockName: string,
    laneName: string,
    body: (run: Run & { over: "turns" }, within: readonly Below[]) => readonly Stmt[],
    step: Step = this.#step,
  ): Stmt[] {
    const { lanes } = this.#target;
    const extent = extentOf(d, this.#sizes);
    const blocks = Math.ceil(extent / lanes);
    const exact = blocks === 1 || extent % lanes === 0;
    const turn = (block: Index): readonly Stmt[] => {
      const element = plus(times(block, lanes), named(laneName));
      const within = exact ? [] : [{ index: element, bound: extent }];
      return body({ over: "turns", block, lane: named(laneName), element }, within);
    };
    const inner = Math.min(lanes, extent);
    return this.#loop(
      blockName,
      blocks,
      (block) => [{ kind: "loop", name: laneName, from: 0, to: inner, step, body: turn(block) }],
      step,
    );
  }

  // -------------------------------------------------------------- nests

  #nest(nest: Nest): Stmt[] {
    const comments = nest.statements.map(
      (s): Stmt => ({ kind: "comment", text: this.#describe(s.statement) }),
    );
    const declared = nest.statements.flatMap((s) => this.#declareTarget(s));
    const body = nest.lane === undefined ? this.#scalarNest(nest) : this.#laneNest(nest);
    const stored = nest.statements.some((s) => this.#isStored(s.statement));
    const shared = !this.#target.subgroups && nest.statements.some((s) => s.statement.result.length === 1);
    const wait = stored ? this.#waits() : shared ? [barrier("workgroup")] : [];
    return [...comments, ...declared, ...body, ...wait];
  }

  /** Whether a statement writes to storage what others read there. */
  #isStored(s: Statement): boolean {
    return s.kind !== "output" && s.result.length >= 2 && !this.#arrays.has(s.target);
  }

  #waits(): Stmt[] {
    return this.#target.subgroups ? [barrier("storage")] : [barrier("storage"), barrier("workgroup")];
  }

  #describe(s: Statement): string {
    const body = s.reduction ? reduce(s.reduction.op, s.reduction.axis, s.body) : s.body;
    const text = s.result.length <= 2 ? printExpr(body, s.result, { style: unicode }) : "…";
    return `${s.target.name} = ${text.length > 100 ? `${text.slice(0, 99)}…` : text}`;
  }

  #declareTarget(s: Scheduled): Stmt[] {
    const { statement } = s;
    if (statement.kind !== "value" || statement.result.length !== 1) return [];
    return this.#declareVector(statement.target);
  }

  #scalarNest(nest: Nest): Stmt[] {
    return nest.statements.flatMap((s): Stmt[] => {
      const value = this.#value(s.statement.body, new Map(), new Map());
      return this.#assignScalar(s.statement, value);
    });
  }

  #assignScalar(s: Statement, value: Value): Stmt[] {
    if (s.kind === "update") return [{ kind: "assign", place: this.#scalars.get(s.target) as Place, value }];
    if (s.kind === "output") {
      const { buffer, base } = this.#buffers.get(s.target) as { buffer: string; base: Index };
      return [{ kind: "store", buffer, index: base, value }];
    }
    const name = this.#name(s.target, "s");
    this.#scalars.set(s.target, { kind: "local", name });
    return [{ kind: "let", name, value }];
  }

  /** Statements spread over the lanes, with loops inside for the axes that every lane runs through. */
  #laneNest(nest: Nest): Stmt[] {
    const lane = nest.lane as Dim;
    const tiled = this.#schedule.tile?.dim === lane;
    const rowSums = nest.statements.filter(
      (s) => s.statement.reduction && s.statement.reduction.axis !== s.lane,
    );
    const laneSums = nest.statements.filter(
      (s) => s.statement.reduction && s.statement.reduction.axis === s.lane,
    );
    const accumulators = new Map<Statement, string>();
    const blocks = this.#blocks(lane, tiled);
    const declared: Stmt[] = [];
    for (const s of [...rowSums, ...laneSums]) {
      const name = this.#local("sum");
      accumulators.set(s.statement, name);
      const initial = (s.statement.reduction as NonNullable<Statement["reduction"]>).op.wgslInitial;
      const extents = laneSums.includes(s) || this.#rowsOutside(nest) ? [] : [blocks];
      declared.push({ kind: "variable", name, extents, initial });
    }
    const n = this.#local("n");
    if (nest.sequential.length === 0) {
      return [
        ...declared,
        ...this.#overLanes(lane, tiled, n, (run, within) =>
          this.#elements(nest, [run], within, accumulators, new Map()),
        ),
        ...this.#finishLaneSums(laneSums, accumulators),
      ];
    }
    if (this.#rowsOutside(nest)) {
      // States in storage: row after row, so that nothing but one sum has to be held.
      return this.#overLanes(lane, tiled, n, (run, within) => [
        ...declared,
        ...this.#turns(
          nest.sequential,
          [],
          (turns, inTurns, fetched) => [
            ...fetched,
            ...this.#elements(
              nest,
              [run, ...turns],
              [...within, ...inTurns],
              accumulators,
              this.#fetchedValues,
            ),
          ],
          nest,
        ),
        ...this.#finishRowSums(rowSums, accumulators, run, within, false),
      ]);
    }
    return [
      ...declared,
      ...this.#turns(
        nest.sequential,
        [],
        (turns, inTurns, fetched) => [
          ...fetched,
          ...this.#overLanes(lane, tiled, n, (run, within) =>
            this.#elements(nest, [run, ...turns], [...within, ...inTurns], accumulators, this.#fetchedValues),
          ),
        ],
        nest,
      ),
      ...this.#overLanes(lane, tiled, this.#local("n"), (run, within) =>
        this.#finishRowSums(rowSums, accumulators, run, within, true),
      ),
      ...this.#finishLaneSums(laneSums, accumulators),
    ];
  }

  #rowsOutside(nest: Nest): boolean {
    return nest.sequential.length > 0 && !this.#schedule.resident;
  }

  /** Values that the lanes exchange once for all their rows: filled while the loops are opened. */
  #fetchedValues: Map<Tensor, Map<Axis, Value>> = new Map();

  /** Opens the loops over sequential axes; inside, vectors along them are fetched from the lane that has them. */
  #turns(
    dims: readonly Dim[],
    runs: readonly Run[],
    body: (runs: readonly Run[], within: readonly Below[], fetched: readonly Stmt[]) => readonly Stmt[],
    nest: Nest,
    within: readonly Below[] = [],
    fetched: readonly Stmt[] = [],
  ): Stmt[] {
    const [d, ...rest] = dims;
    if (!d) return [...body(runs, within, fetched)];
    return this.#overTurns(d, this.#local("r"), this.#local("c"), (run, inTurn) => {
      const depth = runs.length;
      const fetches = this.#fetch(nest, depth, run);
      return this.#turns(rest, [...runs, run], body, nest, [...within, ...inTurn], [...fetched, ...fetches]);
    });
  }

  #fetch(nest: Nest, depth: number, run: Run & { over: "turns" }): Stmt[] {
    if (depth === 0) this.#fetchedValues = new Map();
    const stmts: Stmt[] = [];
    for (const s of nest.statements) {
      const axis = s.sequential[depth];
      for (const l of leavesOf(s.statement.body)) {
        if (l.index.length !== 1 || l.index[0] !== axis || !axis || !this.#arrays.has(l.tensor)) continue;
        const known = this.#fetchedValues.get(l.tensor) ?? new Map<Axis, Value>();
        const same = [...known].find(([a]) => nest.statements.some((o) => o.sequential[depth] === a));
        if (same) {
          known.set(axis, same[1]);
          continue;
        }
        const name = this.#local(`${l.tensor.name}_at`);
        stmts.push({ kind: "let", name, value: this.#exchange(l.tensor, run) });
        known.set(axis, { kind: "local", name });
        this.#fetchedValues.set(l.tensor, known);
      }
    }
    return stmts;
  }

  #exchange(t: Tensor, run: Run & { over: "turns" }): Value {
    const value = read(this.#vectorPlace(t, run));
    return this.#target.subgroups ? { kind: "shuffle", value, lane: run.lane } : value;
  }

  /** One turn of the innermost loop: every statement at its element. */
  #elements(
    nest: Nest,
    runs: readonly Run[],
    within: readonly Below[],
    accumulators: ReadonlyMap<Statement, string>,
    fetched: ReadonlyMap<Tensor, ReadonlyMap<Axis, Value>>,
  ): Stmt[] {
    const fresh = new Map<Tensor, Value>();
    const out: Stmt[] = [];
    const writes: Stmt[] = [];
    for (const s of nest.statements) {
      const { statement } = s;
      const axes = new Map([s.lane, ...s.sequential].map((a, i) => [a as Axis, runs[i] as Run]));
      const value = this.#value(statement.body, axes, fetched, fresh);
      if (statement.reduction) {
        const name = accumulators.get(statement) as string;
        const run = runs[0] as Run;
        const single = statement.reduction.axis === s.lane || this.#rowsOutside(nest);
        const place: Place = single
          ? { kind: "local", name }
          : { kind: "element", array: name, index: [run.block] };
        const { op } = statement.reduction;
        // Elements outside the reduced axis must not count; rows outside are never stored.
        const bounds = within.filter((b) => b.index === axes.get(statement.reduction?.axis as Axis)?.element);
        out.push({ kind: "merge", place, op, value: masked(value, bounds, op.wgslInitial) });
        continue;
      }
      if (statement.kind === "update") {
        const name = this.#local(`${statement.target.name}_new`);
        out.push({ kind: "let", name, value });
        fresh.set(statement.target, { kind: "local", name });
        writes.push(...this.#write(statement, axes, { kind: "local", name }, within));
        continue;
      }
      out.push(...this.#write(statement, axes, value, within));
    }
    // New states are stored last: every statement of the turn has read the old ones by then.
    return [...out, ...writes];
  }

  #write(s: Statement, axes: ReadonlyMap<Axis, Run>, value: Value, within: readonly Below[]): Stmt[] {
    const runs = s.result.map((a) => axes.get(a) as Run);
    if (s.kind !== "output" && this.#arrays.has(s.target)) {
      return [{ kind: "assign", place: this.#place(s.target, s.target.shape, runs), value }];
    }
    const { buffer, base } = this.#buffers.get(s.target) as { buffer: string; base: Index };
    const stmt: Stmt = {
      kind: "store",
      buffer,
      index: plus(base, this.#offset(s.target.shape, runs)),
      value,
    };
    return when(within, [stmt]);
  }

  #finishRowSums(
    sums: readonly Scheduled[],
    accumulators: ReadonlyMap<Statement, string>,
    run: Run,
    within: readonly Below[],
    array: boolean,
  ): Stmt[] {
    return sums.flatMap(({ statement, lane }) => {
      const name = accumulators.get(statement) as string;
      const value: Value = array
        ? { kind: "element", array: name, index: [run.block] }
        : { kind: "local", name };
      return this.#write(statement, new Map([[lane as Axis, run]]), value, within);
    });
  }

  #finishLaneSums(sums: readonly Scheduled[], accumulators: ReadonlyMap<Statement, string>): Stmt[] {
    return sums.flatMap(({ statement }): Stmt[] => {
      const name = accumulators.get(statement) as string;
      const { op } = statement.reduction as NonNullable<Statement["reduction"]>;
      if (this.#target.subgroups) {
        return this.#assignScalar(statement, { kind: "reduce-lanes", op, value: { kind: "local", name } });
      }
      // Through workgroup memory: every lane leaves its part, and every lane merges all parts.
      const parts = this.#local("parts");
      const total = this.#local("total");
      const i = this.#local("i");
      this.#workgroup.push({ name: parts, length: this.#target.lanes });
      return [
        {
          kind: "assign",
          place: { kind: "element", array: parts, index: [named("lane")] },
          value: { kind: "local", name },
        },
        barrier("workgroup"),
        { kind: "variable", name: total, extents: [], initial: op.wgslInitial },
        {
          kind: "loop",
          name: i,
          from: 0,
          to: this.#target.lanes,
          step: "rolled",
          body: [
            {
              kind: "merge",
              place: { kind: "local", name: total },
              op,
              value: { kind: "element", array: parts, index: [named(i)] },
            },
          ],
        },
        ...this.#assignScalar(statement, { kind: "local", name: total }),
      ];
    });
  }

  // -------------------------------------------------------------- values

  #value(
    e: Expr,
    axes: ReadonlyMap<Axis, Run>,
    fetched: ReadonlyMap<Tensor, ReadonlyMap<Axis, Value>>,
    fresh: ReadonlyMap<Tensor, Value> = new Map(),
  ): Value {
    switch (e.kind) {
      case "constant":
        return { kind: "constant", value: e.value };
      case "extent":
        return { kind: "constant", value: extentOf(e.dim, this.#sizes) };
      case "delta":
        return {
          kind: "same",
          left: this.#run(axes, e.left).element,
          right: this.#run(axes, e.right).element,
        };
      case "leaf":
        return this.#read(e, axes, fetched, fresh);
      case "apply":
        return folded(
          e.op,
          e.args.map((a) => this.#value(a, axes, fetched, fresh)),
        );
      case "reduce":
        throw new InternalError(`a sum over ${open(e).axis.id} was left inside a statement`);
    }
  }

  #run(axes: ReadonlyMap<Axis, Run>, a: Axis): Run {
    const run = axes.get(a);
    if (!run) throw new InternalError(`axis ${a.id} has no loop`);
    return run;
  }

  #read(
    l: Leaf,
    axes: ReadonlyMap<Axis, Run>,
    fetched: ReadonlyMap<Tensor, ReadonlyMap<Axis, Value>>,
    fresh: ReadonlyMap<Tensor, Value>,
  ): Value {
    const made = fresh.get(l.tensor);
    if (made) return made;
    const scalar = this.#scalars.get(l.tensor);
    if (scalar) return scalar;
    const runs = l.index.map((a) => this.#run(axes, a));
    if (this.#arrays.has(l.tensor)) {
      const [only] = l.index;
      const exchanged = l.index.length === 1 && only ? fetched.get(l.tensor)?.get(only) : undefined;
      return exchanged ?? read(this.#place(l.tensor, l.tensor.shape, runs));
    }
    const at = this.#buffers.get(l.tensor);
    if (!at) throw new InternalError(`${l.tensor.name} lies nowhere`);
    return { kind: "load", buffer: at.buffer, index: plus(at.base, this.#offset(l.tensor.shape, runs)) };
  }

  #place(t: Tensor, shape: readonly Dim[], runs: readonly Run[]): Place {
    if (shape.length === 1) return this.#vectorPlace(t, runs[0] as Run);
    const array = this.#arrays.get(t) as string;
    const lanes = runs.find((r) => r.over === "lanes");
    const turn = runs.find((r) => r.over === "turns");
    if (!lanes || turn?.over !== "turns")
      throw new InternalError(`${t.name} is not spread over the lanes here`);
    return { kind: "element", array, index: [turn.block, turn.lane, lanes.block] };
  }

  #offset(shape: readonly Dim[], runs: readonly Run[]): Index {
    let offset: Index = 0;
    for (const [i, run] of runs.entries()) {
      const extent = extentOf(shape[i] as Dim, this.#sizes);
      offset = plus(times(offset, extent), run.element);
    }
    return offset;
  }
}

type Step = 1 | "rolled";

/** What is done at an element: where it lies, its position in the tensor, and when it exists. */
type PerElement = (place: Place, position: Index, within: readonly Below[]) => readonly Stmt[];
type Each = (body: PerElement) => Stmt[];

/** Extents are numbers by now, so that what is made of them alone is a number too. */
function folded(op: Elementwise, args: readonly Value[]): Value {
  const numbers = args.map((a) => (a.kind === "constant" ? a.value : Number.NaN));
  const [a = 0, b = 0, c = 0] = numbers;
  const result = op.variadic ? numbers.reduce((x, y) => op.value(x, y, 0)) : op.value(a, b, c);
  return Number.isFinite(result) && op.gives === "real" && !numbers.some(Number.isNaN)
    ? { kind: "constant", value: result }
    : { kind: "apply", op, args };
}

const barrier = (memory: "workgroup" | "storage"): Stmt => ({ kind: "barrier", memory });
const read = (place: Place): Value => place;
const masked = (value: Value, where: readonly Below[], otherwise: string): Value =>
  where.length === 0 ? value : { kind: "masked", value, where, otherwise };
const when = (all: readonly Below[], body: readonly Stmt[]): Stmt[] =>
  all.length === 0 ? [...body] : [{ kind: "when", all, body }];
