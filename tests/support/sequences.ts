/** Random sequences for any model, drawn from the ranges that it declares. */
import { type Extents, elements, interpret, type Result, type Run } from "../../compiler/derive/interpret.ts";
import type { Tensor } from "../../compiler/math/expr.ts";
import type { Model } from "../../compiler/pipeline.ts";
import { Random } from "../numeric/reference/random.ts";
import { errorRatio } from "./compare.ts";

export type Ranges = Readonly<Record<string, readonly [number, number]>>;

export interface Sequence {
  readonly extents: Extents;
  readonly run: Run;
}

export interface Drawing {
  /** Tokens that the model has read before the sequence starts: what it carries then is what they leave. */
  readonly before?: number;
  /** Gates often exactly at an end of their range, some vectors all zero. */
  readonly edge?: boolean;
  /** Narrower ranges of some gates. */
  readonly ranges?: Ranges;
}

/** A factor of products with a random vector, so that these are about as large as their arguments. */
const scaleOf = (t: Tensor, width: number): number => (t.shape.length === 0 ? 1 : 1 / Math.sqrt(width));

/** The same seed, extents and options give the same sequence. */
export function sequenceOf(model: Model, given: Extents, seed: number, options: Drawing = {}): Sequence {
  const { before = 0, edge = false, ranges = {} } = options;
  const { spec, rule } = model;
  const random = new Random(seed);
  const all = before + given.T;
  const extents = { ...given, sizes: { tokens: Math.max(1, all), ...given.sizes } };
  const { B, H, sizes } = extents;
  const width = (t: Tensor): number => elements(t.shape.slice(-1), sizes);

  const bounded = (t: Tensor, mayBeEdge: boolean): number => {
    const { low, high } = t.domain;
    const [from, to] = ranges[t.name] ?? [low, Number.isFinite(high) ? high : low + 2];
    if (edge && mayBeEdge && random.chance(0.4)) return random.chance(0.5) ? from : to;
    return random.between(from + 0.01 * (to - from), to);
  };
  const draw = (t: Tensor, count: number, mayBeEdge: boolean): Float64Array => {
    const one = elements(t.shape, sizes);
    const data = new Float64Array(count * one);
    const isReal = !Number.isFinite(t.domain.low);
    for (let i = 0; i < data.length; i++)
      data[i] = isReal ? scaleOf(t, width(t)) * random.normal() : bounded(t, mayBeEdge);
    if (edge && mayBeEdge && isReal)
      for (let i = 0; i < count; i++) if (random.chance(0.15)) data.fill(0, i * one, (i + 1) * one);
    return data;
  };
  const tokens = new Map(
    spec.inputs.map(({ tensor, each }) => [
      tensor.name,
      draw(tensor, B * all * H * (each === "step" ? spec.steps : 1), true),
    ]),
  );
  const parameters = new Map(
    spec.parameters.map(({ tensor }) => [tensor.name, draw(tensor, H, false)] as const),
  );
  // What is made of tokens only starts empty: what they leave is what it can hold.
  const memory = new Set([...spec.states, ...spec.algorithmStates].map((s) => s.name));
  const states = new Map(
    rule.states.map((s) => {
      const isFree = memory.has(s.name) && !s.name.startsWith("past.") && !s.name.endsWith(".gram");
      return [
        s.name,
        isFree ? draw(s.previous, B * H, false) : new Float64Array(B * H * elements(s.shape, sizes)),
      ];
    }),
  );
  const whole: Sequence = { extents: { ...extents, T: all }, run: { tokens, parameters, states } };
  if (before === 0) return whole;
  const [first, rest] = split(whole, before);
  return { ...rest, run: { ...rest.run, states: interpret(rule, first.extents, first.run).states } };
}

/** A sequence up to a token, and from there; the second has yet to be given the states that the first leaves. */
export function split({ extents, run }: Sequence, cut: number): [Sequence, Sequence] {
  const part = (from: number, to: number): Sequence => ({
    extents: { ...extents, T: to - from },
    run: { ...run, tokens: new Map([...run.tokens].map(([n, x]) => [n, slice(x, extents, from, to)])) },
  });
  return [part(0, cut), part(cut, extents.T)];
}

/** Tokens `from` to `to` of `[B, T, …]`. */
export function slice(data: Float64Array, { B, T }: Extents, from: number, to: number): Float64Array {
  const each = data.length / Math.max(1, B * T);
  const out = new Float64Array(B * (to - from) * each);
  for (let b = 0; b < B; b++)
    out.set(data.subarray((b * T + from) * each, (b * T + to) * each), b * (to - from) * each);
  return out;
}

/** The largest error ratio of a result's tensors. */
export const largest = (got: Result, want: Result): number =>
  Math.max(
    errorRatio(got.y, want.y),
    ...[...want.states].map(([name, data]) => errorRatio(got.states.get(name) ?? [], data)),
  );
