/**
 * A model as a layer: what feeds its memory is made of the layer's input x `[B, T, width]`, and what the layer
 * makes of the memory's output goes back to the width.
 */
import { LAYER_INPUT } from "../check/making.ts";
import type { LayerOperation, Made, TokenInput } from "../check/spec.ts";
import { squash } from "../check/squash.ts";
import type { Rule, RuleState } from "../derive/rule.ts";
import { overOne } from "../form/dimensions.ts";
import { BATCH, HEADS } from "../form/steps.ts";
import { add, at, call, mul, neg, pow, square, sub, substitute } from "../math/algebra.ts";
import { type Axis, axesFor, type Dim, dim, elements, type Sizes } from "../math/axis.ts";
import { constant, type Expr, extent, leaf, position, type Tensor } from "../math/expr.ts";
import { InternalError } from "../source/diagnostic.ts";
import { type Builder, constantly, lookup, normal, sumAlong } from "./builder.ts";
import { TOKENS, WIDTH } from "./program.ts";
import { startDeviation } from "./start.ts";

/** Inside the root of every norm. */
export const EPSILON = 1e-6;

/** Which memory of a network this is, of how many. */
export interface LayerNumber {
  readonly index: number;
  readonly count: number;
}

/** Where a value is: a token of a sequence, one of its steps where it has some, and a head where it has one. */
interface Place {
  readonly batch: Axis;
  readonly token: Axis;
  readonly step: Axis | undefined;
  readonly head: Axis | undefined;
}

/** The value of a tensor of the spec at its own axes, in a place. */
type Lift = (index: readonly Axis[], place: Place) => Expr;

export class Layer {
  readonly #builder: Builder;
  readonly #rule: Rule;
  readonly #prefix: string;
  readonly #x: Tensor;
  readonly #number: LayerNumber;
  readonly #sizes: Sizes;
  readonly #lifts = new Map<Tensor, Lift>();

  /** `prefix` begins all names; `x` is `[B, T, width]`. */
  constructor(builder: Builder, rule: Rule, prefix: string, x: Tensor, number: LayerNumber, sizes: Sizes) {
    this.#builder = builder;
    this.#rule = rule;
    this.#prefix = prefix;
    this.#x = x;
    this.#number = number;
    this.#sizes = sizes;
  }

  /** What the layer gives, `[B, T, H, …shape]`, before it goes back to the width. */
  output(): Tensor {
    const { spec } = this.#rule;
    this.#lifts.set(LAYER_INPUT, this.#wide(this.#x));
    this.#numbers();
    const parameters = new Map(
      spec.parameters.map(({ tensor, start }) => [tensor.name, this.#parameter(tensor, start)]),
    );
    const inputs = new Map(spec.inputs.map((input) => [input.tensor.name, this.#input(input)]));
    for (const { tensor, each } of spec.inputs)
      this.#lifts.set(tensor, this.#perHead(inputs.get(tensor.name) as Tensor, each === "step"));
    const states = new Map(
      this.#rule.states.filter((s) => s.initial === "learned").map((s) => [s.name, this.#start(s)]),
    );
    const { layerOutput } = spec;
    const y = this.#builder.memory(
      { rule: this.#rule, layer: this.#number, inputs, parameters, states },
      `${this.#prefix}.y`,
      [BATCH, TOKENS, HEADS, ...this.#one(spec.outputShape)],
    );
    this.#lifts.set(layerOutput.y, this.#perHead(y, false));
    return this.#made(layerOutput, layerOutput.shape, "output", false);
  }

  /** The shape, with one dimension for those that the model requires to be equal. */
  #one(shape: readonly Dim[]): Dim[] {
    return shape.map((d) => this.#rule.spec.equalities.canonical(d));
  }

  // ---------------------------------------------------------------- tensors of the spec

  #wide(t: Tensor): Lift {
    return (index, { batch, token }) => leaf(t, [batch, token, ...index]);
  }

  #perHead(t: Tensor, isStepped: boolean): Lift {
    return (index, { batch, token, step, head }) => {
      if (!head || (isStepped && !step)) throw new InternalError(`${t.name} is read where it has no place`);
      return leaf(t, [batch, token, ...(isStepped && step ? [step] : []), head, ...index]);
    };
  }

  #numbers(): void {
    const { index, count } = this.#number;
    const values: Readonly<Record<string, (place: Place) => Expr | undefined>> = {
      head: ({ head }) => head && position(head),
      heads: () => extent(HEADS),
      layer: () => constant(index),
      layers: () => constant(count),
      step: ({ step }) => step && position(step),
    };
    for (const t of this.#rule.spec.numbers) {
      this.#lifts.set(t, (_, place) => {
        const value = values[t.name]?.(place);
        if (!value) throw new InternalError(`${t.name} is read where it has no value`);
        return value;
      });
    }
  }

  #parameter(t: Tensor, start: number): Tensor {
    const shape = [HEADS, ...this.#one(t.shape)];
    const name = `${this.#prefix}.${t.name}`;
    const raw = this.#builder.weight(name, shape, constantly(start), false);
    const isPlain = !Number.isFinite(t.domain.low) && !Number.isFinite(t.domain.high);
    const value = isPlain
      ? raw
      : this.#builder.define(`${name}.value`, shape, (axes) => squash(leaf(raw, axes), t.domain), t.domain);
    this.#lifts.set(t, (index, { head }) => {
      if (!head) throw new InternalError(`${t.name} is read where there is no head`);
      return leaf(value, [head, ...index]);
    });
    return value;
  }

  /** Where a state starts that is learned: the same for every sequence. */
  #start(state: RuleState): Tensor {
    const shape = [HEADS, ...this.#one(state.shape)];
    const deviation = startDeviation(this.#rule, state, this.#sizes);
    return this.#builder.weight(`${this.#prefix}.${state.name}.start`, shape, normal(deviation), false);
  }

  #input({ tensor, each, made }: TokenInput): Tensor {
    return this.#made(made, tensor.shape, tensor.name, each === "step");
  }

  // ---------------------------------------------------------------- what is made

  #made(made: Made, shape: readonly Dim[], item: string, isStepped: boolean): Tensor {
    const lead = isStepped ? [BATCH, TOKENS, dim([], this.#rule.spec.steps)] : [BATCH, TOKENS];
    for (const operation of made.operations) this.#operation(operation, item, lead);
    // What an operation gives needs no name of its own.
    const value = this.#lifted(made.value, shape);
    const full = [...lead, HEADS, ...this.#one(shape)];
    const axes = axesFor(full);
    const expr = value(axes.slice(lead.length + 1), placeOf(axes, lead.length, true));
    const isWhole = expr.kind === "leaf" && expr.index.length === axes.length;
    if (isWhole && expr.index.every((a, i) => a === axes[i])) return expr.tensor;
    return this.#builder.define(`${this.#prefix}.${item}`, full, () => expr);
  }

  /** An expression over tensors of the spec, as one over those of the program. */
  #lifted(e: Expr, shape: readonly Dim[]): Lift {
    const { equalities } = this.#rule.spec;
    const one = overOne(e, shape, (d) => equalities.canonical(d));
    const own = axesFor(this.#one(shape));
    return (index, place) =>
      substitute(at(one, own, index), (t, inner) => {
        const lift = this.#lifts.get(t);
        if (!lift) throw new InternalError(`${t.name} is not known to the layer`);
        return lift(inner, place);
      });
  }

  #operation(o: LayerOperation, item: string, lead: readonly Dim[]): void {
    const name = `${this.#prefix}.${item}.${o.result.name}`;
    if (o.kind === "project") {
      this.#lifts.set(o.result, this.#perHead(this.#project(o, name, lead), lead.length === 3));
      return;
    }
    const isStepped = !o.isWide && lead.length === 3;
    const front = o.isWide ? [BATCH, TOKENS] : [...lead, HEADS];
    const from = this.#operand(o, name, front);
    const result =
      o.kind === "conv"
        ? this.#conv(from, o.width, name, front)
        : o.kind === "norm"
          ? norm(this.#builder, from, name)
          : this.#rope(from, o.base, name);
    this.#lifts.set(o.result, o.isWide ? this.#wide(result) : this.#perHead(result, isStepped));
  }

  /** What an operation acts on, as a tensor. */
  #operand(o: Exclude<LayerOperation, { kind: "project" }>, name: string, front: readonly Dim[]): Tensor {
    const shape = [...front, ...this.#one(o.result.shape)];
    const axes = axesFor(shape);
    const place = placeOf(axes, o.isWide ? 2 : front.length - 1, !o.isWide);
    const expr = this.#lifted(o.from, o.result.shape)(axes.slice(front.length), place);
    if (
      expr.kind === "leaf" &&
      expr.index.length === axes.length &&
      expr.index.every((a, i) => a === axes[i])
    )
      return expr.tensor;
    return this.#builder.define(`${name}.of`, shape, () => expr);
  }

  /** `[…lead, H, …shape]`: with the weights `[(steps,) H, …shape, width]`, or two of which one is `[rank, width]`. */
  #project(
    { result, from, rank, bias }: Extract<LayerOperation, { kind: "project" }>,
    name: string,
    lead: readonly Dim[],
  ): Tensor {
    const builder = this.#builder;
    const own = [...lead.slice(2), HEADS, ...this.#one(result.shape)];
    const input = this.#lifted(from, LAYER_INPUT.shape);
    const fan = this.#sizes.width as number;
    const added =
      bias === undefined ? undefined : { start: bias, name: name.replace(/project(\d*)$/, "bias$1") };
    const inputAt = (axes: readonly Axis[], along: Axis): Expr => input([along], placeOf(axes, 2, false));
    const low =
      rank &&
      (() => {
        const down = builder.weight(`${name}.down`, [rank, WIDTH], normal(fan ** -0.5), true);
        return builder.define(`${name}.low`, [BATCH, TOKENS, rank], (axes) =>
          sumAlong([WIDTH], ([c]) => mul(leaf(down, [axes[2] as Axis, c as Axis]), inputAt(axes, c as Axis))),
        );
      })();
    const inner = rank ?? WIDTH;
    const deviation = (rank ? elements([rank], this.#sizes) : fan) ** -0.5;
    const weight = builder.weight(rank ? `${name}.up` : name, [...own, inner], normal(deviation), true);
    const offset = added && builder.weight(added.name, own, constantly(added.start), false);
    return builder.define(`${name}.result`, [BATCH, TOKENS, ...own], (axes) => {
      const [b, t, ...out] = axes as [Axis, Axis, ...Axis[]];
      const product = sumAlong([inner], ([c]) =>
        mul(leaf(weight, [...out, c as Axis]), low ? leaf(low, [b, t, c as Axis]) : inputAt(axes, c as Axis)),
      );
      return offset ? add(product, leaf(offset, out)) : product;
    });
  }

  /** y[t] = Σ_j filter[j] x[t − j], with a filter for each channel. */
  #conv(from: Tensor, width: Dim, name: string, front: readonly Dim[]): Tensor {
    const own = [...front.slice(2), ...from.shape.slice(front.length)];
    const deviation = elements([width], this.#sizes) ** -0.5;
    const filter = this.#builder.weight(name, [...own, width], normal(deviation), true);
    return this.#builder.define(`${name}.result`, from.shape, ([b, t, ...channel]) =>
      sumAlong([width], ([j]) => {
        const [lag, token] = [j as Axis, t as Axis];
        const before = sub(position(token), position(lag));
        const past = lookup(TOKENS, before, (s) => leaf(from, [b as Axis, s, ...channel]));
        return mul(leaf(filter, [...channel, lag]), past);
      }),
    );
  }

  /** Rotates channels i and i + n/2 by t · base^(−2i/n). */
  #rope(from: Tensor, base: number, name: string): Tensor {
    return this.#builder.define(`${name}.result`, from.shape, (axes) => {
      const channel = axes.at(-1) as Axis;
      const token = axes[1] as Axis;
      const half = mul(constant(0.5), extent(channel.dim));
      const isFirst = call("less", position(channel), half);
      const pair = call("where", isFirst, position(channel), sub(position(channel), half));
      const partner = call("where", isFirst, add(position(channel), half), pair);
      const speed = call("exp", mul(constant(-Math.log(base)), pair, pow(half, constant(-1))));
      const angle = mul(position(token), speed);
      const other = lookup(channel.dim, partner, (s) => leaf(from, [...axes.slice(0, -1), s]));
      const turned = call("where", isFirst, neg(other), other);
      return add(mul(leaf(from, axes), call("cos", angle)), mul(turned, call("sin", angle)));
    });
  }
}

/** The place of axes `[B, T, (steps,) (H,) …]`, of which `lead` come before the head. */
const placeOf = (axes: readonly Axis[], lead: number, hasHead: boolean): Place => ({
  batch: axes[0] as Axis,
  token: axes[1] as Axis,
  step: lead === 3 ? axes[2] : undefined,
  head: hasHead ? axes[lead] : undefined,
});

/** x · gain / √(mean x² + ε) along the last dimension, with one gain for all heads. */
export function norm(builder: Builder, from: Tensor, name: string): Tensor {
  const along = from.shape.at(-1) as Dim;
  const gain = builder.weight(name, [along], constantly(1), false);
  return builder.define(`${name}.result`, from.shape, (axes) => {
    const channel = axes.at(-1) as Axis;
    const squares = sumAlong([along], ([c]) => square(leaf(from, [...axes.slice(0, -1), c as Axis])));
    const mean = mul(squares, pow(extent(along), constant(-1)));
    const scale = pow(add(mean, constant(EPSILON)), constant(-0.5));
    return mul(leaf(from, axes), leaf(gain, [channel]), scale);
  });
}
