/**
 * A memory of a network as dispatches: tile by tile forwards, and backwards. The kernels of a tile are made once for a
 * rule and a length; where a sequence is one tile they work on the network's own tensors, and else on pieces of them.
 */
import { type DenseKernel, lowerDense } from "../dense/lower.ts";
import { type TileAdjoint, tileAdjoint } from "../form/tile-adjoint.ts";
import type { TileForm } from "../form/tile-form.ts";
import type { Target } from "../kernel/target.ts";
import { add, call, sub, sumOver } from "../math/algebra.ts";
import { type Axis, axesFor, dim, elements, freshAxis, type Sizes } from "../math/axis.ts";
import { constant, type Expr, leaf, position, type Tensor } from "../math/expr.ts";
import { REAL } from "../math/interval.ts";
import type { MemoryAdjoint } from "../network/adjoint.ts";
import type { MemoryCall } from "../network/program.ts";
import type { PlanBuilder } from "./plan.ts";
import { lowerTile, type TileKernels } from "./tile.ts";

/** Tokens of a tile where no chunk says how many: the work inside a tile grows with the square. */
const TILE = 16;

/** The memories of one rule. */
export class MemoryPlanner {
  readonly #plan: PlanBuilder;
  readonly #adjoint: TileAdjoint;
  readonly #form: TileForm;
  readonly #sizes: Sizes;
  readonly #target: Target;
  readonly #bounds: readonly (readonly [from: number, to: number])[];
  readonly #tiles = new Map<number, { readonly kernels: TileKernels; readonly sizes: Sizes }>();
  readonly #moves = new Map<string, readonly DenseKernel[]>();

  constructor(plan: PlanBuilder, form: TileForm, sizes: Sizes, target: Target) {
    this.#plan = plan;
    this.#form = form;
    this.#adjoint = tileAdjoint(form);
    this.#sizes = sizes;
    this.#target = target;
    const T = sizes.T as number;
    const length = Math.min(T, form.rule.spec.chunk ?? TILE);
    const bounds: [number, number][] = [];
    for (let t = 0; t < T; t += length) bounds.push([t, Math.min(T, t + length)]);
    this.#bounds = bounds;
  }

  forwards(sequence: string, memory: MemoryCall): void {
    for (const k of this.#bounds.keys()) this.#tile(sequence, memory, k, undefined);
  }

  backwards(sequence: string, adjoint: MemoryAdjoint): void {
    for (const k of [...this.#bounds.keys()].reverse()) this.#tile(sequence, adjoint.call, k, adjoint);
    this.#startBars(sequence, adjoint);
  }

  #kernels(k: number): { kernels: TileKernels; sizes: Sizes } {
    const [from, to] = this.#bounds[k] as readonly [number, number];
    const count = to - from;
    let found = this.#tiles.get(count);
    if (!found) {
      const { steps } = this.#form.rule.spec;
      const sizes = { ...this.#sizes, tile: count * steps, "tile.tokens": count };
      const name = `${this.#form.rule.spec.name}.${count}`;
      found = { kernels: lowerTile(name, this.#adjoint, sizes, this.#target), sizes };
      this.#tiles.set(count, found);
    }
    return found;
  }

  /** One tile forwards, or again and then backwards. */
  #tile(sequence: string, memory: MemoryCall, k: number, back: MemoryAdjoint | undefined): void {
    const plan = this.#plan;
    const { kernels, sizes } = this.#kernels(k);
    // Forwards, all tiles of all layers pass through the same memory; backwards, the runtime finds what can be shared.
    const own = back ? `${memory.output.name}/back ${k}` : `${this.#form.rule.spec.name}/${sizes.tile}`;
    const { tile, given, ...bars } = this.#adjoint;
    const places = new Map<Tensor, string>();
    const length = (t: Tensor): number => elements(t.shape, sizes);
    const states = [...tile.starts];
    const pasted: (() => void)[] = [];

    for (const [name, t] of tile.inputs)
      places.set(t, this.#piece(sequence, memory.inputs.get(name) as Tensor, length(t), k, own));
    for (const [name, t] of tile.parameters) places.set(t, (memory.parameters.get(name) as Tensor).name);
    for (const [name, t] of tile.numbers)
      places.set(t, plan.number(name === "layer" ? memory.layer.index : memory.layer.count));
    for (const [name, t] of states) places.set(t, this.#state(memory, name, k, length(t)));
    if (!back) {
      for (const [name, t] of tile.ends) places.set(t, this.#state(memory, name, k + 1, length(t)));
      places.set(tile.output, this.#pasted(memory.output, length(tile.output), k, own, sequence, pasted));
    } else {
      places.set(given.output, this.#piece(sequence, back.output, length(tile.output), k, own));
      for (const [name, t] of given.ends) places.set(t, this.#bar(memory, name, k + 1, length(t)));
      for (const [name, t] of bars.starts) places.set(t, this.#bar(memory, name, k, length(t)));
      for (const [name, t] of bars.inputs) {
        const whole = back.inputs.get(name);
        if (whole) places.set(t, this.#pasted(whole, length(t), k, own, sequence, pasted));
      }
      for (const [name, t] of bars.parameters) {
        const total = back.parameters.get(name);
        if (total) places.set(t, this.#added(total, length(t), k, own, sequence, pasted));
      }
    }
    plan.run(
      sequence,
      back ? kernels.backwards : kernels.forwards,
      sizes,
      (t) => places.get(t) ?? plan.passing(`${own}/${t.name}`, length(t)),
    );
    for (const paste of pasted) paste();
  }

  /** A state where a tile starts: what is learned of it, or nothing, where the sequence does. */
  #state(memory: MemoryCall, name: string, k: number, length: number): string {
    if (k === 0 && !memory.states.has(name)) return this.#plan.tensor(`zeros ${length}`, length);
    return this.#plan.tensor(stateName(memory, name, k), length);
  }

  /** Its adjoint; nothing comes after the last tile. */
  #bar(memory: MemoryCall, name: string, k: number, length: number): string {
    if (k === this.#bounds.length || (k > 0 && !this.#adjoint.starts.has(name)))
      return this.#plan.tensor(`zeros ${length}`, length);
    return this.#plan.passing(barName(memory, name, k), length);
  }

  // ---------------------------------------------------------------- pieces of whole sequences

  #piece(sequence: string, whole: Tensor, length: number, k: number, own: string): string {
    const total = this.#plan.passing(whole.name, elements(whole.shape, this.#sizes));
    if (this.#bounds.length === 1) return total;
    const name = this.#plan.passing(`${own}/piece of ${whole.name}`, length);
    this.#move(sequence, "cut", { whole: total, piece: name, length, k, of: whole });
    return name;
  }

  /** Where a tile leaves its piece of a sequence; all pieces are put together afterwards. */
  #pasted(
    whole: Tensor,
    length: number,
    k: number,
    own: string,
    sequence: string,
    later: (() => void)[],
  ): string {
    const total = this.#plan.passing(whole.name, elements(whole.shape, this.#sizes));
    if (this.#bounds.length === 1) return total;
    const name = this.#plan.passing(`${own}/piece of ${whole.name}`, length);
    later.push(() => this.#move(sequence, "paste", { whole: total, piece: name, length, k, of: whole }));
    return name;
  }

  /** What the tiles give together: the last one, which comes first, leaves it there, and the others add to it. */
  #added(
    total: Tensor,
    length: number,
    k: number,
    own: string,
    sequence: string,
    later: (() => void)[],
  ): string {
    const whole = this.#plan.passing(total.name, length);
    if (k === this.#bounds.length - 1) return whole;
    const name = this.#plan.passing(`${own}/part of ${total.name}`, length);
    later.push(() => {
      const count = dim([], length);
      const [before, part, after] = ["before", "part", "after"].map((n) => given(n, [count])) as Three;
      const axes = axesFor([count]);
      const value = add(leaf(before, axes), leaf(part, axes));
      const kernels = this.#made(`add ${length}`, after, value, new Map([[after, before]]));
      this.#plan.run(sequence, kernels, {}, (t) => (t.name === "part" ? name : whole));
    });
    return name;
  }

  #move(
    sequence: string,
    kind: "cut" | "paste",
    move: { whole: string; piece: string; length: number; k: number; of: Tensor },
  ): void {
    const [from, to] = this.#bounds[move.k] as readonly [number, number];
    const B = this.#sizes.B as number;
    const T = this.#sizes.T as number;
    const count = to - from;
    const width = move.length / (B * count);
    const [b, all, some, inner] = [B, T, count, width].map((n) => dim([], n)) as [Dim, Dim, Dim, Dim];
    const whole = given("whole", [b, all, inner]);
    const piece = given("piece", [b, some, inner]);
    const first = given("first", []);
    const at = (axis: Axis): Expr => position(axis);
    let kernels: readonly DenseKernel[];
    if (kind === "cut") {
      const [i, n, j] = axesFor(piece.shape) as [Axis, Axis, Axis];
      const t = freshAxis(all);
      const there = call("equal", at(t), add(at(n), leaf(first, [])));
      const value = sumOver(call("where", there, leaf(whole, [i, t, j]), constant(0)), [t]);
      kernels = this.#made(`cut ${B} ${T} ${count} ${width}`, piece, value);
    } else {
      const after = given("after", [b, all, inner]);
      const [i, t, j] = axesFor(after.shape) as [Axis, Axis, Axis];
      const n = freshAxis(some);
      const own = sub(at(t), leaf(first, []));
      const put = sumOver(call("where", call("equal", at(n), own), leaf(piece, [i, n, j]), constant(0)), [n]);
      const isOutside = call("less", own, constant(0));
      const isAfter = call("lessEqual", constant(count), own);
      const kept = leaf(whole, [i, t, j]);
      const value = call("where", isOutside, kept, call("where", isAfter, kept, put));
      kernels = this.#made(`paste ${B} ${T} ${count} ${width}`, after, value, new Map([[after, whole]]));
    }
    const number = this.#plan.number(from);
    this.#plan.run(sequence, kernels, {}, (t) =>
      t.name === "first" ? number : t.name === "piece" ? move.piece : move.whole,
    );
  }

  /** Kernels of one definition, made once. */
  #made(
    key: string,
    tensor: Tensor,
    value: Expr,
    replaces: ReadonlyMap<Tensor, Tensor> = new Map(),
  ): readonly DenseKernel[] {
    let found = this.#moves.get(key);
    if (!found) {
      const definition = { kind: "definition", tensor, value } as const;
      found = lowerDense(key, [definition], new Set([tensor]), {}, this.#target, replaces);
      this.#moves.set(key, found);
    }
    return found;
  }

  // ---------------------------------------------------------------- learned states

  /** What is learned of the states where a sequence starts: every sequence adds to it. */
  #startBars(sequence: string, { call: memory, states }: MemoryAdjoint): void {
    for (const [name, total] of states) {
      const t = this.#adjoint.starts.get(name);
      const length = elements(total.shape, this.#sizes);
      const B = this.#sizes.B as number;
      const [b, one] = [dim([], B), dim([], length)];
      const each = given("each", [b, one]);
      const sum = given("sum", [one]);
      const [i] = axesFor([one]) as [Axis];
      const s = freshAxis(b);
      const kernels = this.#made(`sum ${B} ${length}`, sum, sumOver(leaf(each, [s, i]), [s]));
      const from = t ? barName(memory, name, 0) : `zeros ${B * length}`;
      this.#plan.passing(total.name, length);
      this.#plan.run(sequence, kernels, {}, (x) => (x.name === "each" ? from : total.name));
    }
  }
}

type Dim = ReturnType<typeof dim>;
type Three = [Tensor, Tensor, Tensor];

const given = (name: string, shape: readonly Dim[]): Tensor => ({ name, shape, domain: REAL });

/** A state where tile `k` starts, `[B, H, …shape]`. */
export const stateName = ({ output }: MemoryCall, name: string, k: number): string =>
  `${output.name}/${name} at ${k}`;
const barName = ({ output }: MemoryCall, name: string, k: number): string =>
  `${output.name}/d ${name} at ${k}`;
