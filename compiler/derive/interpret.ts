/**
 * The f64 interpreter of a rule: sequence by sequence, head by head, token by token. The reference for
 * everything numeric: it shares nothing with the kernels but the rule.
 */
import type { Sizes } from "../math/axis.ts";
import { axesFor, elements } from "../math/axis.ts";
import { evaluator } from "../math/evaluate.ts";
import type { Tensor } from "../math/expr.ts";
import type { Rule } from "./rule.ts";

/** How many sequences, tokens and heads, and the sizes by name: `dk`, `dv`, and `tokens`, which is T unless given. */
export interface Extents {
  readonly B: number;
  readonly T: number;
  readonly H: number;
  readonly sizes: Sizes;
}

export { elements };

/** Dense row-major data by name. */
export type Data = ReadonlyMap<string, Float64Array>;

export interface Run {
  /** Inputs and gates, `[B, T, H, …shape]`; those of each step, `[B, T, steps, H, …shape]`. */
  readonly tokens: Data;
  /** Params, `[H, …shape]`. */
  readonly parameters: Data;
  /** Accumulators and the algorithm's states before the first token, `[B, H, …shape]`; zero where absent. */
  readonly states: Data;
  /** Which layer of how many this is. */
  readonly layer?: { readonly index: number; readonly count: number };
  /**
   * `[N + 1]`: where each of N sequences starts that are packed, one after the other, into the tokens of a batch of one,
   * and where the last ends. Each starts with states of its own, `[N, H, …shape]`, and with a chunk of its own.
   */
  readonly cuSeqlens?: ArrayLike<number>;
}

export interface Result {
  /** `[B, T, H, …output shape]` */
  readonly y: Float64Array;
  /** After the last token, `[B, H, …shape]`, or `[N, H, …shape]` of packed sequences. */
  readonly states: Map<string, Float64Array>;
}

export function interpret(rule: Rule, { B, T, H, sizes: given }: Extents, run: Run): Result {
  const { spec } = rule;
  const sizes: Sizes = { tokens: T, ...given };
  const update = evaluator(
    rule.states.map((s) => ({ expr: s.update, axes: axesFor(s.shape) })),
    sizes,
  );
  const output = evaluator([{ expr: rule.output, axes: axesFor(spec.outputShape) }], sizes);
  const width = elements(spec.outputShape, sizes);
  const y = new Float64Array(B * T * H * width);
  const bounds = boundsOf(run, { B, T });
  const records = (bounds.length - 1) * H;
  const final = new Map(
    rule.states.map((s) => [s.name, new Float64Array(records * elements(s.shape, sizes))]),
  );

  const layer = run.layer ?? { index: 0, count: 1 };
  const { steps } = spec;
  for (const [b, end] of bounds.slice(1).entries()) {
    const start = bounds[b] as number;
    for (let h = 0; h < H; h++) {
      const environment = new Map<Tensor, Float64Array>();
      const numbers: Record<string, number> = { head: h, heads: H, layer: layer.index, layers: layer.count };
      for (const t of spec.numbers) environment.set(t, Float64Array.of(numbers[t.name] ?? 0));
      for (const { tensor } of spec.parameters) {
        const n = elements(tensor.shape, sizes);
        environment.set(tensor, slice(run.parameters, tensor.name, h, n));
      }
      for (const s of rule.states) {
        const n = elements(s.shape, sizes);
        const held = run.states.has(s.name)
          ? slice(run.states, s.name, b * H + h, n).slice()
          : new Float64Array(n);
        environment.set(s.previous, held);
      }
      for (let turn = 0; turn < (end - start) * steps; turn++) {
        const token = (start + Math.floor(turn / steps)) * H + h;
        const step = (start * steps + turn) * H + h;
        for (const { tensor, each } of spec.inputs) {
          const place = each === "step" ? step : token;
          environment.set(tensor, slice(run.tokens, tensor.name, place, elements(tensor.shape, sizes)));
        }
        for (const t of spec.numbers)
          if (t.name === "step") environment.set(t, Float64Array.of(turn % steps));
        if (turn % ((spec.chunk ?? 1) * steps) === 0) {
          for (const s of rule.states)
            if (s.start) environment.set(s.start, environment.get(s.previous) as Float64Array);
        }
        const next = update(environment);
        for (const [i, s] of rule.states.entries()) environment.set(s.next, next[i] as Float64Array);
        if (turn % steps === steps - 1) y.set(output(environment)[0] as Float64Array, token * width);
        for (const s of rule.states) environment.set(s.previous, environment.get(s.next) as Float64Array);
      }
      for (const s of rule.states) {
        const data = environment.get(s.previous) as Float64Array;
        final.get(s.name)?.set(data, (b * H + h) * data.length);
      }
    }
  }
  return { y, states: final };
}

/**
 * Where each sequence starts, and where the last one ends: those of a batch lie one after the other as packed ones do, and
 * are all as long as each other.
 */
export const boundsOf = (
  { cuSeqlens }: Pick<Run, "cuSeqlens">,
  { B, T }: Pick<Extents, "B" | "T">,
): readonly number[] => Array.from(cuSeqlens ?? Array.from({ length: B + 1 }, (_, b) => b * T));

export function slice(data: Data, name: string, index: number, n: number): Float64Array {
  const found = data.get(name);
  if (!found) throw new RangeError(`no data for ${name}`);
  if (found.length < (index + 1) * n) throw new RangeError(`${name} has ${found.length} numbers: too few`);
  return found.subarray(index * n, (index + 1) * n);
}
