/**
 * Lowers a tile form to one kernel: a subgroup takes a head of a sequence and walks through its tiles, the states in
 * storage memory, what the tile's tokens have in registers: vectors spread over the lanes, numbers in every lane.
 */
import { TILE, type TileForm } from "../../form/tile-form.ts";
import { type Axis, axesFor, type Dim, extentOf, type Sizes } from "../../math/axis.ts";
import { type Expr, type Leaf, leaf, postorder, type Tensor, tensorsOf } from "../../math/expr.ts";
import { sum } from "../../math/ops/index.ts";
import { printExpr } from "../../math/print.ts";
import { reduce } from "../../math/algebra.ts";
import { unicode } from "../../math/style.ts";
import { InternalError } from "../../source/diagnostic.ts";
import {
  type Below,
  type Block,
  barrier,
  type Index,
  masked,
  named,
  type Place,
  plus,
  type Slot,
  type Stmt,
  times,
  type Value,
  when,
} from "../block.ts";
import { bindInputs } from "../bindings.ts";
import { folded } from "../fold.ts";
import { identifiers } from "../identifiers.ts";
import type { Target } from "../target.ts";
import { isOfTokens, LAST, NOW, readBy, type Statement, type Step, type TileProgram, tileProgram } from "./statements.ts";

/** Tokens of a tile, where no chunk says how many. */
const TOKENS = 16;

/** How an axis runs in the loops around. */
interface Run {
  readonly over: "lanes" | "turns" | "token";
  /** Which block of lanes, and which lane of it: all of them, over lanes. */
  readonly block: Index;
  readonly lane: Index;
  readonly element: Index;
}

type Runs = ReadonlyMap<Axis, Run>;

/** Where a tensor lies. */
type Home =
  | { readonly kind: "number"; readonly value: Value }
  /** In registers, by token and by block of lanes. */
  | { readonly kind: "array"; readonly array: string; readonly byToken: boolean }
  /** In registers: one matrix for the token that is computed, its rows one after the other. */
  | { readonly kind: "rows"; readonly array: string }
  | { readonly kind: "buffer"; readonly buffer: string; readonly base: Index }
  /** An input of the tile's tokens. */
  | { readonly kind: "input"; readonly tensor: Tensor };

export const lowerTiles = (form: TileForm, sizes: Sizes, target: Target): Block =>
  new Lowering(form, sizes, target).block();

class Lowering {
  readonly #form: TileForm;
  readonly #program: TileProgram;
  readonly #sizes: Sizes;
  readonly #lanes: number;
  /** Turns of a tile: tokens, each of several steps. */
  readonly #length: number;
  readonly #steps: number;
  readonly #names = identifiers();
  readonly #homes = new Map<Tensor, Home>();
  /** Copies in storage memory of what tokens have: for lanes that each take another token. */
  readonly #stored = new Map<Tensor, { buffer: string; base: Index }>();
  /** What tokens of the tile read of others: nothing may stand where there is no token. */
  readonly #across = new Set<Tensor>();
  readonly #fetched = new Map<Leaf, Value>();
  readonly #slots: Slot[] = [];
  readonly #inputs: ReturnType<typeof bindInputs>;
  #stateStride = 0;
  #scratchStride = 0;

  constructor(form: TileForm, sizes: Sizes, target: Target) {
    const { spec, states } = form.rule;
    this.#form = form;
    this.#program = tileProgram(form);
    this.#lanes = target.lanes;
    this.#steps = spec.steps;
    this.#length = (spec.chunk ?? Math.max(1, Math.round(TOKENS / spec.steps))) * spec.steps;
    this.#sizes = { ...sizes, [TILE.key]: this.#length };
    const record = plus(times(named("b"), named("heads")), named("h"));
    for (const s of states) {
      const length = this.#count(s.shape);
      this.#slots.push({ tensor: s.previous, name: s.name, offset: this.#stateStride, length });
      this.#stateStride += length;
    }
    for (const [i, s] of states.entries()) {
      const base = plus(times(record, this.#stateStride), (this.#slots[i] as Slot).offset);
      const home: Home = { kind: "buffer", buffer: "state", base };
      this.#homes.set(s.previous, home);
      this.#homes.set(form.starts.get(s) as Tensor, home);
    }
    const statements = this.#program.steps.flatMap((s) => s.statements);
    this.#findCopies(statements);
    for (const s of statements) this.#layOut(s);
    const used = new Set(statements.flatMap((s) => [...readBy(s)]));
    const read = [...this.#program.inputs].filter(([t]) => t.name !== "step" || this.#steps === 1).map(([t]) => t);
    const parameters = spec.parameters.map((p) => p.tensor).filter((t) => used.has(t));
    const records = [
      ...(this.#stateStride > 0 ? [{ name: "state", access: "read_write", holds: [] } as const] : []),
      ...(this.#scratchStride > 0 ? [{ name: "scratch", access: "read_write", holds: [] } as const] : []),
    ];
    this.#inputs = bindInputs([...read, ...parameters], records, this.#program.output, target.storageBuffers, this.#names);
    for (const [t, tile] of this.#program.inputs) if (t.name !== "step") this.#homes.set(tile, { kind: "input", tensor: t });
  }

  block(): Block {
    const { form } = this;
    const { rule } = form;
    const steps = this.#steps;
    const end = times(named("run.end"), steps);
    const parameters = this.#parameters();
    const tile: Stmt[] = [
      { kind: "index", name: "count", value: { kind: "least", of: [this.#length, { kind: "difference", from: end, less: named("m") }] } },
      { kind: "index", name: "last", value: { kind: "difference", from: named("count"), less: 1 } },
      ...this.#loads(),
      ...this.#program.steps.flatMap((s) => this.#step(s)),
    ];
    return {
      name: rule.spec.name,
      lanes: this.#lanes,
      subgroups: true,
      tiles: 1,
      bindings: this.#inputs.bindings,
      bases: this.#inputs.bases,
      workgroup: [],
      state: { stride: this.#stateStride, slots: this.#slots },
      scratchStride: this.#scratchStride,
      steps,
      passes: 1,
      quantum: this.#length / steps,
      body: [
        ...(this.#scratchStride > 0
          ? [{ kind: "index", name: "stride", value: this.#scratchStride } satisfies Stmt]
          : []),
        ...parameters,
        { kind: "loop", name: "m", from: times(named("run.first"), steps), to: end, step: this.#length, body: tile },
      ],
    };
  }

  get form(): TileForm {
    return this.#form;
  }

  #count = (shape: readonly Dim[]): number => shape.reduce((n, d) => n * extentOf(d, this.#sizes), 1);
  #extent = (d: Dim): number => extentOf(d, this.#sizes);
  #blocks = (d: Dim): number => Math.ceil(this.#extent(d) / this.#lanes);

  // ---------------------------------------------------------------- where tensors lie

  #findCopies(statements: readonly Statement[]): void {
    for (const s of statements) {
      const lane = this.#laneOf(s);
      for (const l of [s.body, ...s.sums.map((x) => x.body)].flatMap(leavesOf)) {
        const [first] = l.index;
        if (!isOfTokens(l.tensor) || first === NOW || first === LAST || !first) continue;
        this.#across.add(l.tensor);
        if (first === lane && !this.#isInput(l.tensor) && l.index.length > 1) this.#stored.set(l.tensor, this.#scratch(l.tensor.shape));
      }
    }
  }

  #isInput = (tile: Tensor): boolean => [...this.#program.inputs].some(([t, x]) => x === tile && t.name !== "step");

  #scratch(shape: readonly Dim[]): { buffer: string; base: Index } {
    const record = plus(times(named("b"), named("heads")), named("h"));
    const offset = this.#scratchStride;
    this.#scratchStride += this.#count(shape);
    // The stride is known when all of them are placed: until then it has a name.
    return { buffer: "scratch", base: plus(times(record, named("stride")), offset) };
  }

  #layOut({ kind, target, result, before }: Statement): void {
    if (kind === "output" || kind === "end") return;
    const byToken = isOfTokens(target);
    for (const t of before ? [target, before.tensor] : [target]) {
      const isLarge = result.length > 1;
      if (isLarge && byToken && result[0]?.dim === TILE) this.#homes.set(t, { kind: "rows", array: this.#names(t.name, "r") });
      else if (isLarge) this.#homes.set(t, { kind: "buffer", ...this.#scratch(byToken ? t.shape.slice(1) : t.shape) });
      else if (byToken || result.length === 1) this.#homes.set(t, { kind: "array", array: this.#names(t.name, "v"), byToken });
      else this.#homes.set(t, { kind: "number", value: { kind: "local", name: this.#names(t.name, "s") } });
    }
  }

  /** The axis that a statement spreads over the lanes. */
  #laneOf({ result, reduction, target, body }: Statement): Axis | undefined {
    const isRows = (t: Tensor): boolean => isOfTokens(t) && t.shape.length === 3 && t.shape[1] === TILE;
    const rows = leavesOf(body).find((l) => isRows(l.tensor));
    if (rows) return rows.index[2];
    if (isRows(target)) return result[1];
    return result[0] ?? reduction?.axis;
  }

  // ---------------------------------------------------------------- what comes in

  /** Where a token's or a head's part of an input begins, for turn `m + t`. */
  #inputBase(tensor: Tensor, t: Index): { buffer: string; index: Index } {
    const { spec } = this.#form.rule;
    const steps = this.#steps;
    const place = this.#inputs.places.get(tensor) as { buffer: string; start: Index };
    const own = spec.inputs.find((i) => i.tensor === tensor);
    const turn = plus(named("m"), t);
    const count = this.#count(tensor.shape);
    const head = (at: Index): Index => times(plus(times(at, named("heads")), named("h")), count);
    const at: Index = !own
      ? times(named("h"), count)
      : own.each === "step" || steps === 1
        ? head(plus(times(named("b"), named("run.tokens"), steps), turn))
        : head(plus(times(named("b"), named("run.tokens")), { kind: "quotient", of: turn, by: steps }));
    return { buffer: place.buffer, index: plus(place.start, at) };
  }

  /** Params that are vectors or numbers; matrices stay where they are. */
  #parameters(): Stmt[] {
    const { spec } = this.#form.rule;
    const numbers: Readonly<Record<string, Value>> = {
      head: { kind: "float", index: named("h") },
      heads: { kind: "float", index: named("heads") },
      layer: { kind: "local", name: "run.layer" },
      layers: { kind: "local", name: "run.layers" },
    };
    for (const t of spec.numbers) {
      const value = numbers[t.name];
      if (value) this.#homes.set(t, { kind: "number", value });
    }
    return spec.parameters.flatMap(({ tensor: t }): Stmt[] => {
      const place = this.#inputs.places.get(t);
      if (!place) return [];
      const { buffer, index } = this.#inputBase(t, 0);
      const [d] = t.shape;
      if (!d) {
        const name = this.#names(t.name, "s");
        this.#homes.set(t, { kind: "number", value: { kind: "local", name } });
        return [{ kind: "let", name, value: { kind: "load", buffer, index } }];
      }
      if (t.shape.length > 1) {
        this.#homes.set(t, { kind: "buffer", buffer, base: index });
        return [];
      }
      const array = this.#names(t.name, "v");
      this.#homes.set(t, { kind: "array", array, byToken: false });
      return [
        { kind: "variable", name: array, extents: [this.#blocks(d)] },
        ...this.#overLanes(d, (run, within) => [
          {
            kind: "assign",
            place: { kind: "element", array, index: [run.block] },
            value: masked({ kind: "load", buffer, index: plus(index, run.element) }, within, "0.0"),
          },
        ]),
      ];
    });
  }

  /** The inputs of the tile's tokens: numbers and vectors; what is read row by row for one token stays where it is. */
  #loads(): Stmt[] {
    return [...this.#program.inputs].flatMap(([t, tile]): Stmt[] => {
      if (t.shape.length > 1) return [];
      const array = this.#names(t.name, t.shape.length === 0 ? "s" : "v");
      const [d] = t.shape;
      this.#homes.set(tile, { kind: "array", array, byToken: true });
      const declared: Stmt = {
        kind: "variable",
        name: array,
        extents: d ? [this.#length, this.#blocks(d)] : [this.#length],
      };
      const load = (run: Run): Stmt[] => {
        const exists: Below = { index: run.element, bound: named("count") };
        if (t.name === "step" && !this.#inputs.places.has(t)) {
          const index: Index = { kind: "remainder", of: plus(named("m"), run.element), by: this.#steps };
          return [{ kind: "assign", place: { kind: "element", array, index: [run.element] }, value: { kind: "float", index } }];
        }
        const { buffer, index } = this.#inputBase(t, run.element);
        if (!d)
          return [
            {
              kind: "assign",
              place: { kind: "element", array, index: [run.element] },
              value: masked({ kind: "load", buffer, index }, [exists], "0.0"),
            },
          ];
        return this.#overLanes(d, (lanes, within) => [
          {
            kind: "assign",
            place: { kind: "element", array, index: [run.element, lanes.block] },
            value: masked({ kind: "load", buffer, index: plus(index, lanes.element) }, [exists, ...within], "0.0"),
          },
        ]);
      };
      return [declared, ...this.#overTokens(load, "rolled")];
    });
  }

  // ---------------------------------------------------------------- loops

  #overLanes(d: Dim, body: (run: Run, within: readonly Below[]) => readonly Stmt[]): Stmt[] {
    const extent = this.#extent(d);
    const blocks = this.#blocks(d);
    const name = this.#names("n", "");
    const turn = (block: Index): readonly Stmt[] => {
      const element = plus(times(block, this.#lanes), named("lane"));
      const within = extent % this.#lanes === 0 ? [] : [{ index: element, bound: extent }];
      return body({ over: "lanes", block, lane: named("lane"), element }, within);
    };
    if (blocks <= 1) return [...turn(0)];
    return [{ kind: "loop", name, from: 0, to: blocks, step: "rolled", body: turn(named(name)) }];
  }

  /** One element after the other, block by block and lane by lane: `step` is that of the lanes. */
  #overTurns(
    d: Dim,
    step: 1 | "rolled",
    body: (run: Run, within: readonly Below[]) => readonly Stmt[],
  ): Stmt[] {
    const extent = this.#extent(d);
    const blocks = this.#blocks(d);
    const [row, column] = [this.#names("r", ""), this.#names("c", "")];
    const exact = blocks === 1 || extent % this.#lanes === 0;
    const turn = (block: Index): Stmt => {
      const element = plus(times(block, this.#lanes), named(column));
      const run: Run = { over: "turns", block, lane: named(column), element };
      const inner = body(run, exact ? [] : [{ index: element, bound: extent }]);
      return { kind: "loop", name: column, from: 0, to: Math.min(this.#lanes, extent), step, body: inner };
    };
    if (blocks === 1) return [turn(0)];
    return [{ kind: "loop", name: row, from: 0, to: blocks, step: "rolled", body: [turn(named(row))] }];
  }

  #overTokens(body: (run: Run) => readonly Stmt[], step: 1 | "rolled"): Stmt[] {
    const name = this.#names("t", "");
    return [{ kind: "loop", name, from: 0, to: this.#length, step, body: body(token(named(name))) }];
  }

  // ---------------------------------------------------------------- steps

  #step({ order, statements }: Step): Stmt[] {
    const declared = statements.flatMap((s) => this.#declare(s));
    if (order === "batch" || order === "once")
      return [...declared, ...statements.flatMap((s) => this.#statement(s, order === "batch"))];
    if (order === "end") return [...declared, ...statements.flatMap((s) => this.#end(s))];
    const now = token(named("t"));
    const runs: Runs = new Map([[NOW, now]]);
    const body = statements.flatMap((s) => [...this.#before(s, now), ...this.#statement(s, false, runs), ...this.#after(s, now)]);
    return [...declared, { kind: "loop", name: "t", from: 0, to: named("count"), step: "rolled", body }];
  }

  #declare(s: Statement): Stmt[] {
    if (s.kind === "output" || s.kind === "end") return [];
    const tensors = s.before ? [s.target, s.before.tensor] : [s.target];
    return [
      ...tensors.flatMap((t): Stmt[] => {
        const home = this.#homes.get(t) as Home;
        const blocks = s.result.length > 0 ? [this.#blocks((s.result.at(-1) as Axis).dim)] : [];
        if (home.kind === "array")
          return [{ kind: "variable", name: home.array, extents: [...(home.byToken ? [this.#length] : []), ...blocks] }];
        if (home.kind === "rows") return [{ kind: "variable", name: home.array, extents: [this.#length, ...blocks] }];
        if (home.kind === "number") return [{ kind: "variable", name: (home.value as { name: string }).name, extents: [] }];
        return [];
      }),
      ...this.#running(s),
    ];
  }

  /** What runs along the tile has a place of its own, where it stands between tokens. */
  #running(s: Statement): Stmt[] {
    if (!s.before) return [];
    const name = this.#names(s.target.name, "run");
    this.#runningNames.set(s, name);
    const { start } = s.before;
    if (typeof start !== "number") {
      const value = this.#read(leaf(start, []), new Map());
      return [
        { kind: "variable", name, extents: [] },
        { kind: "assign", place: { kind: "local", name }, value },
      ];
    }
    const initial = `${start}.0`;
    if (s.result.length === 0) return [{ kind: "variable", name, extents: [], initial }];
    const [first] = s.result as [Axis];
    const rows = s.result.length > 1 ? [this.#extent(first.dim)] : [];
    const blocks = this.#blocks((s.result.at(-1) as Axis).dim);
    const declared: Stmt = { kind: "variable", name, extents: [...rows, blocks] };
    if (start === 0) return [declared];
    return [declared, ...this.#eachRunning(s, (index) => [
      { kind: "assign", place: { kind: "element", array: name, index }, value: { kind: "constant", value: start } },
    ])];
  }

  readonly #runningNames = new Map<Statement, string>();

  #eachRunning(s: Statement, body: (index: Index[]) => Stmt[]): Stmt[] {
    const block = (inner: (block: Index) => Stmt[]): Stmt[] => this.#overLanes((s.result.at(-1) as Axis).dim, (run) => inner(run.block));
    if (s.result.length === 1) return block((n) => body([n]));
    const row = this.#names("r", "");
    const rows: Stmt = { kind: "loop", name: row, from: 0, to: this.#extent((s.result[0] as Axis).dim), step: "rolled", body: block((n) => body([named(row), n])) };
    return [rows];
  }

  #copyRunning(s: Statement, tensor: Tensor, now: Run, into: "running" | "tile"): Stmt[] {
    const name = this.#runningNames.get(s) as string;
    const home = this.#homes.get(tensor) as { array: string; kind: string };
    const at = (index: Index[]): Place => ({ kind: "element", array: home.array, index: home.kind === "rows" ? index : [now.element, ...index] });
    const copy = (running: Place, tile: Place): Stmt =>
      into === "tile" ? { kind: "assign", place: tile, value: running } : { kind: "assign", place: running, value: tile };
    if (s.result.length === 0) return [copy({ kind: "local", name }, at([]))];
    return this.#eachRunning(s, (index) => [copy({ kind: "element", array: name, index }, at(index))]);
  }

  #before = (s: Statement, now: Run): Stmt[] => (s.before ? this.#copyRunning(s, s.before.tensor, now, "tile") : []);
  #after = (s: Statement, now: Run): Stmt[] => (s.before ? this.#copyRunning(s, s.target, now, "running") : []);

  /** One statement: for all tokens in its own loops, or for the one that `outer` says. */
  #statement(s: Statement, batch: boolean, outer: Runs = new Map()): Stmt[] {
    const lane = this.#laneOf(s);
    const comment: Stmt = { kind: "comment", text: this.#describe(s) };
    const hasNow = batch && isOfTokens(s.target) ? true : batch && s.kind === "output";
    const stored = this.#homes.get(s.target)?.kind === "buffer" || this.#stored.has(s.target);
    const wait = stored && s.kind !== "output" ? [barrier("storage")] : [];
    const stmts = !s.reduction
      ? this.#elementwise(s, lane, hasNow, outer)
      : s.reduction.axis === lane
        ? this.#acrossLanes(s, lane, hasNow, outer)
        : this.#alongTurns(s, lane as Axis, s.reduction.axis, hasNow, outer);
    return [comment, ...stmts, ...wait];
  }

  #elementwise(s: Statement, lane: Axis | undefined, batch: boolean, outer: Runs): Stmt[] {
    const others = s.result.filter((a) => a !== lane);
    const inner = (runs: Runs, within: readonly Below[]): Stmt[] => {
      const write = (r: Runs): Stmt[] => this.#write(s, r, within, this.#value(s.body, r));
      return batch ? this.#overTokens((t) => write(new Map([...runs, [NOW, t]])), "rolled") : write(runs);
    };
    const rows = (runs: Runs, within: readonly Below[], left: readonly Axis[]): Stmt[] => {
      const [axis, ...rest] = left;
      if (!axis) return inner(runs, within);
      return this.#overTurns(axis.dim, "rolled", (run, own) => rows(new Map([...runs, [axis, run]]), [...within, ...own], rest));
    };
    if (!lane) return rows(outer, [], others);
    return this.#overLanes(lane.dim, (run, within) => rows(new Map([...outer, [lane, run]]), within, others));
  }

  /** Each lane merges what it has, and then all lanes: the result is a number, or one element of a vector. */
  #acrossLanes(s: Statement, lane: Axis, batch: boolean, outer: Runs): Stmt[] {
    const { op } = s.reduction as NonNullable<Statement["reduction"]>;
    const one = (runs: Runs): Stmt[] => {
      const acc = this.#names("sum", "");
      return [
        { kind: "variable", name: acc, extents: [], initial: op.wgslInitial },
        ...this.#overLanes(lane.dim, (run, within) => [
          {
            kind: "merge",
            place: { kind: "local", name: acc },
            op,
            value: masked(this.#value(s.body, new Map([...runs, [lane, run]])), within, op.wgslInitial),
          },
        ]),
        ...this.#write(s, runs, [], { kind: "reduce-lanes", op, value: { kind: "local", name: acc } }),
      ];
    };
    const rows = (runs: Runs): Stmt[] => {
      const [axis] = s.result;
      return axis ? this.#overTurns(axis.dim, "rolled", (run) => one(new Map([...runs, [axis, run]]))) : one(runs);
    };
    return batch ? this.#overTokens((t) => rows(new Map([...outer, [NOW, t]])), "rolled") : rows(outer);
  }

  /** Each lane has its own results and goes through what is summed; tokens stand in registers side by side. */
  #alongTurns(s: Statement, lane: Axis, axis: Axis, batch: boolean, outer: Runs): Stmt[] {
    const { op } = s.reduction as NonNullable<Statement["reduction"]>;
    const others = s.result.filter((a) => a !== lane);
    const inner = (runs: Runs, within: readonly Below[]): Stmt[] => {
      const acc = this.#names("sum", "");
      const place = (t: Index): Place =>
        batch ? { kind: "element", array: acc, index: [t] } : { kind: "local", name: acc };
      const declared: Stmt = { kind: "variable", name: acc, extents: batch ? [this.#length] : [], initial: op.wgslInitial };
      const turns = this.#overTurns(axis.dim, 1, (run, own) => {
        const at = new Map([...runs, [axis, run]]);
        const fetched = this.#fetch(s.body, at);
        const merge = (r: Runs, t: Index): Stmt => ({
          kind: "merge",
          place: place(t),
          op,
          value: masked(this.#value(s.body, r), own, op.wgslInitial),
        });
        const body = batch
          ? this.#overTokens((t) => [merge(new Map([...at, [NOW, t]]), t.element)], 1)
          : [merge(at, 0)];
        this.#fetched.clear();
        return [...fetched, ...body];
      });
      const write = (r: Runs, t: Index): Stmt[] => this.#write(s, r, within, place(t));
      const done = batch
        ? this.#overTokens((t) => write(new Map([...runs, [NOW, t]]), t.element), "rolled")
        : write(runs, 0);
      return [declared, ...turns, ...done];
    };
    const rows = (runs: Runs, within: readonly Below[], left: readonly Axis[]): Stmt[] => {
      const [first, ...rest] = left;
      if (!first) return inner(runs, within);
      return this.#overTurns(first.dim, "rolled", (run, own) => rows(new Map([...runs, [first, run]]), [...within, ...own], rest));
    };
    return this.#overLanes(lane.dim, (run, within) => rows(new Map([...outer, [lane, run]]), within, others));
  }

  /** What is read from memory and is the same for all tokens is read once. */
  #fetch(body: Expr, runs: Runs): Stmt[] {
    return leavesOf(body).flatMap((l): Stmt[] => {
      if (l.index.includes(NOW) || !this.#isInMemory(l, runs)) return [];
      const name = this.#names(`${l.tensor.name}_at`, "");
      const value = this.#read(l, runs);
      this.#fetched.set(l, { kind: "local", name });
      return [{ kind: "let", name, value }];
    });
  }

  #isInMemory(l: Leaf, runs: Runs): boolean {
    const kind = this.#homes.get(l.tensor)?.kind;
    const [first] = l.index;
    return kind === "buffer" || kind === "input" || (isOfTokens(l.tensor) && !!first && runs.get(first)?.over === "lanes");
  }

  /** A state after the tile: its sums over the tokens stand in registers for one block of columns. */
  #end(s: Statement): Stmt[] {
    const comment: Stmt = { kind: "comment", text: this.#describe(s) };
    const [rows, columns] = s.result;
    const home = this.#homes.get(s.target) as Extract<Home, { kind: "buffer" }>;
    const store = (runs: Runs, within: readonly Below[]): Stmt[] =>
      when(within, [
        { kind: "store", buffer: home.buffer, index: plus(home.base, this.#offset(s.target, s.result, runs)), value: this.#value(s.body, runs) },
      ]);
    if (!rows) return [comment, ...store(new Map(), []), barrier("storage")];
    const stmts = this.#overLanes(rows.dim, (lane, within) => {
      const at = new Map([[rows, lane]]);
      if (!columns) return store(at, within);
      const extent = this.#extent(columns.dim);
      const width = Math.min(this.#lanes, extent);
      const sums = s.sums.map((sum) => ({ ...sum, name: this.#names("sum", "") }));
      const exact = extent % this.#lanes === 0 || this.#blocks(columns.dim) === 1;
      const column = (block: Index, name: string): Run => ({
        over: "turns", block, lane: named(name), element: plus(times(block, this.#lanes), named(name)),
      });
      const block = (n: Index): Stmt[] => {
        const c = this.#names("c", "");
        const run = column(n, c);
        const bounds = exact ? [] : [{ index: run.element, bound: extent }];
        for (const sum of sums)
          this.#homes.set(sum.tensor, { kind: "number", value: { kind: "element", array: sum.name, index: [named(c)] } });
        return [
          ...sums.map((sum): Stmt => ({ kind: "variable", name: sum.name, extents: [width] })),
          ...sums.flatMap((one) => {
            const token_ = this.#names("s", "");
            const inner = this.#names("c", "");
            const over: Run = {
              over: "turns",
              block: { kind: "quotient", of: named(token_), by: this.#lanes },
              lane: { kind: "remainder", of: named(token_), by: this.#lanes },
              element: named(token_),
            };
            const runs = new Map([...at, [one.axis, over], [columns, column(n, inner)]]);
            const add: Stmt = {
              kind: "merge",
              place: { kind: "element", array: one.name, index: [named(inner)] },
              op: sum,
              value: this.#value(one.body, runs),
            };
            const columnsLoop: Stmt = { kind: "loop", name: inner, from: 0, to: width, step: 1, body: [add] };
            return [{ kind: "loop", name: token_, from: 0, to: this.#length, step: "rolled", body: [columnsLoop] } satisfies Stmt];
          }),
          { kind: "loop", name: c, from: 0, to: width, step: "rolled", body: store(new Map([...at, [columns, run]]), [...within, ...bounds]) },
        ];
      };
      const blocks = this.#blocks(columns.dim);
      if (blocks === 1) return block(0);
      const r = this.#names("r", "");
      return [{ kind: "loop", name: r, from: 0, to: blocks, step: "rolled", body: block(named(r)) } satisfies Stmt];
    });
    return [comment, ...stmts, barrier("storage")];
  }

  // ---------------------------------------------------------------- values

  #write(s: Statement, runs: Runs, within: readonly Below[], value: Value): Stmt[] {
    const now = runs.get(NOW);
    if (s.kind === "output") {
      const t = (now as Run).element;
      const turn = plus(named("m"), t);
      const at: Index = this.#steps === 1 ? turn : { kind: "quotient", of: turn, by: this.#steps };
      const base = times(
        plus(times(plus(times(named("b"), named("run.tokens")), at), named("heads")), named("h")),
        this.#count(s.target.shape.slice(1)),
      );
      const store: Stmt = { kind: "store", buffer: "y_out", index: plus(base, this.#offset(undefined, s.result, runs)), value };
      const exists = when([{ index: t, bound: named("count") }, ...within], [store]);
      return this.#steps === 1 ? exists : [{ kind: "every", index: turn, period: this.#steps, phase: this.#steps - 1, body: exists }];
    }
    const home = this.#homes.get(s.target) as Home;
    const exists: Below[] = now && this.#across.has(s.target) ? [{ index: now.element, bound: named("count") }] : [];
    const own = masked(value, exists, "0.0");
    if (home.kind === "number") return [{ kind: "assign", place: home.value as Place, value: own }];
    if (home.kind === "buffer")
      return when(within, [{ kind: "store", buffer: home.buffer, index: plus(home.base, this.#offset(s.target, s.result, runs)), value: own }]);
    if (home.kind === "input") throw new InternalError("an input is written");
    const last = s.result.at(-1);
    const run = last && (runs.get(last) as Run);
    const index: Index[] =
      home.kind === "rows"
        ? [(runs.get(s.result[0] as Axis) as Run).element, (run as Run).block]
        : [...(home.byToken ? [(now as Run).element] : []), ...(run ? [run.block] : [])];
    const place: Place = { kind: "element", array: home.array, index };
    // Where every lane has the sum, the one that the element belongs to keeps it.
    const isOwn: Below[] =
      run?.over === "turns"
        ? [
            { index: named("lane"), bound: plus(run.lane, 1) },
            { index: run.lane, bound: plus(named("lane"), 1) },
          ]
        : [];
    const kept = this.#stored.get(s.target);
    const copy: Stmt[] =
      kept && run && now
        ? when([{ index: now.element, bound: named("count") }, ...within, ...isOwn], [
            {
              kind: "store",
              buffer: kept.buffer,
              index: plus(kept.base, times(now.element, this.#extent((last as Axis).dim)), run.element),
              value: place,
            },
          ])
        : [];
    return [...when(isOwn, [{ kind: "assign", place, value: own }]), ...copy];
  }

  #offset(t: Tensor | undefined, index: readonly Axis[], runs: Runs): Index {
    void t;
    let offset: Index = 0;
    for (const a of index) offset = plus(times(offset, this.#extent(a.dim)), (runs.get(a) as Run).element);
    return offset;
  }

  #value(e: Expr, runs: Runs): Value {
    switch (e.kind) {
      case "constant":
        return { kind: "constant", value: e.value };
      case "extent":
        return { kind: "constant", value: this.#extent(e.dim) };
      case "delta":
        return { kind: "same", left: this.#run(runs, e.left).element, right: this.#run(runs, e.right).element };
      case "index":
        return { kind: "float", index: this.#run(runs, e.axis).element };
      case "leaf":
        return this.#fetched.get(e) ?? this.#read(e, runs);
      case "apply":
        return folded(
          e.op,
          e.args.map((a) => this.#value(a, runs)),
        );
      default:
        throw new InternalError(`a ${e.kind} was left inside a statement of a tile`);
    }
  }

  #run(runs: Runs, a: Axis): Run {
    const run = a === LAST ? token(named("last")) : runs.get(a);
    if (!run) throw new InternalError(`axis ${a.id} has no loop in a tile`);
    return run;
  }

  #read(l: Leaf, runs: Runs): Value {
    const home = this.#homes.get(l.tensor);
    if (!home) throw new InternalError(`${l.tensor.name} lies nowhere in a tile`);
    const own = l.index.map((a) => this.#run(runs, a));
    if (home.kind === "number") return home.value;
    const [first, second] = own;
    if (isOfTokens(l.tensor) && first?.over === "lanes" && second && home.kind !== "rows") return this.#ofOther(l, first, second);
    if (home.kind === "buffer") {
      const index = isOfTokens(l.tensor) ? l.index.slice(1) : l.index;
      return { kind: "load", buffer: home.buffer, index: plus(home.base, this.#offset(l.tensor, index, runs)) };
    }
    if (home.kind === "input") throw new InternalError(`${l.tensor.name} is read where it is not`);
    const vector = home.kind === "rows" ? own[2] : home.byToken ? second : first;
    const time = home.kind === "rows" ? [second as Run] : home.byToken ? [first as Run] : [];
    const element: Value = {
      kind: "element",
      array: home.array,
      index: [...time.map((r) => r.element), ...(vector ? [vector.block] : [])],
    };
    return vector?.over === "turns" ? { kind: "shuffle", value: element, lane: vector.lane } : element;
  }

  /** What the token that a lane is at has: from memory. */
  #ofOther(l: Leaf, time: Run, element: Run): Value {
    const input = [...this.#program.inputs].find(([, tile]) => tile === l.tensor)?.[0];
    const exists: Below = { index: time.element, bound: named("count") };
    if (input && this.#inputs.places.has(input)) {
      const { buffer, index } = this.#inputBase(input, time.element);
      return masked({ kind: "load", buffer, index: plus(index, element.element) }, [exists], "0.0");
    }
    const kept = this.#stored.get(l.tensor);
    if (!kept) throw new InternalError(`${l.tensor.name} has no copy in memory`);
    const width = this.#extent((l.index[1] as Axis).dim);
    return masked(
      { kind: "load", buffer: kept.buffer, index: plus(kept.base, times(time.element, width), element.element) },
      [exists],
      "0.0",
    );
  }

  #describe(s: Statement): string {
    const body = s.reduction ? reduce(s.reduction.op, s.reduction.axis, s.body) : s.body;
    const sums = s.sums.map((x) => x.tensor);
    void sums;
    const name = s.target.name.replace(/·$/, "");
    const axes = s.result;
    if (body.axes.length > 2) return `${name} = …`;
    const text = printExpr(body, [...(body.axes.includes(NOW) ? [NOW] : []), ...axes].slice(0, 2), { style: unicode });
    return `${name} = ${text.length > 100 ? `${text.slice(0, 99)}…` : text}`;
  }
}

const token = (element: Index): Run => ({ over: "token", block: 0, lane: 0, element });
const leavesOf = (e: Expr): Leaf[] => postorder([e]).filter((x): x is Leaf => x.kind === "leaf");
void tensorsOf;
void axesFor;
