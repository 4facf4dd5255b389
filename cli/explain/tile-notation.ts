/**
 * A tile form as a person writes it: values at the tokens s and t of a tile, `kₛ` and `kₜ`, and sums over the earlier
 * tokens s. What only helps to compute is put in place; coefficients and sides have short names.
 */
import { heldIn } from "../../compiler/derive/ring.ts";
import type { RuleState } from "../../compiler/derive/rule.ts";
import { isRunning, type Running } from "../../compiler/form/running.ts";
import { type Quantity, TILE, type TileForm } from "../../compiler/form/tile-form.ts";
import {
  apply,
  at,
  call,
  isApply,
  isReduce,
  rebuild,
  splitCoefficient,
  termsOf,
} from "../../compiler/math/algebra.ts";
import { type Axis, axesFor, type Dim } from "../../compiler/math/axis.ts";
import {
  constant,
  type Expr,
  isConstant,
  leaf,
  open,
  postorder,
  type Tensor,
  tensorsOf,
} from "../../compiler/math/expr.ts";
import { REAL } from "../../compiler/math/interval.ts";
import { BEFORE_T, isOverTokens, UP_TO_T } from "./earlier.ts";

/** What is to be shown as an equation. */
export interface Shown {
  readonly left: Expr;
  /** Terms, those over the tile's tokens last. */
  readonly right: readonly Expr[];
  readonly shape: readonly Dim[];
}

/** What is read of states, by the names of those that are not made for it. */
export interface Read extends Shown {
  readonly of: readonly string[];
}

/** Which token's values an expression is of. */
type Token = "s" | "t";

/** A side of what is written stands in place of its name if it is made of no more than this. */
const SHORT_SIDE = 5;

const isOverTile = (t: Tensor): boolean => t.shape[0] === TILE;

export class TileNotation {
  readonly #form: TileForm;
  readonly #nameOf: (s: RuleState) => string;
  readonly #taken: Set<string>;
  readonly #quantities: ReadonlyMap<Tensor, Quantity>;
  readonly #befores: ReadonlyMap<Tensor, Running>;
  readonly #stacked: ReadonlyMap<Tensor, Tensor>;
  readonly #states = new Map<Tensor, (token: Token) => string>();
  readonly #serial: ReadonlySet<Tensor>;
  readonly #letters = new Map<Quantity, string>();
  readonly #sides = new Map<Tensor, string>();
  readonly #memo = { s: new Map<Expr, Expr>(), t: new Map<Expr, Expr>() };

  constructor(form: TileForm, nameOf: (s: RuleState) => string) {
    const { rule } = form;
    const all = [...form.constants, ...form.phases.flatMap((p) => p.quantities)];
    this.#form = form;
    this.#nameOf = nameOf;
    this.#taken = new Set([
      ...[...rule.spec.inputs, ...rule.spec.parameters].map((i) => i.tensor.name),
      ...rule.spec.numbers.map((t) => t.name),
      ...rule.states.map(nameOf),
    ]);
    this.#quantities = new Map(all.map((q) => [q.tensor, q]));
    this.#befores = new Map(all.filter(isRunning).map((q) => [q.before.tensor, q]));
    this.#stacked = new Map([...form.stacks].map(([t, stack]) => [stack, t]));
    for (const s of rule.states) {
      const name = nameOf(s);
      this.#states.set(form.starts.get(s) as Tensor, () => `${name}@chunk`);
      if (s.start) this.#states.set(s.start, () => `${name}@chunk`);
      this.#states.set(s.previous, (token) => `${name}@${token}-1`);
      this.#states.set(s.next, (token) => `${name}@${token}`);
    }
    this.#serial = new Set(
      form.phases.filter((p) => p.order === "serial").flatMap((p) => p.quantities.map((q) => q.tensor)),
    );
    this.#nameCoefficients(all.filter(isRunning));
    this.#nameSides();
  }

  /** Each state after token t; of those that keep past tokens as they are there is nothing to say. */
  states(): Shown[] {
    return this.#form.rule.states.flatMap((s) => {
      const after = this.#form.ends.get(s);
      if (!after || s.shape.length === 0 || heldIn(s.name) !== undefined) return [];
      return [this.#shown(leaf(s.next, axesFor(s.shape)), after, s.shape)];
    });
  }

  /** The states of past tokens that are had for each token of the tile. */
  held(): RuleState[] {
    const { rule, meanings } = this.#form;
    const had = [...meanings.values()].flatMap((e) => (e.kind === "leaf" ? [e.tensor] : []));
    return rule.states.filter(
      (s) => heldIn(s.name) !== undefined && (had.includes(s.next) || had.includes(s.previous)),
    );
  }

  /** How the coefficients follow from those of the token before. */
  coefficients(): Shown[] {
    return [...this.#letters.keys()].map((q) => {
      const shape = isOverTile(q.tensor) ? q.tensor.shape.slice(1) : q.tensor.shape;
      return this.#shown(leaf(q.tensor, axesFor(q.tensor.shape)), q.value, shape);
    });
  }

  /** The coefficients of states at the tile's start that begin at 1, and those that begin at 0. */
  firsts(start: 0 | 1): string[] {
    return [...this.#letters].flatMap(([q, letter]) =>
      !isOverTile(q.tensor) && q.before?.start === start ? [letter] : [],
    );
  }

  /** What a token writes, where it is neither an input nor made of little. */
  sides(): Shown[] {
    const seen = new Set<string>();
    return [...this.#sides].flatMap(([t, letter]) => {
      const meaning = this.#form.meanings.get(t);
      if (!meaning || seen.has(letter)) return [];
      seen.add(letter);
      return [this.#shown(leaf(t, axesFor(t.shape)), meaning, t.shape)];
    });
  }

  /** What tokens read of the states before them, and must have one after the other. */
  solved(): Shown[] {
    return [...this.#serial].flatMap((t) => (this.#sides.has(t) ? [] : this.#read(t)));
  }

  /** What the output reads of states. */
  reads(): Read[] {
    const made = this.made();
    return this.#asked().flatMap((t) => {
      const read = t.shape.length === 1 ? this.#read(t) : [];
      const meaning = this.#form.meanings.get(t) as Expr;
      return read.map((r) => ({ ...r, of: this.#statesIn(meaning).filter((s) => !made.includes(s)) }));
    });
  }

  /** The states that are made for a token, since the output reads them whole. */
  made(): string[] {
    const names = this.#asked().flatMap((t) => {
      const meaning = this.#form.meanings.get(t);
      return meaning?.kind === "leaf" && meaning.axes.length === 2 ? this.#statesIn(meaning) : [];
    });
    return [...new Set(names)];
  }

  // ---------------------------------------------------------------- what there is

  /** The quantities that the output needs, not counting what is written. */
  #asked(): Tensor[] {
    const found = new Set<Tensor>();
    const visit = (e: Expr): void => {
      for (const t of tensorsOf(e)) {
        const q = this.#quantities.get(t);
        if (!q || q.before || found.has(t) || this.#serial.has(t)) continue;
        found.add(t);
        visit(q.value);
      }
    };
    visit(this.#form.output);
    return [...found];
  }

  /** A product with a state, and what it is over the tile's start and its tokens. */
  #read(t: Tensor): Shown[] {
    const meaning = this.#form.meanings.get(t);
    const value = this.#quantities.get(t)?.value;
    return meaning && meaning.kind !== "leaf" && value ? [this.#shown(meaning, value, t.shape)] : [];
  }

  #shown(left: Expr, right: Expr, shape: readonly Dim[]): Shown {
    const whole = this.#convert(right, "t");
    const terms = termsOf(whole);
    const over = terms.filter(isOverTokens);
    const isNegative = (x: Expr): boolean => splitCoefficient(x)[0] < 0;
    const sorted = [
      ...terms.filter((x) => !over.includes(x)),
      ...over.filter((x) => !isNegative(x)),
      ...over.filter(isNegative),
    ];
    return { left: this.#convert(left, "t"), right: over.length > 0 ? sorted : [whole], shape };
  }

  #statesIn(e: Expr): string[] {
    return this.#form.rule.states.flatMap((s) => {
      const tensors = tensorsOf(e);
      return tensors.has(s.previous) || tensors.has(s.next) ? [this.#nameOf(s)] : [];
    });
  }

  // ---------------------------------------------------------------- names

  /** b for what is left of the tile's start, c for what is left of what a token wrote; numbered if there are several. */
  #nameCoefficients(running: readonly Running[]): void {
    // What begins as a state of the tile's start is that state itself.
    const firsts = running.filter((q) => typeof q.before.start === "number" && !this.#simple(q));
    for (const [letter, some] of [
      ["b", firsts.filter((q) => !isOverTile(q.tensor))],
      ["c", firsts.filter((q) => isOverTile(q.tensor))],
    ] as const)
      for (const q of some) this.#letters.set(q, this.#name(letter, some.length > 1));
  }

  #nameSides(): void {
    const byValue = new Map<Expr, string>();
    for (const t of this.#form.meanings.keys()) {
      const value = this.#quantities.get(t)?.value;
      if (!value || !this.#form.stacks.has(t) || this.#isShortSide(t, value) || this.#isHeld(t)) continue;
      const letter = byValue.get(value) ?? this.#name(t.name.replace(/\..*/, ""), false);
      byValue.set(value, letter);
      this.#sides.set(t, letter);
    }
  }

  #isShortSide(t: Tensor, value: Expr): boolean {
    const isFree = [...tensorsOf(value)].every((x) => !this.#quantities.has(x) && !this.#states.has(x));
    return isFree && !this.#serial.has(t) && postorder([value]).length <= SHORT_SIDE;
  }

  /** Whether it is what a state of past tokens holds, and so has a name. */
  #isHeld(t: Tensor): boolean {
    const meaning = this.#form.meanings.get(t);
    return meaning?.kind === "leaf" && this.held().some((s) => [s.next, s.previous].includes(meaning.tensor));
  }

  #name(letter: string, isNumbered: boolean): string {
    for (let n = isNumbered ? 1 : 0; ; n++) {
      const name = n === 0 ? letter : `${letter}${n === 1 && !isNumbered ? 2 : n}`;
      if (this.#taken.has(name)) continue;
      this.#taken.add(name);
      return name;
    }
  }

  // ---------------------------------------------------------------- putting in place

  /** What a coefficient always is, where that needs no name: at the token s that wrote, and unchanged since. */
  #simple(q: Running): Expr | undefined {
    const isBefore = (e: Expr | undefined): boolean => e?.kind === "leaf" && e.tensor === q.before.tensor;
    if (!isOverTile(q.tensor))
      return isBefore(q.value) && typeof q.before.start === "number" ? constant(q.before.start) : undefined;
    const [, first, then] = isApply(q.value, "where") ? q.value.args : [];
    return first && isBefore(then) ? this.#convert(first, "s") : undefined;
  }

  #convert(e: Expr, token: Token): Expr {
    const memo = this.#memo[token];
    let made = memo.get(e);
    if (!made) {
      made = this.#converted(e, token);
      memo.set(e, made);
    }
    return made;
  }

  #converted(e: Expr, token: Token): Expr {
    if (e.kind === "leaf") return this.#leaf(e.tensor, e.index, token);
    if (e.kind === "index" && e.axis.dim === TILE) return named("s", []);
    if (isApply(e, "equal") && e.args.some((a) => a.kind === "index" && a.axis.dim === TILE))
      return call("equal", named("s", []), named("t", []));
    if (isReduce(e, "sum") && e.axis.dim === TILE) {
      const { body } = open(e);
      return apply(this.#isBefore(body) ? BEFORE_T : UP_TO_T, [this.#convert(body, token)]);
    }
    return rebuild(e, (x) => this.#convert(x, token));
  }

  /** Whether a sum over the tile's tokens is one over those before t: their coefficients are. */
  #isBefore(body: Expr): boolean {
    return [...tensorsOf(body)].some((t) => {
      if (!isOverTile(t)) return false;
      const q = this.#quantities.get(t);
      return this.#befores.has(t) || (q !== undefined && !q.before && this.#isBefore(q.value));
    });
  }

  #leaf(t: Tensor, index: readonly Axis[], token: Token): Expr {
    const state = this.#states.get(t);
    if (state) return named(state(token), index);
    const before = this.#befores.get(t);
    const own = this.#quantities.get(t);
    const running = before ?? (own && isRunning(own) ? own : undefined);
    if (running) return this.#coefficient(running, before !== undefined, index);
    const stacked = this.#stacked.get(t);
    if (stacked) return this.#atToken(stacked, index.slice(1), "s");
    if (t === this.#form.now) return named("t", []);
    return this.#atToken(t, index, token);
  }

  #coefficient(q: Running, isBefore: boolean, index: readonly Axis[]): Expr {
    const rest = isOverTile(q.tensor) ? index.slice(1) : index;
    const axes = axesFor(isOverTile(q.tensor) ? q.tensor.shape.slice(1) : q.tensor.shape);
    const simple = this.#simple(q);
    if (simple) return isConstant(simple) ? simple : at(simple, axes, rest);
    const of = isOverTile(q.tensor) ? "[s]" : "";
    return named(`${this.#letters.get(q)}@t${isBefore ? "-1" : ""}${of}`, rest);
  }

  #atToken(t: Tensor, index: readonly Axis[], token: Token): Expr {
    const { spec } = this.#form.rule;
    const side = this.#sides.get(t);
    if (side) return named(`${side}@${token}`, index);
    const q = this.#quantities.get(t);
    if (q) {
      const meaning = this.#form.meanings.get(t);
      if (meaning?.kind === "leaf") return at(this.#convert(meaning, token), axesFor(t.shape), index);
      return at(this.#convert(q.value, token), axesFor(t.shape), index);
    }
    const comes = spec.inputs.some((i) => i.tensor === t) || (spec.numbers.includes(t) && t.name === "step");
    return comes ? named(`${t.name}@${token}`, index) : leaf(t, index);
  }
}

const tensors = new Map<string, Tensor>();

/** A leaf that is only printed: its name says all. */
function named(name: string, index: readonly Axis[]): Expr {
  const shape = index.map((a) => a.dim);
  const key = `${name} ${shape.map((d) => d.key).join()}`;
  const tensor = tensors.get(key) ?? { name, shape, domain: REAL };
  tensors.set(key, tensor);
  return leaf(tensor, index);
}
