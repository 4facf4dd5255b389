/** Random cases: sizes and data for any model, with edge values drawn more often than chance would. */
import fc from "fast-check";
import type { MemoryState } from "../../compiler/check/spec.ts";
import { type Data, type Extents, elements, type Run } from "../../compiler/derive/interpret.ts";
import type { RuleState } from "../../compiler/derive/rule.ts";
import { sample, uniform } from "../../compiler/derive/sample.ts";
import type { Sizes } from "../../compiler/math/axis.ts";
import { isConstant, type Tensor } from "../../compiler/math/expr.ts";
import type { Interval } from "../../compiler/math/interval.ts";
import type { Model } from "../../compiler/pipeline.ts";

/** A case of no model in particular: few small numbers, so that it shrinks fast. */
export interface Plan {
  readonly T: number;
  readonly B: number;
  readonly H: number;
  readonly dk: number;
  readonly dv: number;
  /** Where gates and params lie in their ranges. */
  readonly gates: "inside" | "low" | "high" | "mixed";
  /** What keys, values and the like are: `coarse` is made of −1, 0 and 1, where kinks are met exactly. */
  readonly vectors: "plain" | "zeros" | "same" | "coarse" | "tails";
  readonly states: "zeros" | "plain";
  /** Where a sequence is cut, in sixteenths. */
  readonly cut: number;
  readonly tile: number;
  readonly seed: number;
  /** Whether it runs on the GPU too: now and then, since each size is a kernel of its own. */
  readonly onGpu: boolean;
}

const ONE_IN = 25;
/** Most sequences are short; the longest is longer than any window and tile. */
const LENGTHS = [0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 16, 33];

export const plans: fc.Arbitrary<Plan> = fc.record({
  T: fc.nat(LENGTHS.length - 1).map((n) => LENGTHS[n] as number),
  B: fc.integer({ min: 1, max: 2 }),
  H: fc.integer({ min: 1, max: 2 }),
  dk: fc.integer({ min: 1, max: 4 }),
  dv: fc.integer({ min: 1, max: 4 }),
  gates: fc.constantFrom("inside", "low", "high", "mixed"),
  vectors: fc.constantFrom("plain", "plain", "zeros", "same", "coarse", "tails"),
  states: fc.constantFrom("zeros", "plain"),
  cut: fc.integer({ min: 0, max: 16 }),
  tile: fc.integer({ min: 1, max: 17 }),
  seed: fc.nat(),
  onGpu: fc.nat(ONE_IN).map((n) => n === ONE_IN - 1),
});

export interface Case {
  readonly plan: Plan;
  readonly extents: Extents;
  readonly run: Run;
  /** The first token of the second part, from 0 to T. */
  readonly cut: number;
  /** Whether some number is an end that its range leaves out, as what squashes a gate may round to it. */
  readonly isOnOpenEnd: boolean;
}

export function caseOf(model: Model, plan: Plan): Case {
  const { spec, rule } = model;
  const { B, T, H, dk } = plan;
  const dv = spec.equalities.required.length > 0 ? dk : plan.dv;
  const sizes: Sizes = { dk, dv, tokens: Math.max(1, T) };
  const draw = new Draw(plan, sizes);
  const memory = new Map(spec.states.map((s) => [s.name, s]));
  const run: Run = {
    tokens: new Map(
      spec.inputs.map(({ tensor, each }) => [
        tensor.name,
        draw.rows(tensor, B * T * (each === "step" ? spec.steps : 1), H),
      ]),
    ),
    parameters: new Map(spec.parameters.map(({ tensor }) => [tensor.name, draw.rows(tensor, 1, H)])),
    states: new Map(rule.states.map((s) => [s.name, draw.state(s, memory.get(s.name), B * H)])),
  };
  return {
    plan,
    extents: { B, T, H, sizes },
    run,
    cut: Math.round((plan.cut * T) / 16),
    isOnOpenEnd: draw.isOnOpenEnd,
  };
}

/** The same case with other tokens from its cut on. */
export function withOtherEnd(model: Model, { plan, run, cut }: Case): Data {
  const other = caseOf(model, { ...plan, seed: plan.seed + 1 }).run.tokens;
  const { B, T } = plan;
  return new Map(
    [...run.tokens].map(([name, x]) => {
      const mixed = x.slice();
      const each = x.length / B;
      for (let b = 0; b < B; b++) {
        const [from, to] = [b * each + (cut * each) / T, (b + 1) * each];
        mixed.set((other.get(name) as Float64Array).subarray(from, to), from);
      }
      return [name, mixed];
    }),
  );
}

/** Tokens `from` to `to` of each sequence, from these states on. */
export function part({ extents, run }: Case, from: number, to: number, states: Data): [Extents, Run] {
  const { B, T } = extents;
  const tokens = new Map(
    [...run.tokens].map(([name, x]) => {
      const each = x.length / B;
      const [start, length] = [(from * each) / T, ((to - from) * each) / T];
      const taken = new Float64Array(B * length);
      for (let b = 0; b < B; b++)
        taken.set(x.subarray(b * each + start, b * each + start + length), b * length);
      return [name, taken];
    }),
  );
  return [
    { ...extents, T: to - from },
    { ...run, tokens, states },
  ];
}

/** What is counted, summed up or held is what the tokens made it: nothing else can have been there before. */
export const startsEmpty = (name: string): boolean =>
  name.startsWith("past.") || name.endsWith(".gram") || name.endsWith(".right");

class Draw {
  isOnOpenEnd = false;
  readonly #plan: Plan;
  readonly #sizes: Sizes;

  constructor(plan: Plan, sizes: Sizes) {
    this.#plan = plan;
    this.#sizes = sizes;
  }

  /** Each tensor has numbers of its own, which do not change with what else there is. */
  #random(name: string): () => number {
    const hash = [...name].reduce((h, c) => Math.imul(h, 31) + (c.codePointAt(0) ?? 0), 7);
    return uniform(hash ^ Math.imul(this.#plan.seed, 0x9e3779b1));
  }

  /** `[rows, H, …shape]` */
  rows({ name, shape, domain }: Tensor, rows: number, H: number): Float64Array {
    const random = this.#random(name);
    const width = elements(shape, this.#sizes);
    const data = new Float64Array(rows * H * width);
    const isVector = domain.low === -Infinity && domain.high === Infinity;
    for (let at = 0; at < data.length; at += width) {
      const row = data.subarray(at, at + width);
      if (!isVector) row.set(row.map(() => this.#inRange(domain, random)));
      else if (this.#plan.vectors === "same" && at > 0) row.set(data.subarray(0, width));
      else row.set(this.#vector(width, random));
    }
    return data;
  }

  #vector(width: number, random: () => number): Float64Array {
    const { vectors } = this.#plan;
    const isZero = vectors === "zeros" && random() < 0.4;
    // Of length 1 or so, which keeps most memories from diverging.
    const scale = 1 / Math.sqrt(width);
    return new Float64Array(width).map(() => {
      const x = 2 * random() - 1;
      if (isZero) return 0;
      if (vectors === "coarse") return Math.round(1.4 * x);
      return vectors === "tails" && random() < 0.15 ? 30 * x : 1.5 * x * scale;
    });
  }

  #inRange(domain: Interval, random: () => number): number {
    const { gates } = this.#plan;
    const x = sample(domain, random);
    const side = gates !== "mixed" ? gates : ["inside", "inside", "low", "high"][Math.floor(4 * random())];
    if (side === "inside") return x;
    const [end, isOpen] = side === "low" ? [domain.low, domain.openLow] : [domain.high, domain.openHigh];
    const other = side === "low" ? domain.high : domain.low;
    // Without another end there is no squashing that rounds to this one.
    if (!Number.isFinite(end)) return 10 * x;
    if (!Number.isFinite(other) && isOpen) return end + 1e-3 * (x - end);
    this.isOnOpenEnd ||= isOpen;
    return end;
  }

  /** `[records, …shape]`, inside of where the state is held. */
  state({ name, shape, initial }: RuleState, memory: MemoryState | undefined, records: number): Float64Array {
    const random = this.#random(name);
    const width = elements(shape, this.#sizes);
    const data = new Float64Array(records * width);
    if (startsEmpty(name)) return data;
    const held = memory && !memory.link ? memory.penalty : undefined;
    if (held?.over) {
      data.set(data.map(() => sample(held.w.domain, random)));
      if (held.over.kind === "simplex") {
        const total = isConstant(held.over.total) ? held.over.total.value : 1;
        normalise(data, total, ...stridesOf(memory as MemoryState, held.over.axis, this.#sizes));
      }
      return data;
    }
    if (this.#plan.states === "zeros" && initial === "zeros") return data;
    const scale = 1 / Math.sqrt(Math.max(1, width / (shape[0] ? elements([shape[0]], this.#sizes) : 1)));
    return data.map(() => (2 * random() - 1) * 1.5 * scale);
  }
}

/** How many elements an axis has, and how far apart they are. */
export function stridesOf(
  { shape }: Pick<MemoryState, "shape">,
  axis: number,
  sizes: Sizes,
): [number, number] {
  return [elements(shape.slice(axis, axis + 1), sizes), elements(shape.slice(axis + 1), sizes)];
}

/** Gives each line of `n` elements, `stride` apart, the sum `total`. */
export function normalise(data: Float64Array, total: number, n: number, stride: number): void {
  for (const line of linesOf(data, n, stride)) {
    const sum = line.reduce((s, i) => s + (data[i] as number), 0);
    for (const i of line) data[i] = ((data[i] as number) * total) / sum;
  }
}

/** The positions of the elements of each line. */
export function* linesOf(data: Float64Array, n: number, stride: number): Generator<number[]> {
  for (let block = 0; block < data.length; block += n * stride)
    for (let first = block; first < block + stride; first++)
      yield Array.from({ length: n }, (_, i) => first + i * stride);
}
