/**
 * Lowers a tile form to several small kernels. What needs no state is computed for all tiles at once; then the states
 * go from tile to tile, and stay where each tile starts; what is read of them is computed for all tiles at once again.
 * What the tokens of a tile have lies in scratch memory, the tokens side by side: a product is taken for all of them,
 * so that every number of a matrix is read once a tile.
 */
import { TILE, type TileForm } from "../../form/tile-form.ts";
import { reduce } from "../../math/algebra.ts";
import { type Axis, type Dim, extentOf, type Sizes } from "../../math/axis.ts";
import { type Expr, type Leaf, leaf, postorder, type Tensor } from "../../math/expr.ts";
import { sum } from "../../math/ops/index.ts";
import { printExpr } from "../../math/print.ts";
import { unicode } from "../../math/style.ts";
import { InternalError } from "../../source/diagnostic.ts";
import { type Bindings, bindInputs } from "../bindings.ts";
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
import { folded } from "../fold.ts";
import { identifiers } from "../identifiers.ts";
import type { Target } from "../target.ts";
import { type Part, partsOf, type Stage, startsOf } from "./parts.ts";
import {
  isOfTokens,
  LAST,
  NOW,
  readBy,
  type Statement,
  type TileProgram,
  tileProgram,
} from "./statements.ts";

/** Tokens of a tile, where no chunk says how many. */
const TOKENS = 16;
/** Rows of a matrix that a lane multiplies with the same numbers. */
const ROWS = 4;

/** Where the loops around stand on each axis. */
type At = ReadonlyMap<Axis, Index>;

/** Where a tensor lies: a number, or a part of a buffer; what tokens have lies with them side by side. */
type Home = { readonly value: Value } | { readonly buffer: string; readonly base: Index };

/** One kernel, when it runs, and how many workgroups share its rows. */
export interface TileKernel {
  readonly block: Block;
  readonly stage: Stage;
  readonly groups: number;
}

export interface TileKernels {
  readonly kernels: readonly TileKernel[];
  /** Turns of a tile. */
  readonly length: number;
}

/** Fields of the uniform buffer: how many tiles a dispatch has, the first of them, and how many there is room for. */
export const TILE_FIELDS = ["tiles", "at", "room"] as const;

/** Linear systems are solved token by token only. */
export const hasKernels = (form: TileForm): boolean =>
  !postorder([form.output, ...form.phases.flatMap((p) => p.quantities.map((q) => q.value))]).some(
    (e) => e.kind === "solve",
  );

export const lowerTiles = (form: TileForm, sizes: Sizes, target: Target): TileKernels =>
  new Lowering(form, sizes, target).kernels();

class Lowering {
  readonly #form: TileForm;
  readonly #program: TileProgram;
  readonly #sizes: Sizes;
  readonly #target: Target;
  readonly #lanes: number;
  readonly #length: number;
  readonly #steps: number;
  #names = identifiers();
  readonly #homes = new Map<Tensor, Home>();
  readonly #slots: Slot[] = [];
  /** Of the kernel that is being made. */
  #inputs: Bindings = { bindings: [], bases: [], places: new Map() };
  #stateStride = 0;
  #scratchStride = 0;

  constructor(form: TileForm, sizes: Sizes, target: Target) {
    const { spec, states } = form.rule;
    this.#form = form;
    this.#program = tileProgram(form);
    this.#target = target;
    this.#lanes = target.lanes;
    this.#steps = spec.steps;
    this.#length = (spec.chunk ?? Math.max(1, Math.round(TOKENS / spec.steps))) * spec.steps;
    this.#sizes = { ...sizes, [TILE.key]: this.#length };
    for (const s of states) {
      const length = this.#count(s.shape);
      this.#slots.push({ tensor: s.previous, name: s.name, offset: this.#stateStride, length });
      this.#stateStride += length;
    }
    // A tile reads the states where it starts, and writes those where the next one does.
    for (const [i, s] of states.entries()) {
      const { offset } = this.#slots[i] as Slot;
      this.#homes.set(form.starts.get(s) as Tensor, { buffer: "state", base: plus(named("start"), offset) });
      this.#homes.set(s.previous, { buffer: "state", base: plus(named("start"), named("ahead"), offset) });
    }
    for (const tile of this.#program.inputs.values()) this.#scratch(tile);
    for (const s of this.#program.steps.flatMap((step) => step.statements))
      if (s.kind === "value" || s.kind === "running")
        for (const t of s.before ? [s.target, s.before.tensor] : [s.target]) this.#scratch(t);
  }

  kernels(): TileKernels {
    const starts = new Set(this.#form.starts.values());
    const parts = partsOf(this.#program, starts);
    const inputs = this.#kernel({ stage: "before", order: "batch", statements: [] }, true);
    return { kernels: [inputs, ...parts.map((p) => this.#kernel(p, false))], length: this.#length };
  }

  #kernel(part: Part, isLoad: boolean): TileKernel {
    const { spec } = this.#form.rule;
    this.#names = identifiers();
    const used = new Set(part.statements.flatMap((s) => [...readBy(s), ...startsOf(s)]));
    const own = isLoad
      ? [...this.#program.inputs.keys()].filter((t) => !spec.numbers.includes(t))
      : spec.parameters.map((p) => p.tensor).filter((t) => used.has(t));
    const isOutput = part.statements.some((s) => s.kind === "output");
    const state = [...this.#form.starts.values()].some((t) => used.has(t)) || part.order === "end";
    const records = [...(state ? ["state"] : []), ...(this.#scratchStride > 0 ? ["scratch"] : [])];
    this.#inputs = bindInputs(
      own,
      records.map((name) => ({ name, access: "read_write", holds: [] })),
      isOutput ? this.#program.output : undefined,
      this.#target.storageBuffers,
      this.#names,
    );
    this.#givenNumbers();
    const body = isLoad ? this.#loads() : this.#part(part);
    return {
      stage: part.stage,
      groups: isLoad ? 1 : this.#groups(part),
      block: {
        name: `${spec.name}: ${isLoad ? "inputs" : part.statements.map((s) => s.target.name).join(", ")}`,
        lanes: this.#lanes,
        subgroups: false,
        tiles: 1,
        bindings: this.#inputs.bindings,
        bases: [...TILE_FIELDS, ...this.#inputs.bases],
        workgroup: [],
        state: { stride: this.#stateStride, slots: this.#slots },
        scratchStride: this.#scratchStride,
        steps: this.#steps,
        passes: 1,
        quantum: this.#length / this.#steps,
        body: [...this.#where(state), ...body],
      },
    };
  }

  /** Which tile of which head of which sequence a workgroup is at, and where its states and its scratch memory begin. */
  #where(state: boolean): Stmt[] {
    const let_ = (name: string, value: Index): Stmt => ({ kind: "index", name, value });
    const end = times(named("run.end"), this.#steps);
    const record = (room: Index): Index =>
      plus(times(plus(times(named("b"), room), named("slot")), named("heads")), named("h"));
    return [
      let_("h", named("workgroup.y")),
      let_("heads", named("workgroups.y")),
      let_("b", { kind: "quotient", of: named("workgroup.z"), by: named("run.tiles") }),
      let_("n", { kind: "remainder", of: named("workgroup.z"), by: named("run.tiles") }),
      let_("slot", plus(named("run.at"), named("n"))),
      let_("m", plus(times(named("run.first"), this.#steps), times(named("n"), this.#length))),
      let_("count", {
        kind: "least",
        of: [this.#length, { kind: "difference", from: end, less: named("m") }],
      }),
      let_("last", { kind: "difference", from: named("count"), less: 1 }),
      let_("own", times(record(named("run.room")), this.#scratchStride)),
      ...(state
        ? [
            let_("start", times(record(plus(named("run.room"), 1)), this.#stateStride)),
            let_("ahead", times(named("heads"), this.#stateStride)),
          ]
        : []),
    ];
  }

  #count = (shape: readonly Dim[]): number => shape.reduce((n, d) => n * this.#extent(d), 1);
  #extent = (d: Dim): number => extentOf(d, this.#sizes);

  #scratch(t: Tensor): void {
    this.#homes.set(t, { buffer: "scratch", base: plus(named("own"), this.#scratchStride) });
    this.#scratchStride += this.#count(t.shape);
  }

  // ---------------------------------------------------------------- what comes in

  #givenNumbers(): void {
    const { spec } = this.#form.rule;
    const numbers: Readonly<Record<string, Value>> = {
      head: { kind: "float", index: named("h") },
      heads: { kind: "float", index: named("heads") },
      layer: { kind: "local", name: "run.layer" },
      layers: { kind: "local", name: "run.layers" },
    };
    for (const t of spec.numbers) {
      const value = numbers[t.name];
      if (value) this.#homes.set(t, { value });
    }
    for (const { tensor: t } of spec.parameters) {
      const place = this.#inputs.places.get(t);
      if (!place) continue;
      this.#homes.set(t, {
        buffer: place.buffer,
        base: plus(place.start, times(named("h"), this.#count(t.shape))),
      });
    }
  }

  /** Where an input of the turn `m + t` begins. */
  #inputAt(tensor: Tensor, t: Index): { buffer: string; index: Index } {
    const { spec } = this.#form.rule;
    const { buffer, start } = this.#inputs.places.get(tensor) as { buffer: string; start: Index };
    const isByStep = spec.inputs.find((i) => i.tensor === tensor)?.each === "step";
    const turn = plus(named("m"), t);
    const at: Index =
      isByStep || this.#steps === 1
        ? plus(times(named("b"), named("run.tokens"), this.#steps), turn)
        : plus(times(named("b"), named("run.tokens")), { kind: "quotient", of: turn, by: this.#steps });
    return {
      buffer,
      index: plus(start, times(plus(times(at, named("heads")), named("h")), this.#count(tensor.shape))),
    };
  }

  /** Copies of the tile's inputs, the tokens side by side; 0 where there is no token. */
  #loads(): Stmt[] {
    const { spec } = this.#form.rule;
    return [...this.#program.inputs].flatMap(([t, tile]): Stmt[] => {
      const { buffer, base } = this.#homes.get(tile) as { buffer: string; base: Index };
      const put = (element: Index, token: Index): Stmt => {
        const isNumber = spec.numbers.includes(t);
        const from = isNumber ? undefined : this.#inputAt(t, token);
        const step: Index = { kind: "remainder", of: plus(named("m"), token), by: this.#steps };
        const value: Value = from
          ? masked(
              { kind: "load", buffer: from.buffer, index: plus(from.index, element) },
              [{ index: token, bound: named("count") }],
              "0.0",
            )
          : { kind: "float", index: step };
        return { kind: "store", buffer, index: plus(base, times(element, this.#length), token), value };
      };
      const elements = this.#count(t.shape);
      if (t.shape.length === 0)
        return this.#overLanes(this.#length, (token, within) => when(within, [put(0, token)]));
      return this.#overLanes(elements, (element, within) =>
        when(
          within,
          this.#over(this.#length, "rolled", (token) => [put(element, token)]),
        ),
      );
    });
  }

  // ---------------------------------------------------------------- loops

  /** A loop in which the lanes take one element each. */
  #overLanes(extent: number, body: (element: Index, within: readonly Below[]) => readonly Stmt[]): Stmt[] {
    const at = (first: Index): readonly Stmt[] => {
      const element = plus(first, named("lane"));
      return body(element, extent % this.#lanes === 0 ? [] : [{ index: element, bound: extent }]);
    };
    if (extent <= this.#lanes) return [...at(0)];
    // Workgroups take rows in turn.
    const i = this.#names("i", "");
    return [{ kind: "share", name: i, to: extent, step: this.#lanes, body: at(named(i)) }];
  }

  #over(extent: Index, step: 1 | "rolled", body: (element: Index) => readonly Stmt[], hint = "t"): Stmt[] {
    if (extent === 1) return [...body(0)];
    const name = this.#names(hint, "");
    return [{ kind: "loop", name, from: 0, to: extent, step, body: body(named(name)) }];
  }

  /** Loops over axes, one element after the other. */
  #overAxes(axes: readonly Axis[], at: At, body: (at: At) => readonly Stmt[], until?: Index): Stmt[] {
    const [axis, ...rest] = axes;
    if (!axis) return [...body(at)];
    return this.#over(
      until ?? this.#extent(axis.dim),
      "rolled",
      (i) => this.#overAxes(rest, new Map([...at, [axis, i]]), body),
      axis.dim === TILE ? "s" : "j",
    );
  }

  // ---------------------------------------------------------------- parts

  #part({ order, statements }: Part): Stmt[] {
    const comments = (some: readonly Statement[]): Stmt[] =>
      some.map((s) => ({ kind: "comment", text: this.#describe(s) }));
    if (order === "alone") {
      const [{ result }] = statements as [Statement];
      return [
        ...comments(statements),
        ...this.#spread(result, new Map(), (at, within) => when(within, this.#along(statements, at))),
      ];
    }
    if (order === "together") return [...comments(statements), ...this.#together(statements)];
    return statements.flatMap((s) => [...comments([s]), ...this.#one(s, order)]);
  }

  /** How many workgroups share the rows of a part. */
  #groups({ order, statements }: Part): number {
    const [first] = statements as [Statement];
    const [lane] = first.result;
    if (order === "together" || !lane) return 1;
    const extent = this.#extent(lane.dim);
    return Math.ceil(
      extent / (this.#lanes * (this.#isProduct(first) && order === "batch" ? this.#rows(lane) : 1)),
    );
  }

  #one(s: Statement, order: Part["order"]): Stmt[] {
    if (order === "end") return this.#end(s);
    if (order === "once")
      return this.#spread(s.result, new Map(), (at, within) => this.#compute(s, at, within));
    const [lane] = s.result;
    if (lane && s.reduction && this.#isProduct(s)) return this.#product(s, lane, s.reduction);
    return this.#spread([...s.result, NOW], new Map(), (at, within) => this.#compute(s, at, within));
  }

  #isProduct = (s: Statement): boolean => s.reduction !== undefined && s.result.length === 1;
  #rows = (lane: Axis): number =>
    Math.max(1, Math.min(ROWS, Math.floor(this.#extent(lane.dim) / this.#lanes)));

  /** Over the first of the axes the lanes, over the others loops; by one lane alone, where there is none. */
  #spread(
    axes: readonly Axis[],
    outer: At,
    body: (at: At, within: readonly Below[]) => readonly Stmt[],
  ): Stmt[] {
    const [first, ...rest] = axes;
    if (!first) return when([{ index: named("lane"), bound: 1 }], body(outer, []));
    return this.#overLanes(this.#extent(first.dim), (i, within) =>
      this.#overAxes(rest, new Map([...outer, [first, i]]), (at) => body(at, within)),
    );
  }

  /** The value of a statement at one place, and where it goes. */
  #compute(s: Statement, at: At, within: readonly Below[], until?: Index): Stmt[] {
    if (!s.reduction) return this.#write(s, at, within, this.#value(s.body, at));
    const { op, axis } = s.reduction;
    const acc = this.#names("sum", "");
    const place: Place = { kind: "local", name: acc };
    return [
      { kind: "variable", name: acc, extents: [], initial: op.wgslInitial },
      ...this.#overAxes(
        [axis],
        at,
        (inside) => [{ kind: "merge", place, op, value: this.#value(s.body, inside) }],
        until,
      ),
      ...this.#write(s, at, within, place),
    ];
  }

  /** A sum for all tokens: what does not depend on the token is read once, for several rows of a lane. */
  #product(s: Statement, lane: Axis, { op, axis }: NonNullable<Statement["reduction"]>): Stmt[] {
    const extent = this.#extent(lane.dim);
    const rows = this.#rows(lane);
    const width = rows * this.#lanes;
    const exact = extent % width === 0;
    const sums = Array.from({ length: rows }, () => this.#names("sum", ""));
    const block = (first: Index): Stmt[] => {
      const element = (r: number): Index => plus(first, r * this.#lanes, named("lane"));
      const at = (r: number, inside: At): At => new Map([...inside, [lane, element(r)]]);
      const turns = this.#overAxes([axis], new Map(), (inside) => {
        const fetched = sums.map((_, r) =>
          this.#fetch(s.body, (l) => l.index.includes(lane) && !l.index.includes(NOW), at(r, inside)),
        );
        const merged = this.#over(this.#length, 1, (t) => {
          const now = new Map([...inside, [NOW, t]]);
          const shared = this.#fetch(s.body, (l) => l.index.includes(NOW) && !l.index.includes(lane), now);
          return [
            ...shared.stmts,
            ...sums.map((name, r): Stmt => {
              const held = new Map([...shared.values, ...(fetched[r] as Fetched).values]);
              return {
                kind: "merge",
                place: { kind: "element", array: name, index: [t] },
                op,
                value: this.#value(s.body, at(r, now), held),
              };
            }),
          ];
        });
        return [...fetched.flatMap((f) => f.stmts), ...merged];
      });
      const done = this.#over(this.#length, 1, (t) =>
        sums.flatMap((name, r) => {
          const within = exact ? [] : [{ index: element(r), bound: extent }];
          return this.#write(s, at(r, new Map([[NOW, t]])), within, {
            kind: "element",
            array: name,
            index: [t],
          });
        }),
      );
      return [
        ...sums.map(
          (name): Stmt => ({ kind: "variable", name, extents: [this.#length], initial: op.wgslInitial }),
        ),
        ...turns,
        ...done,
      ];
    };
    if (extent <= width) return block(0);
    const i = this.#names("i", "");
    return [{ kind: "share", name: i, to: extent, step: width, body: block(named(i)) }];
  }

  #fetch(body: Expr, isWanted: (l: Leaf) => boolean, at: At): Fetched {
    const values = new Map<Leaf, Value>();
    const stmts = leavesOf(body)
      .filter(isWanted)
      .map((l): Stmt => {
        const name = this.#names(`${l.tensor.name}_at`, "");
        values.set(l, { kind: "local", name });
        return { kind: "let", name, value: this.#value(l, at) };
      });
    return { stmts, values };
  }

  /** A lane goes through the tokens on its own: it needs only what it made itself. */
  #along(statements: readonly Statement[], at: At): Stmt[] {
    const made = new Set(statements.map((s) => s.target));
    return [
      ...statements.flatMap((s) => this.#startRunning(s)),
      ...this.#over(this.#length, "rolled", (t) =>
        statements.flatMap((s) => this.#atToken(s, new Map([...at, [NOW, t]]), made)),
      ),
    ];
  }

  /** All lanes go through the tokens together, and wait for one another after each statement. */
  #together(statements: readonly Statement[]): Stmt[] {
    const made = new Set(statements.map((s) => s.target));
    return this.#over(this.#length, "rolled", (t) =>
      statements.flatMap((s) => [
        ...this.#spread(s.result, new Map([[NOW, t]]), (at, within) =>
          when(within, this.#atToken(s, at, made)),
        ),
        barrier("storage"),
      ]),
    );
  }

  readonly #runningPlaces = new Map<Statement, Place>();

  /** What runs along the tile stands in a register between tokens. */
  #startRunning(s: Statement): Stmt[] {
    if (!s.before) return [];
    const { start } = s.before;
    const name = this.#names(s.target.name, "run");
    const place: Place = { kind: "local", name };
    this.#runningPlaces.set(s, place);
    const value: Value =
      typeof start === "number"
        ? { kind: "constant", value: start }
        : this.#value(leaf(start, s.result), new Map());
    return [
      { kind: "variable", name, extents: [] },
      { kind: "assign", place, value },
    ];
  }

  /** `made` are the tensors that the same loop makes. */
  #atToken(s: Statement, at: At, made: ReadonlySet<Tensor>): Stmt[] {
    // What other tokens have is there for those before this one.
    const isOver = s.reduction?.axis.dim === TILE && leavesOf(s.body).some((l) => made.has(l.tensor));
    if (!s.before) return this.#compute(s, at, [], isOver ? at.get(NOW) : undefined);
    const place = this.#runningPlaces.get(s);
    if (!place) throw new InternalError(`${s.target.name} runs along a tile that lanes go through together`);
    return [
      ...this.#write({ ...s, target: s.before.tensor }, at, [], place),
      { kind: "assign", place, value: this.#value(s.body, at) },
      ...this.#write(s, at, [], place),
    ];
  }

  /** A state after the tile. */
  #end(s: Statement): Stmt[] {
    const [rows, columns] = s.result;
    const store = (at: At, within: readonly Below[]): Stmt[] =>
      this.#write(s, at, within, this.#value(s.body, at));
    if (!rows || !columns || s.sums.length === 0) return this.#spread(s.result, new Map(), store);
    return this.#overLanes(this.#extent(rows.dim), (i, within) => {
      const row: At = new Map([[rows, i]]);
      const held = new Map<Leaf, string>();
      const fetches = s.sums.flatMap(({ axis, body }) =>
        leavesOf(body)
          .filter((l) => l.index.includes(rows) && l.index.includes(axis) && !l.index.includes(columns))
          .flatMap((l): Stmt[] => {
            const name = this.#names(`${l.tensor.name}_of`, "");
            held.set(l, name);
            return [
              { kind: "variable", name, extents: [this.#length] },
              ...this.#over(
                this.#length,
                1,
                (t) => [
                  {
                    kind: "assign",
                    place: { kind: "element", array: name, index: [t] },
                    value: this.#value(l, new Map([...row, [axis, t]])),
                  },
                ],
                "s",
              ),
            ];
          }),
      );
      const each = this.#overAxes([columns], row, (at) => {
        const sums = s.sums.flatMap(({ tensor, axis, body }): Stmt[] => {
          const name = this.#names("sum", "");
          this.#homes.set(tensor, { value: { kind: "local", name } });
          return [
            { kind: "variable", name, extents: [] },
            ...this.#over(
              this.#length,
              1,
              (t) => {
                const values = new Map(
                  [...held].map(([l, array]): [Leaf, Value] => [l, { kind: "element", array, index: [t] }]),
                );
                const value = this.#value(body, new Map([...at, [axis, t]]), values);
                return [{ kind: "merge", place: { kind: "local", name }, op: sum, value }];
              },
              "s",
            ),
          ];
        });
        return [...sums, ...store(at, [])];
      });
      return [...fetches, ...when(within, each)];
    });
  }

  // ---------------------------------------------------------------- values

  #write(s: Statement, at: At, within: readonly Below[], value: Value): Stmt[] {
    const t = at.get(NOW);
    if (s.kind === "output") {
      const turn = plus(named("m"), t as Index);
      const token: Index = this.#steps === 1 ? turn : { kind: "quotient", of: turn, by: this.#steps };
      const place = plus(
        times(plus(times(named("b"), named("run.tokens")), token), named("heads")),
        named("h"),
      );
      const index = plus(times(place, this.#count(s.target.shape.slice(1))), this.#offset(s.result, at));
      const store = when(
        [...within, { index: t as Index, bound: named("count") }],
        [{ kind: "store", buffer: "y_out", index, value }],
      );
      if (this.#steps === 1) return store;
      return [{ kind: "every", index: turn, period: this.#steps, phase: this.#steps - 1, body: store }];
    }
    const { buffer, base } = this.#homes.get(s.target) as { buffer: string; base: Index };
    const offset = this.#offset(s.result, at);
    const index = isOfTokens(s.target) ? plus(times(offset, this.#length), t as Index) : offset;
    // Nothing stands where there is no token: others of the tile read it.
    const own =
      isOfTokens(s.target) && s.kind !== "running"
        ? masked(value, [{ index: t as Index, bound: named("count") }], "0.0")
        : value;
    return when(within, [{ kind: "store", buffer, index: plus(base, index), value: own }]);
  }

  #offset(index: readonly Axis[], at: At): Index {
    return index.reduce<Index>(
      (offset, a) => plus(times(offset, this.#extent(a.dim)), this.#place(at, a)),
      0,
    );
  }

  #place(at: At, a: Axis): Index {
    const found = a === LAST ? named("last") : at.get(a);
    if (found === undefined) throw new InternalError(`axis ${a.id} has no loop in a tile`);
    return found;
  }

  #value(e: Expr, at: At, held: ReadonlyMap<Leaf, Value> = NOTHING): Value {
    switch (e.kind) {
      case "constant":
        return { kind: "constant", value: e.value };
      case "extent":
        return { kind: "constant", value: this.#extent(e.dim) };
      case "delta":
        return { kind: "same", left: this.#place(at, e.left), right: this.#place(at, e.right) };
      case "index":
        return { kind: "float", index: this.#place(at, e.axis) };
      case "leaf":
        return held.get(e) ?? this.#read(e, at);
      case "apply":
        return folded(
          e.op,
          e.args.map((a) => this.#value(a, at, held)),
        );
      default:
        throw new InternalError(`a ${e.kind} was left inside a statement of a tile`);
    }
  }

  #read({ tensor, index }: Leaf, at: At): Value {
    const home = this.#homes.get(tensor);
    if (!home) throw new InternalError(`${tensor.name} lies nowhere in a tile`);
    if ("value" in home) return home.value;
    const token = isOfTokens(tensor) ? index[0] : undefined;
    const offset = this.#offset(token ? index.slice(1) : index, at);
    const whole = token ? plus(times(offset, this.#length), this.#place(at, token)) : offset;
    return { kind: "load", buffer: home.buffer, index: plus(home.base, whole) };
  }

  #describe(s: Statement): string {
    const body = s.reduction ? reduce(s.reduction.op, s.reduction.axis, s.body) : s.body;
    const name = s.target.name;
    const axes: Axis[] = [...(body.axes.includes(NOW) ? [NOW] : []), ...s.result];
    if (axes.length > 2) return `${name} = …`;
    const text = printExpr(body, axes, { style: unicode });
    return `${name} = ${text.length > 100 ? `${text.slice(0, 99)}…` : text}`;
  }
}

interface Fetched {
  readonly stmts: readonly Stmt[];
  readonly values: ReadonlyMap<Leaf, Value>;
}

const NOTHING: ReadonlyMap<Leaf, Value> = new Map();
const leavesOf = (e: Expr): Leaf[] => postorder([e]).filter((x): x is Leaf => x.kind === "leaf");
