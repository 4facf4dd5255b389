/**
 * Lowers the recurrent form to one kernel: a workgroup takes a head of a sequence (or a tile of its
 * rows) and walks through the tokens, the state in registers where it fits.
 */
import type { RecurrentForm } from "../form/recurrent.ts";
import { extentOf, type Sizes } from "../math/axis.ts";
import type { Tensor } from "../math/expr.ts";
import { bring, inside, leave, type Region } from "./access.ts";
import {
  type Block,
  barrier,
  type Index,
  named,
  plus,
  read,
  type Stmt,
  times,
  type Value,
  when,
} from "./block.ts";
import { Layout } from "./layout.ts";
import { Loops } from "./loops.ts";
import { Nests } from "./nests.ts";
import type { Step } from "./schedule.ts";
import type { Target } from "./target.ts";
import { tidy } from "./tidy.ts";
import { waitingFirst } from "./waits.ts";

/** For sequences side by side in a batch, or packed: one after the other, with their bounds in `cu_seqlens`. */
export const lowerRecurrent = (form: RecurrentForm, sizes: Sizes, target: Target, isPacked = false): Block =>
  new Lowering(new Layout(form, sizes, target, isPacked)).block();

class Lowering {
  readonly #layout: Layout;
  readonly #loops: Loops;
  readonly #nests: Nests;
  /** Where the sequence of the workgroup starts among all tokens. */
  readonly #start: Index;
  /** Up to which of the sequence's own tokens it runs. */
  readonly #end: Index;

  constructor(layout: Layout) {
    this.#layout = layout;
    this.#loops = new Loops(layout);
    this.#nests = new Nests(layout, this.#loops);
    this.#start = layout.isPacked ? named("sequence_start") : times(named("b"), named("run.tokens"));
    this.#end = named(layout.isPacked ? "span_end" : "run.end");
  }

  block(): Block {
    const form = this.#layout.form;
    const bindings = this.#layout.bindings;
    const before: Stmt[] = [...this.#constants(), ...this.#loadStates()];
    const after = this.#storeStates();
    const { steps } = form;
    const turn: Stmt[] = [
      ...this.#countTurn(),
      ...this.#startChunk(),
      ...this.#loadToken(),
      ...this.#compute(),
      ...(this.#layout.target.subgroups ? [] : [barrier("workgroup")]),
    ];
    const places: Stmt[] = [
      { kind: "index", name: "h", value: named("workgroup.y") },
      { kind: "index", name: "b", value: named("workgroup.z") },
      { kind: "index", name: "heads", value: named("workgroups.y") },
      ...this.#firstRow(),
      ...this.#records(),
    ];
    const run: Stmt[] = [
      ...before,
      {
        kind: "loop",
        name: steps === 1 ? "t" : "m",
        from: times(named("run.first"), steps),
        to: times(this.#end, steps),
        step: "one",
        body: turn,
      },
      ...after,
    ];
    return {
      name: form.name,
      lanes: this.#layout.target.lanes,
      subgroups: this.#layout.target.subgroups,
      tiles: this.#layout.schedule.tile?.count ?? 1,
      bindings,
      bases: this.#layout.bases,
      workgroup: this.#layout.workgroup,
      planar: this.#layout.planar,
      state: { stride: this.#layout.stateStride, slots: this.#layout.slots },
      scratchStride: this.#layout.scratchStride,
      steps,
      passes: this.#passes(this.#layout.schedule.steps),
      quantum: form.resumes ? 1 : (form.chunk ?? 1),
      body: waitingFirst(tidy([...places, ...(this.#layout.isPacked ? this.#ofSequence(run) : run)])),
    };
  }

  /** The first of a lane's rows of the dimension that is split over workgroups. */
  #firstRow(): Stmt[] {
    const { tile } = this.#layout.schedule;
    if (!tile) return [];
    return [
      {
        kind: "index",
        name: "row",
        value: plus(times(named("workgroup.x"), tile.rows), this.#layout.spread.first(tile.dim, true)),
      },
    ];
  }

  /** Where the states of the workgroup begin, and its scratch memory. */
  #records(): Stmt[] {
    const record = plus(times(named("b"), named("heads")), named("h"));
    const { stateStride, scratchStride } = this.#layout;
    const base = (name: string, stride: number): Stmt[] =>
      stride === 0 ? [] : [{ kind: "index", name, value: times(record, stride) }];
    return [...base("state_base", stateStride), ...base("scratch_base", scratchStride)];
  }

  /** How often a token goes over the states: of its turns a loop takes one for every fourth row, about. */
  #passes(steps: readonly Step[]): number {
    return steps.reduce((n, s) => {
      if (s.kind === "nest") return n;
      const turns = Math.ceil(extentOf(s.repeat.turns.dim, this.#layout.sizes) / 4);
      return n + turns * this.#passes(s.steps);
    }, 1);
  }

  /** The run of one packed sequence: over those of its tokens that are in this span, if any are. */
  #ofSequence(run: readonly Stmt[]): Stmt[] {
    const bound = (index: Index): Index => ({ kind: "load", buffer: "cu_seqlens", index });
    const length: Index = { kind: "difference", from: bound(plus(named("b"), 1)), less: this.#start };
    return [
      { kind: "index", name: "sequence_start", value: bound(named("b")) },
      { kind: "index", name: "span_end", value: { kind: "least", of: [named("run.end"), length] } },
      ...when([{ index: named("run.first"), bound: this.#end }], run),
    ];
  }

  /** Where the token, and the turn of several that it has, stand in the buffers of their tensors. */
  #countTurn(): Stmt[] {
    const { steps } = this.#layout.form;
    const place = (first: Index, at: Index): Index =>
      plus(times(plus(first, at), named("heads")), named("h"));
    const token: Stmt = { kind: "index", name: "token", value: place(this.#start, named("t")) };
    if (steps === 1) return [token];
    const m = named("m");
    return [
      { kind: "index", name: "t", value: { kind: "quotient", of: m, by: steps } },
      token,
      { kind: "index", name: "turn", value: place(times(this.#start, steps), m) },
    ];
  }

  /** Every nest in turn; what only the output needs, in the last turn of a token alone. */
  #compute(): Stmt[] {
    const all = this.#layout.schedule.steps;
    const { steps } = this.#layout.form;
    const tail = steps === 1 ? all.length : all.findLastIndex((step) => !step.outputOnly) + 1;
    const lower = (some: typeof all): Stmt[] => some.flatMap((step) => this.#nests.step(step));
    const always = lower(all.slice(0, tail));
    const last = lower(all.slice(tail));
    if (last.length === 0) return always;
    return [...always, { kind: "every", index: named("m"), period: steps, phase: steps - 1, body: last }];
  }

  // -------------------------------------------------------------- what is loaded and stored when

  #constants(): Stmt[] {
    const numbers: Readonly<Record<string, Value>> = {
      head: { kind: "float", index: named("h") },
      heads: { kind: "float", index: named("heads") },
      layer: { kind: "local", name: "run.layer" },
      layers: { kind: "local", name: "run.layers" },
      step: { kind: "float", index: { kind: "remainder", of: named("m"), by: this.#layout.form.steps } },
    };
    for (const t of this.#layout.form.numbers) this.#layout.scalars.set(t, numbers[t.name] as Value);
    return this.#layout.form.parameters.flatMap((t) =>
      this.#layout.buffers.has(t) ? this.#loadSmall(t) : [],
    );
  }

  #loadToken(): Stmt[] {
    const loads = [...this.#layout.form.tokens, ...this.#layout.form.stepwise].flatMap((t) =>
      this.#layout.buffers.has(t) ? this.#loadSmall(t) : [],
    );
    return this.#layout.target.subgroups || loads.length === 0 ? loads : [...loads, barrier("workgroup")];
  }

  /** Brings a scalar or a vector from its buffer onto the chip; matrices are read where they are used. */
  #loadSmall(t: Tensor): Stmt[] {
    const region = this.#layout.buffers.get(t) as Region;
    const { buffer, base } = region;
    if (t.shape.length === 0) {
      const name = this.#layout.name(t, "s");
      this.#layout.scalars.set(t, { kind: "local", name });
      return [{ kind: "let", name, value: { kind: "load", buffer, index: base } }];
    }
    if (t.shape.length > 1) return [];
    const declared = this.#layout.declareVector(t);
    return [
      ...declared,
      ...this.#loops.overVector(t, (place, spot, within) =>
        bring(place, buffer, inside(region, spot), within, this.#naming(t)),
      ),
    ];
  }

  /** Names for what has to do with a tensor. */
  #naming(t: Tensor): (hint: string) => string {
    return (hint) => this.#layout.local(`${t.name}_${hint}`);
  }

  // -------------------------------------------------------------- states

  #loadStates(): Stmt[] {
    return this.#layout.form.carry.flatMap((s) => {
      const region = this.#layout.buffers.get(s.previous) as Region;
      const chip = this.#loops.onChip(s.previous, s.shape);
      if (!chip) return [];
      this.#layout.share(s.previous, s.next);
      const isKept = !s.start || this.#layout.buffers.has(s.start);
      const copy = isKept ? undefined : this.#loops.onChip(s.start as Tensor, s.shape);
      return [
        ...chip.declared,
        ...(copy?.declared ?? []),
        ...chip.each((place, spot, within) =>
          bring(place, region.buffer, inside(region, spot), within, this.#naming(s.previous)),
        ),
      ];
    });
  }

  #storeStates(): Stmt[] {
    return this.#layout.form.carry.flatMap((s) => {
      const region = this.#layout.buffers.get(s.previous) as Region;
      const each = this.#loops.eachOnChip(s.previous, s.shape);
      if (!each) return [];
      return each((place, spot, within) =>
        leave(place, region.buffer, inside(region, spot), within, this.#naming(s.previous)),
      );
    });
  }

  /** Copies of the states, taken at the first token of each chunk. */
  #startChunk(): Stmt[] {
    const { chunk } = this.#layout.form;
    if (chunk === undefined) return [];
    const copies = this.#layout.form.carry.flatMap((s) => {
      if (!s.start) return [];
      const kept = this.#layout.buffers.get(s.start);
      const each = this.#loops.eachOnChip(kept ? s.previous : s.start, s.shape);
      if (kept && each) {
        return each((place, spot, within) =>
          leave(place, kept.buffer, inside(kept, spot), within, this.#naming(s.previous)),
        );
      }
      if (each) {
        return each((place) => [
          {
            kind: "assign",
            place,
            value: read(this.#layout.placeLike(place, s.start as Tensor, s.previous)),
          },
        ]);
      }
      const from = this.#layout.buffers.get(s.previous) as Region;
      const to = kept as Region;
      const e = this.#layout.local("e");
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
          to: this.#layout.count(s.shape),
          step: this.#layout.target.lanes,
          body: [copy],
        } satisfies Stmt,
      ];
    });
    const wait = this.#nests.waits();
    const { steps } = this.#layout.form;
    const index = named(steps === 1 ? "t" : "m");
    return [{ kind: "every", index, period: chunk * steps, phase: 0, body: [...copies, ...wait] }];
  }
}
