/**
 * The value of an expression inside some loops, as statements: what several parts use has a name, and what does not
 * change in a loop stands before it.
 */
import { type Below, type Index, masked, named, plus, type Stmt, type Value } from "../kernel/block.ts";
import { splitCoefficient, termsOf } from "../math/algebra.ts";
import { type Axis, extentOf } from "../math/axis.ts";
import { type Apply, type Expr, type Leaf, open, type Reduce } from "../math/expr.ts";
import { sum } from "../math/ops/index.ts";
import { InternalError } from "../source/diagnostic.ts";
import type { Frame } from "./frame.ts";
import { allParts, boundOf, guarded, type Lookup, lookupOf, parts, unguarded } from "./lookup.ts";
import { indexOf, labelOf, offset, type Spot, stridesOf } from "./space.ts";

/** Loops of at most this many turns may be unrolled by a driver: memory operations make compiling slow. */
const UNROLLED = 4;

/** How many parts use each part of the values. */
export type Uses = ReadonlyMap<Expr, number>;

/** Counted without what is inside of `known`, which is computed in another way. */
export function usesIn(roots: readonly Expr[], known: readonly Expr[] = []): Uses {
  const uses = new Map<Expr, number>();
  const enter = (e: Expr): boolean => !known.includes(e);
  for (const e of [...allParts(roots, enter).filter(enter).flatMap(parts), ...roots])
    uses.set(e, (uses.get(e) ?? 0) + 1);
  return uses;
}

export class Scope {
  readonly statements: Stmt[] = [];
  readonly frame: Frame;
  readonly #uses: Uses;
  /** This scope and those around, from the inside. */
  readonly #around: readonly Scope[];
  readonly #spots = new Map<Axis, Spot>();
  readonly #known = new Map<Expr, Value>();
  readonly #indices = new Map<string, Index>();

  constructor(frame: Frame, uses: Uses, parent?: Scope) {
    this.frame = frame;
    this.#uses = uses;
    this.#around = [this, ...(parent ? parent.#around : [])];
  }

  /** A scope inside this one, for the body of a loop or of a condition. */
  inner(spots: Iterable<readonly [Axis, Spot]> = []): Scope {
    const made = new Scope(this.frame, this.#uses, this);
    for (const [axis, spot] of spots) made.bind(axis, spot);
    return made;
  }

  bind(axis: Axis, spot: Spot): void {
    this.#spots.set(axis, spot);
  }

  /** Says what the value of an expression is here. */
  know(e: Expr, value: Value): void {
    this.#known.set(e, value);
  }

  value(e: Expr): Value {
    if (e.kind === "constant") return { kind: "constant", value: e.value };
    if (e.kind === "extent") return { kind: "constant", value: extentOf(e.dim, this.frame.sizes) };
    const known = this.#lookUp(e);
    if (known) return known;
    const home = this.#homeOf(e.axes);
    return home.#make(e, home !== this);
  }

  /** A value with a name of its own. */
  named(e: Expr, hint: string): Value {
    const value = this.value(e);
    if (value.kind === "local" || value.kind === "constant") return value;
    return this.#name(value, hint);
  }

  index(spot: Spot): Index {
    return indexOf(spot, (made) => {
      if (spot.kind !== "part") return made;
      const key = `${spot.of} ${spot.divisor} ${spot.extent}`;
      const found = this.#indexNamed(key);
      if (found) return found;
      const home = this.#declaring(spot.of);
      const name = this.frame.name(spot.label, "at");
      home.statements.push({ kind: "index", name, value: made });
      home.#indices.set(key, named(name));
      return named(name);
    });
  }

  spot(axis: Axis): Spot {
    for (const s of this.#around) {
      const found = s.#spots.get(axis);
      if (found) return found;
    }
    throw new InternalError(`axis ${axis.id} has no loop`);
  }

  /** Where an element of a tensor lies in its buffer. */
  place(l: Leaf): Index {
    const strides = stridesOf(l, this.frame.sizes);
    const terms = l.index.map((a) => ({ spot: this.spot(a), stride: strides.get(a) as number }));
    return offset(terms, (spot) => this.index(spot));
  }

  // -------------------------------------------------------------- scopes

  #lookUp(e: Expr): Value | undefined {
    for (const s of this.#around) if (s.#known.has(e)) return s.#known.get(e);
    return undefined;
  }

  #indexNamed(key: string): Index | undefined {
    for (const s of this.#around) if (s.#indices.has(key)) return s.#indices.get(key);
    return undefined;
  }

  /** The outermost scope that has all of the axes. */
  #homeOf(axes: readonly Axis[]): Scope {
    return this.#outermost((s) => axes.every((a) => s.#around.some((x) => x.#spots.has(a))));
  }

  /** The outermost scope in which the index of this name is known. */
  #declaring(of: string): Scope {
    const knows = (s: Scope): boolean => [...s.#spots.values()].some((x) => x.kind === "part" && x.of === of);
    return this.#outermost((s) => s.#around.some(knows));
  }

  /** Of the scopes around. What holds in one must hold in those inside. */
  #outermost(holds: (s: Scope) => boolean): Scope {
    return this.#around.findLast(holds) ?? this;
  }

  // -------------------------------------------------------------- values

  #name(value: Value, hint: string): Value {
    const name = this.frame.name(hint, "value");
    this.statements.push({ kind: "let", name, value });
    return { kind: "local", name };
  }

  #make(e: Expr, isForInner: boolean): Value {
    let value = this.#lookUp(e) ?? this.#compute(e);
    const takesWork = value.kind !== "local" && value.kind !== "constant";
    if (takesWork && (isForInner || (this.#uses.get(e) ?? 1) > 1)) value = this.#name(value, this.#hintOf(e));
    this.#known.set(e, value);
    return value;
  }

  #hintOf(e: Expr): string {
    if (e.kind === "leaf") return this.frame.plain(e.tensor);
    if (e.kind === "apply")
      return e.op.name === "mul" ? "product" : e.op.name === "add" ? "total" : e.op.name;
    return e.kind;
  }

  #compute(e: Expr): Value {
    switch (e.kind) {
      case "leaf":
        return { kind: "load", buffer: this.frame.reads(e.tensor), index: this.place(e) };
      case "index":
        return { kind: "float", index: this.index(this.spot(e.axis)) };
      case "delta":
        return { kind: "same", left: this.index(this.spot(e.left)), right: this.index(this.spot(e.right)) };
      case "apply":
        return this.#apply(e);
      case "reduce": {
        const lookup = lookupOf(e);
        return lookup ? this.#lookedUp(lookup) : this.#total(e);
      }
      default:
        throw new InternalError(`a ${e.kind} cannot be lowered to a dense kernel`);
    }
  }

  #apply(e: Apply): Value {
    const args = e.args.map((a) => this.value(a));
    const numbers = args.map((a) => (a.kind === "constant" ? a.value : undefined));
    const { op } = e;
    if (op.gives !== "real" || numbers.includes(undefined)) return { kind: "apply", op, args };
    const [a = 0, b = 0, c = 0] = numbers as number[];
    return {
      kind: "constant",
      value: op.variadic ? (numbers as number[]).reduce((x, y) => op.value(x, y, 0)) : op.value(a, b, c),
    };
  }

  /** A short reduction, or one in a kernel of which everything is a loop. */
  #total(e: Reduce): Value {
    const { axis, body } = open(e);
    const extent = extentOf(axis.dim, this.frame.sizes);
    const range = e.op === sum && extent > 1 ? this.#bounded(body, axis) : { body };
    const name = this.frame.name(e.op.name === "sum" ? "sum" : "largest");
    this.statements.push({ kind: "variable", name, extents: [], initial: e.op.wgslInitial });
    const place: Value & { kind: "local" } = { kind: "local", name };
    this.loop(
      axis,
      (inner) => {
        inner.statements.push({ kind: "merge", place, op: e.op, value: inner.value(range.body) });
      },
      range,
    );
    return place;
  }

  /** The positions outside of which the terms of a sum are 0, and the terms without what says so. */
  #bounded(body: Expr, axis: Axis): Range & { readonly body: Expr } {
    const extent = extentOf(axis.dim, this.frame.sizes);
    const { conditions, factors } = guarded(body);
    const found: { from?: Index; to?: Index } = {};
    const left = conditions.filter((c) => {
      const bound = boundOf(c, axis);
      if (!bound || found[bound.side] !== undefined) return true;
      const affine = affineOf(bound.at, this);
      if (!affine || affine.low < 0) return true;
      const { index, high } = affine;
      found[bound.side] =
        bound.side === "to" && high > extent ? { kind: "least", of: [index, extent] } : index;
      return false;
    });
    return {
      ...found,
      body: left.length < conditions.length ? unguarded({ conditions: left, factors }) : body,
    };
  }

  /** Runs along an axis, or a range of it, one element after the other. */
  loop(axis: Axis, fill: (inner: Scope) => void, { from = 0, to }: Range = {}): void {
    const extent = extentOf(axis.dim, this.frame.sizes);
    if (extent === 1) {
      this.bind(axis, { kind: "index", index: 0 });
      fill(this);
      return;
    }
    const name = this.frame.name(labelOf(axis), "at");
    const inner = this.inner([[axis, { kind: "index", index: named(name) }]]);
    fill(inner);
    const isShort = extent <= UNROLLED && from === 0 && to === undefined;
    const step = isShort ? "one" : "rolled";
    this.statements.push({ kind: "loop", name, from, to: to ?? extent, step, body: inner.statements });
  }

  #lookedUp({ axis, at, rest }: Lookup): Value {
    const { sizes } = this.frame;
    const extent = extentOf(axis.dim, sizes);
    const affine = affineOf(at, this);
    let where: Index;
    let isInside = false;
    if (affine) {
      const { low, high, index } = affine;
      if (high < 0 || low >= extent) return { kind: "constant", value: 0 };
      isInside = low >= 0 && high < extent;
      where = typeof index === "number" ? index : this.#indexOf(index, axis);
    } else {
      const name = this.frame.name(labelOf(axis), "row");
      this.statements.push({
        kind: "let",
        name,
        value: { kind: "row", value: this.named(at, "row"), count: extent },
      });
      where = named(name);
    }
    this.bind(axis, { kind: "index", index: where });
    const value = this.value(rest);
    if (isInside) return value;
    const range: Below = { index: where, bound: extent };
    return masked(value, [range], "0.0");
  }

  #indexOf(value: Index, axis: Axis): Index {
    if (typeof value === "object" && value.kind === "name") return value;
    const name = this.frame.name(labelOf(axis), "row");
    this.statements.push({ kind: "index", name, value });
    return named(name);
  }
}

/** Of positions along an axis; where one side is left out, up to its end. */
interface Range {
  readonly from?: Index;
  readonly to?: Index;
}

interface Affine {
  /** Counted modulo 2³² where it is negative. */
  readonly index: Index;
  readonly low: number;
  readonly high: number;
}

/** A whole number made of positions, where the value is one. */
function affineOf(e: Expr, scope: Scope): Affine | undefined {
  const { sizes } = scope.frame;
  let constant = 0;
  const up: Index[] = [];
  const down: Index[] = [];
  let [low, high] = [0, 0];
  for (const term of termsOf(e)) {
    const [c, rest] = splitCoefficient(term);
    const fixed =
      rest.kind === "extent" ? extentOf(rest.dim, sizes) : rest.kind === "constant" ? rest.value : undefined;
    if (fixed !== undefined) {
      constant += c * fixed;
      continue;
    }
    if (rest.kind !== "index" || !Number.isInteger(c)) return undefined;
    const last = c * (extentOf(rest.axis.dim, sizes) - 1);
    low += Math.min(0, last);
    high += Math.max(0, last);
    const at = scope.index(scope.spot(rest.axis));
    const part: Index = Math.abs(c) === 1 ? at : { kind: "product", factors: [at, Math.abs(c)] };
    (c > 0 ? up : down).push(part);
  }
  if (!Number.isInteger(constant)) return undefined;
  if (constant > 0) up.push(constant);
  if (constant < 0) down.push(-constant);
  const from = up.length === 0 ? 0 : plus(...up);
  const index: Index = down.length === 0 ? from : { kind: "difference", from, less: plus(...down) };
  return { index, low: low + constant, high: high + constant };
}
