/**
 * A tile form as steps over all tokens of a tile, heads and sequences at once: what a quantity is of one token
 * becomes a tensor with axes for these, `[B, H, tile, …shape]`. What is given and what is made of it lie as in a
 * sequence, `[B, tile, H, …shape]`.
 */
import { add, at, call, mul, sub, substitute, sumOver } from "../math/algebra.ts";
import { type Axis, axesFor, type Dim, dim, freshAxis } from "../math/axis.ts";
import { constant, type Expr, extent, leaf, position, type Tensor, tensorsOf } from "../math/expr.ts";
import { REAL } from "../math/interval.ts";
import { components } from "./phases.ts";
import { BATCH, type Definition, HEADS, type Step } from "./steps.ts";
import { type Quantity, TILE, type TileForm } from "./tile-form.ts";

/** Tokens of a tile, where each has several turns. */
const TILE_TOKENS = dim(["tile.tokens"]);

export interface WholeTile {
  /** By the rule's names: `[B, tokens, H, …shape]`, or turn by turn where they come with each step. */
  readonly inputs: ReadonlyMap<string, Tensor>;
  /** `[H, …shape]` */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** The layer's numbers. */
  readonly numbers: ReadonlyMap<string, Tensor>;
  /** States where the tile starts and where it ends, `[B, H, …shape]`. */
  readonly starts: ReadonlyMap<string, Tensor>;
  readonly ends: ReadonlyMap<string, Tensor>;
  /** `[B, tokens, H, …shape]` */
  readonly output: Tensor;
  readonly steps: readonly Step[];
  /** The dimension of a tile's tokens: that of its turns, unless a token has several. */
  readonly tokens: Dim;
}

const [B, H, NOW] = axesFor([BATCH, HEADS, TILE]) as [Axis, Axis, Axis];

/** Every turn of the tile, one along its axis. */
const EACH = position(NOW);

/** Of the quantities of a recursion, those that a turn has only of turns before it, and those that it has of itself too. */
interface Order {
  readonly later: ReadonlySet<Tensor>;
  readonly earlier: ReadonlySet<Tensor>;
}
const UNORDERED: Order = { later: new Set(), earlier: new Set() };

export function wholeTile(form: TileForm): WholeTile {
  return new Widening(form).all();
}

class Widening {
  readonly #form: TileForm;
  readonly #lastStep: Expr;
  readonly #tokens: Dim;
  readonly #steps: Step[] = [];
  /** Inputs, as they are given. */
  readonly #given = new Map<Tensor, Tensor>();
  /** What of each token, of a tile and of a head has which tensor. */
  readonly #ofToken = new Map<Tensor, Tensor>();
  readonly #ofTile = new Map<Tensor, Tensor>();
  readonly #ofHead = new Map<Tensor, Tensor>();
  readonly #numbers = new Map<Tensor, Expr>();
  readonly #stacked: ReadonlyMap<Tensor, Tensor>;
  readonly #befores: ReadonlyMap<Tensor, Quantity>;

  constructor(form: TileForm) {
    this.#form = form;
    this.#lastStep = constant(form.rule.spec.steps - 1);
    this.#tokens = form.rule.spec.steps === 1 ? TILE : TILE_TOKENS;
    const quantities = form.phases.flatMap((p) => p.quantities);
    this.#befores = new Map(quantities.flatMap((q) => (q.before ? [[q.before.tensor, q] as const] : [])));
    this.#stacked = new Map([...form.stacks].map(([t, stack]) => [stack, t]));
  }

  all(): WholeTile {
    const { rule, starts, constants, phases } = this.#form;
    const { spec } = rule;
    const inputs = new Map(spec.inputs.map((i) => [i.tensor.name, this.#input(i.tensor, i.each)]));
    const parameters = new Map(
      spec.parameters.map(({ tensor }) => {
        const wide: Tensor = { ...tensor, shape: [HEADS, ...tensor.shape] };
        this.#ofHead.set(tensor, wide);
        return [tensor.name, wide];
      }),
    );
    const numbers = this.#layerNumbers();
    const begin = new Map(
      rule.states.map((s) => {
        const t = starts.get(s) as Tensor;
        const wide = this.#wider(t);
        // A tile of a chunk starts where the chunk does.
        for (const own of s.start ? [t, s.start] : [t]) this.#ofTile.set(own, wide);
        return [s.name, wide];
      }),
    );
    for (const c of constants) this.#constant(c);
    for (const { order, quantities } of phases) {
      if (order === "serial") this.#recursion(quantities);
      else for (const ring of this.#rings(quantities)) this.#ring(ring);
    }
    return {
      inputs,
      parameters,
      numbers,
      starts: begin,
      output: this.#output(),
      ends: new Map(
        rule.states.map((s) => [s.name, this.#end(s.name, s.shape, this.#form.ends.get(s) as Expr)]),
      ),
      steps: this.#steps,
      tokens: this.#tokens,
    };
  }

  // ---------------------------------------------------------------- what is given

  #wider(t: Tensor): Tensor {
    return { ...t, shape: [BATCH, HEADS, ...t.shape] };
  }

  #wide(t: Tensor): Tensor {
    return { ...t, shape: [BATCH, HEADS, TILE, ...t.shape] };
  }

  #input(t: Tensor, each: "token" | "step"): Tensor {
    const isTurn = this.#tokens === TILE || each === "step";
    const given: Tensor = { ...t, shape: [BATCH, isTurn ? TILE : this.#tokens, HEADS, ...t.shape] };
    if (isTurn) {
      this.#given.set(t, given);
      return given;
    }
    // Of each token, and again in each of its turns.
    const wide: Tensor = { ...this.#wide(t), name: `${t.name}.turns` };
    const rest = axesFor(wide.shape).slice(3);
    const token = freshAxis(this.#tokens);
    const own = where(this.#isIn(token), leaf(given, [B, token, H, ...rest]));
    this.#define(wide, sumOver(own, [token]));
    this.#ofToken.set(t, wide);
    return given;
  }

  /** Whether this turn is one of a token's. */
  #isIn(token: Axis): readonly Expr[] {
    const first = mul(constant(this.#form.rule.spec.steps), position(token));
    const end = add(first, constant(this.#form.rule.spec.steps));
    return [call("lessEqual", first, position(NOW)), call("less", position(NOW), end)];
  }

  #layerNumbers(): Map<string, Tensor> {
    const { spec } = this.#form.rule;
    const given = new Map<string, Tensor>();
    for (const t of spec.numbers) {
      if (t.name === "head") this.#numbers.set(t, position(H));
      else if (t.name === "heads") this.#numbers.set(t, extent(HEADS));
      else if (t.name === "step") this.#numbers.set(t, this.#turnOfToken());
      else given.set(t.name, t);
    }
    return given;
  }

  #turnOfToken(): Expr {
    const token = freshAxis(this.#tokens);
    const first = mul(constant(this.#form.rule.spec.steps), position(token));
    return sub(position(NOW), sumOver(where(this.#isIn(token), first), [token]));
  }

  // ---------------------------------------------------------------- quantities

  #constant({ tensor, value }: Quantity): void {
    const wide = this.#wider(tensor);
    this.#ofTile.set(tensor, wide);
    this.#define(wide, this.#widened(value, axesFor(tensor.shape), axesFor(wide.shape).slice(2)));
  }

  /** The quantities of a phase by what they need of one another: a ring runs along the tile together. */
  #rings(quantities: readonly Quantity[]): Quantity[][] {
    const makers = new Map<Tensor, Quantity>();
    for (const q of quantities) {
      makers.set(q.tensor, q);
      const stack = this.#form.stacks.get(q.tensor);
      if (stack) makers.set(stack, q);
      if (q.before) makers.set(q.before.tensor, q);
    }
    return components(quantities, (q) =>
      [...tensorsOf(q.value)].flatMap((t) => makers.get(t) ?? []).filter((m) => m !== q),
    );
  }

  #ring(ring: readonly Quantity[]): void {
    const [only] = ring as [Quantity];
    if (ring.length > 1 || only.before) this.#recursion(ring);
    else this.#define(this.#declared(only), this.#value(only));
  }

  #recursion(quantities: readonly Quantity[]): void {
    for (const q of quantities) this.#declared(q);
    const definitions = quantities.map((q, i): Definition => {
      // In its own place a quantity sees those before it, and itself only in earlier ones.
      const later = new Set(quantities.slice(i).map((o) => o.tensor));
      const earlier = new Set(quantities.slice(0, i).map((o) => o.tensor));
      const tensor = this.#ofToken.get(q.tensor) as Tensor;
      return { kind: "definition", tensor, value: this.#value(q, { later, earlier }) };
    });
    this.#steps.push({ kind: "recursion", axis: NOW, backwards: false, definitions });
  }

  #declared(q: Quantity): Tensor {
    const wide = this.#wide(q.tensor);
    this.#ofToken.set(q.tensor, wide);
    return wide;
  }

  #value(q: Quantity, order = UNORDERED): Expr {
    const wide = this.#ofToken.get(q.tensor) as Tensor;
    return this.#widened(q.value, axesFor(q.tensor.shape), axesFor(wide.shape).slice(3), EACH, order);
  }

  /** An expression of one token over `from`, as that of all of them, at the axes `to`; or as that of the turn `turn`. */
  #widened(e: Expr, from: readonly Axis[], to: readonly Axis[], turn: Expr = EACH, order = UNORDERED): Expr {
    // The first axis of a tile is the token's from here on: what the expression runs over must be another.
    const own = from.map((a) => freshAxis(a.dim));
    const made = substitute(at(e, from, own), (t, index) => {
      if (t === this.#form.now) return turn;
      const number = this.#numbers.get(t);
      if (number) return turn === EACH || t.name !== "step" ? number : this.#lastStep;
      const head = this.#ofHead.get(t);
      if (head) return leaf(head, [H, ...index]);
      const tile = this.#ofTile.get(t);
      if (tile) return leaf(tile, [B, H, ...index]);
      const stacked = this.#stacked.get(t);
      if (stacked) {
        const [s, ...rest] = index as [Axis, ...Axis[]];
        const all = this.#ofTurn(stacked, s, rest) as Expr;
        if (order.later.has(stacked)) return where([call("less", position(s), turn)], all);
        if (order.earlier.has(stacked)) return where([call("lessEqual", position(s), turn)], all);
        return all;
      }
      const before = this.#befores.get(t);
      if (before) return this.#before(before, index, turn);
      return turn === EACH ? this.#ofTurn(t, NOW, index) : this.#lookedUp(t, index, turn);
    });
    return at(made, own, to);
  }

  /** What the turns along an axis have of an input or a quantity. */
  #ofTurn(t: Tensor, turns: Axis, index: readonly Axis[]): Expr | undefined {
    const given = this.#given.get(t);
    if (given) return leaf(given, [B, turns, H, ...index]);
    const made = this.#ofToken.get(t);
    return made && leaf(made, [B, H, turns, ...index]);
  }

  /** What one turn has of it; 0 where there is none such. */
  #lookedUp(t: Tensor, index: readonly Axis[], turn: Expr): Expr | undefined {
    const s = freshAxis(TILE);
    const all = this.#ofTurn(t, s, index);
    return all && sumOver(where([call("equal", position(s), turn)], all), [s]);
  }

  /** A quantity of the turn before. */
  #before({ tensor, before }: Quantity, index: readonly Axis[], turn: Expr): Expr {
    const was = this.#lookedUp(tensor, index, sub(turn, constant(1))) as Expr;
    const start = before?.start ?? 0;
    const first =
      typeof start === "number" ? constant(start) : leaf(this.#ofTile.get(start) as Tensor, [B, H, ...index]);
    return add(was, where([call("equal", turn, constant(0))], first));
  }

  #define(tensor: Tensor, value: Expr): void {
    this.#steps.push({ kind: "definition", tensor, value });
  }

  // ---------------------------------------------------------------- what is given back

  #output(): Tensor {
    const { rule, output } = this.#form;
    const { outputShape, steps } = rule.spec;
    const tensor: Tensor = {
      name: "y",
      shape: [BATCH, this.#tokens, HEADS, ...outputShape],
      domain: REAL,
    };
    const axes = axesFor(tensor.shape);
    // A token's output is that of its last turn.
    const last = add(mul(constant(steps), position(axes[1] as Axis)), this.#lastStep);
    this.#define(tensor, this.#widened(output, axesFor(outputShape), axes.slice(3), last));
    return tensor;
  }

  /** A state after the last token of the tile. */
  #end(name: string, shape: readonly Dim[], e: Expr): Tensor {
    const tensor: Tensor = {
      name: `${name}.end`,
      shape: [BATCH, HEADS, ...shape],
      domain: REAL,
    };
    const last = sub(extent(TILE), constant(1));
    this.#define(tensor, this.#widened(e, axesFor(shape), axesFor(tensor.shape).slice(2), last));
    return tensor;
  }
}

/** `value` where all conditions hold, else 0. */
const where = (conditions: readonly Expr[], value: Expr): Expr =>
  conditions.reduceRight((inner, c) => call("where", c, inner, constant(0)), value);
