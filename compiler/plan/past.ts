/**
 * A program for one token at a time. Where a definition looks at earlier tokens it reads rings, which keep the last few
 * of what it looks at; and a token's position, no axis any more, is a number that is given.
 */
import { type Lookup, lookupOf } from "../dense/lookup.ts";
import { BATCH, type Definition } from "../form/steps.ts";
import { add, call, rebuild, sub } from "../math/algebra.ts";
import { type Axis, axesFor, type Dim, dim, type Sizes } from "../math/axis.ts";
import { evaluator } from "../math/evaluate.ts";
import { constant, type Expr, type Leaf, leaf, position, postorder, type Tensor } from "../math/expr.ts";
import { NONNEGATIVE } from "../math/interval.ts";
import { lookup } from "../network/builder.ts";
import { resultOf } from "../network/interpret.ts";
import { type Step, TOKENS } from "../network/program.ts";
import { InternalError } from "../source/diagnostic.ts";

export interface OneToken {
  /** Over `T` = 1: what is made is put into its ring before that is read. */
  readonly steps: readonly Step[];
  /** From a ring with the token to the ring before it, in whose place it comes. What is there at first does not matter. */
  readonly replaces: ReadonlyMap<Tensor, Tensor>;
  /** What is put into rings: it should be had once, and not for each place of its ring. */
  readonly put: readonly Tensor[];
  /** Numbers that come with each token: its position modulo this, or, where it is infinite, the position. */
  readonly counters: ReadonlyMap<Tensor, number>;
}

/** `sizes`: with those of convolutions, which say how far back a definition looks. */
export function oneToken(steps: readonly Step[], sizes: Sizes): OneToken {
  const past = new Past(steps, sizes);
  const made = steps.flatMap((step): Step[] => {
    const ring = past.rings.get(resultOf(step));
    const now = step.kind === "memory" ? step : past.now(step);
    return ring ? [now, put(resultOf(step), ring)] : [now];
  });
  const replaces = new Map([...past.rings.values()].map((r) => [r.after, r.before]));
  return { steps: made, replaces, put: [...past.rings.keys()], counters: past.counters };
}

/** The last tokens of a tensor, each at its position modulo their number. */
interface Ring {
  readonly length: Dim;
  /** The token's position modulo the length. */
  readonly turn: Tensor;
  /** `[B, length, …]` */
  readonly before: Tensor;
  readonly after: Tensor;
}

/** The token takes the place of the oldest one. */
function put(from: Tensor, { turn, before, after }: Ring): Definition {
  const axes = axesFor(after.shape);
  const [b, s, ...inner] = axes as [Axis, Axis, ...Axis[]];
  const now = lookup(TOKENS, constant(0), (t) => leaf(from, [b, t, ...inner]));
  const isItsPlace = call("equal", position(s), leaf(turn, []));
  return { kind: "definition", tensor: after, value: call("where", isItsPlace, now, leaf(before, axes)) };
}

class Past {
  readonly rings = new Map<Tensor, Ring>();
  readonly counters = new Map<Tensor, number>();
  readonly #sizes: Sizes;
  readonly #numbers = new Map<number, Tensor>();

  constructor(steps: readonly Step[], sizes: Sizes) {
    this.#sizes = sizes;
    const lengths = new Map<Tensor, number>();
    for (const step of steps) {
      if (step.kind === "memory") continue;
      for (const { axis, rest, lag } of postorder([step.value]).flatMap((e) => looking(e, step) ?? [])) {
        const tokens = this.#most(lag, step.tensor) + 1;
        for (const { tensor } of readAlong(axis, rest))
          lengths.set(tensor, Math.max(tokens, lengths.get(tensor) ?? 1));
      }
    }
    for (const [t, tokens] of lengths) this.rings.set(t, this.#ring(t, tokens));
  }

  /** A definition at the token. */
  now(definition: Definition): Definition {
    const own = tokensOf(definition.tensor);
    const go = memoized((e): Expr => {
      if (e.kind === "index" && e.axis === own) return leaf(this.#counter(Number.POSITIVE_INFINITY), []);
      const found = looking(e, definition);
      return found ? this.#looked(found, go) : rebuild(e, go);
    });
    return { ...definition, value: go(definition.value) };
  }

  /** The same lookup in the rings; 0 where the sequence has not begun. */
  #looked({ axis, rest, lag }: Looking, next: (e: Expr) => Expr): Expr {
    const here = leaf(this.#counter(Number.POSITIVE_INFINITY), []);
    const inRing = ({ tensor, index }: Leaf): Expr => {
      const { length, turn, after } = this.rings.get(tensor) as Ring;
      const back = sub(leaf(turn, []), lag);
      const place = call("where", call("less", back, constant(0)), add(back, constant(length.scale)), back);
      return lookup(length, place, (s) =>
        leaf(
          after,
          index.map((a) => (a === axis ? s : a)),
        ),
      );
    };
    const go = memoized((e): Expr => {
      if (!e.axes.includes(axis)) return next(e);
      if (e.kind === "index") return sub(here, lag);
      return e.kind === "leaf" ? inRing(e) : rebuild(e, go);
    });
    return call("where", call("lessEqual", lag, here), go(rest), constant(0));
  }

  #ring(from: Tensor, tokens: number): Ring {
    const [b, t, ...inner] = from.shape;
    if (b !== BATCH || t !== TOKENS)
      throw new InternalError(`${from.name} is not of the tokens of sequences`);
    const length = dim([], tokens);
    const before = { ...from, name: `${from.name}, last ${tokens}`, shape: [b, length, ...inner] };
    const after = { ...before, name: `${before.name}, next` };
    return { length, turn: this.#counter(tokens), before, after };
  }

  #counter(period: number): Tensor {
    const name = Number.isFinite(period) ? `position modulo ${period}` : "position";
    const found = this.#numbers.get(period) ?? { name, shape: [], domain: NONNEGATIVE };
    this.#numbers.set(period, found);
    this.counters.set(found, period);
    return found;
  }

  /** How many tokens back it is at most. */
  #most(lag: Expr, { name }: Tensor): number {
    const [all = []] = evaluator([{ expr: lag, axes: lag.axes }], this.#sizes)(new Map());
    if (all.some((n) => n < 0)) throw new InternalError(`${name} reads later tokens`);
    return Math.max(...all);
  }
}

/** A lookup along the tokens, `lag` of them back. */
interface Looking extends Pick<Lookup, "axis" | "rest"> {
  readonly lag: Expr;
}

/** Whatever of a definition goes along the tokens must look at one of them, which no number that is computed tells. */
function looking(e: Expr, { tensor }: Definition): Looking | undefined {
  if (e.kind !== "reduce" || e.axis.dim !== TOKENS) return undefined;
  const found = lookupOf(e);
  const own = tokensOf(tensor);
  const lag = found && own && sub(position(own), found.at);
  const isCounted = lag && !lag.axes.includes(own) && !postorder([lag]).some((x) => x.kind === "leaf");
  if (!isCounted) throw new InternalError(`${tensor.name} reads all tokens of a sequence`);
  return { axis: found.axis, rest: found.rest, lag };
}

const readAlong = (axis: Axis, e: Expr): Leaf[] =>
  postorder([e]).filter((x) => x.kind === "leaf" && x.index.includes(axis)) as Leaf[];

const tokensOf = ({ shape }: Tensor): Axis | undefined => axesFor(shape)[shape.indexOf(TOKENS)];

function memoized(make: (e: Expr) => Expr): (e: Expr) => Expr {
  const memo = new Map<Expr, Expr>();
  return (e) => {
    let made = memo.get(e);
    if (!made) {
      made = make(e);
      memo.set(e, made);
    }
    return made;
  };
}
