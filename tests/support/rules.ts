/** Rules made by hand, for what the kernels are to do whether or not the language can say it. */
import { Equalities } from "../../compiler/check/dimensions.ts";
import type { Spec } from "../../compiler/check/spec.ts";
import { elements, interpret, type Run } from "../../compiler/derive/interpret.ts";
import type { Rule } from "../../compiler/derive/rule.ts";
import { type Axis, axesFor, type Dim, type Sizes } from "../../compiler/math/axis.ts";
import { type Expr, leaf, type Tensor } from "../../compiler/math/expr.ts";
import { interval, REAL } from "../../compiler/math/interval.ts";

/** A tensor with the range that its data is drawn from. */
export interface Drawn {
  readonly tensor: Tensor;
  readonly low: number;
  readonly high: number;
  /** Whether vectors of it have length one. */
  readonly unit?: boolean;
}

export function drawn(name: string, shape: readonly Dim[], low = -1, high = 1, unit = false): Drawn {
  const domain = low >= 0 ? interval(low, Infinity) : REAL;
  return { tensor: { name, shape, domain }, low, high, unit };
}

export interface Handmade {
  readonly name: string;
  readonly tokens: readonly Drawn[];
  readonly stepwise?: readonly Drawn[];
  readonly parameters?: readonly Drawn[];
  /** Each state's update, over the tokens and the states before. */
  readonly states: readonly {
    readonly state: Drawn;
    readonly update: (index: readonly Axis[]) => Expr;
    /** What stands for it as it was when the chunk started. */
    readonly start?: Tensor;
  }[];
  /** y over the states after the token: `state(name)` at an index. */
  readonly output: (after: (state: Drawn, index: readonly Axis[]) => Expr, index: readonly Axis[]) => Expr;
  readonly outputShape: readonly Dim[];
  readonly steps?: number;
  readonly chunk?: number;
}

export const STEP: Tensor = { name: "step", shape: [], domain: interval(0, Infinity) };

export interface Made {
  readonly rule: Rule;
  readonly all: Handmade;
}

export function handmade(made: Handmade): Made {
  const states = made.states.map(({ state, update, start }) => {
    const { tensor } = state;
    return {
      name: tensor.name,
      role: "memory" as const,
      shape: tensor.shape,
      initial: "zeros" as const,
      previous: tensor,
      next: { ...tensor, name: `${tensor.name}'` },
      start,
      update: update(axesFor(tensor.shape)),
    };
  });
  const next = (state: Drawn): Tensor => states.find((s) => s.previous === state.tensor)?.next as Tensor;
  const input = (each: "token" | "step") => (d: Drawn) => ({ tensor: d.tensor, each });
  const spec = {
    name: made.name,
    inputs: [...made.tokens.map(input("token")), ...(made.stepwise ?? []).map(input("step"))],
    parameters: (made.parameters ?? []).map((p) => ({ tensor: p.tensor })),
    numbers: made.steps === undefined ? [] : [STEP],
    steps: made.steps ?? 1,
    chunk: made.chunk,
    outputShape: made.outputShape,
    equalities: new Equalities(),
  } as unknown as Spec;
  const output = made.output((s, index) => leaf(next(s), index), axesFor(made.outputShape));
  return { rule: { spec, states, output, definitions: new Map() } as unknown as Rule, all: made };
}

export interface Extents {
  readonly B: number;
  readonly T: number;
  readonly H: number;
  readonly sizes: Sizes;
}

/** Random data of a rule, rounded to 32 bits. */
export function randomRun({ all }: Made, { B, T, H, sizes }: Extents, seed: number, zero = false): Run {
  let state = seed | 1;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const fill = ({ tensor, low, high, unit }: Drawn, count: number): [string, Float64Array] => {
    const width = elements(tensor.shape, sizes);
    const data = Float64Array.from({ length: count * width }, () => low + (high - low) * random());
    for (let at = 0; unit && at < data.length; at += width) {
      const norm = Math.hypot(...data.subarray(at, at + width));
      for (let i = at; i < at + width; i++) data[i] = (data[i] as number) / norm;
    }
    return [tensor.name, data.map(Math.fround)];
  };
  const steps = all.steps ?? 1;
  return {
    tokens: new Map([
      ...all.tokens.map((d) => fill(d, B * T * H)),
      ...(all.stepwise ?? []).map((d) => fill(d, B * T * steps * H)),
    ]),
    parameters: new Map((all.parameters ?? []).map((d) => fill(d, H))),
    states: new Map(
      all.states.map(({ state: d }) => {
        const [name, data] = fill(d, B * H);
        return [name, zero ? data.fill(0) : data];
      }),
    ),
  };
}

export const reference = (made: Made, extents: Extents, run: Run) => interpret(made.rule, extents, run);
