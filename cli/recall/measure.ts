/** Writes pairs into a memory, reads them back, and says how well. */

import type { Spec } from "../../compiler/check/spec.ts";
import { type Extents, elements, type Result, type Run } from "../../compiler/derive/interpret.ts";
import { axesFor, extentOf, type Sizes } from "../../compiler/math/axis.ts";
import { type Evaluator, evaluator } from "../../compiler/math/evaluate.ts";
import { leaf, type Tensor } from "../../compiler/math/expr.ts";
import { REAL } from "../../compiler/math/interval.ts";
import type { Model } from "../../compiler/pipeline.ts";
import type { Backend } from "../backend.ts";
import { normal, type Task, type TaskOptions, taskOf } from "./task.ts";

/** A constant for each gate and each param. */
export type Setting = ReadonlyMap<string, number>;

export interface Recall {
  readonly pairs: number;
  /** RMS(read − value) / RMS(value), over the pairs that are no outliers. */
  readonly error: number;
  /** The fraction of reads whose nearest value is the right one. */
  readonly matched: number;
}

export class Recaller {
  readonly #model: Model;
  readonly #backend: Backend;
  readonly #options: TaskOptions;
  readonly #sizes: Sizes;
  /** What is read at the key, for each number of tokens. */
  readonly #reads = new Map<number, Evaluator>();
  readonly #key: Tensor;

  constructor(model: Model, backend: Backend, options: TaskOptions) {
    const { spec } = model;
    this.#model = model;
    this.#backend = backend;
    this.#options = options;
    this.#sizes = { dk: options.dk, dv: options.dv };
    this.#key = { name: "key", shape: spec.read.x.shape, domain: REAL };
  }

  #readAfter(tokens: number): Evaluator {
    const { rule, spec } = this.#model;
    const axes = axesFor(spec.read.shape);
    const place = leaf(this.#key, axesFor(this.#key.shape));
    const made =
      this.#reads.get(tokens) ??
      evaluator([{ expr: rule.reading(place, "next"), axes }], { ...this.#sizes, tokens });
    this.#reads.set(tokens, made);
    return made;
  }

  /** One sequence for each seed, all with the same number of pairs. */
  async run(pairs: number, seeds: readonly number[], setting: Setting): Promise<Recall> {
    const tasks = seeds.map((seed) => taskOf(pairs, this.#options, seed));
    const extents: Extents = { B: seeds.length, T: pairs, H: 1, sizes: this.#sizes };
    const result = await this.#backend.run(this.#model, extents, this.#inputs(tasks, seeds, setting));
    return this.#score(tasks, result, pairs, setting);
  }

  #inputs(tasks: readonly Task[], seeds: readonly number[], setting: Setting): Run {
    const { spec, rule } = this.#model;
    const constant = (t: Tensor, n: number): Float64Array =>
      new Float64Array(n * elements(t.shape, this.#sizes)).fill(setting.get(t.name) ?? 1);
    const [pairs = 0] = tasks.map((t) => t.pairs);
    const tokens = pairs * tasks.length;
    return {
      tokens: new Map(
        spec.inputs.map(({ tensor, role, each }) => {
          // Every step of a token has the same pair.
          const times = each === "step" ? spec.steps : 1;
          if (role === "gate") return [tensor.name, constant(tensor, tokens * times)];
          const once = joined(tasks.map((t) => source(tensor, t, spec)));
          return [tensor.name, repeated(once, elements(tensor.shape, this.#sizes), times)];
        }),
      ),
      parameters: new Map(spec.parameters.map(({ tensor }) => [tensor.name, constant(tensor, 1)])),
      states: new Map(
        rule.states.map((s) => {
          const n = elements(s.shape, { ...this.#sizes, tokens: pairs });
          if (s.initial === "zeros") return [s.name, new Float64Array(seeds.length * n)];
          // Weights usually start with the variance 1 / (number of inputs).
          const last = s.shape.at(-1);
          const deviation = 1 / Math.sqrt(last ? extentOf(last, this.#sizes) : 1);
          const starts = seeds.map((seed) => {
            const draw = normal(seed * 31 + s.name.length * 7 + (s.name.codePointAt(s.name.length - 1) ?? 0));
            return Float64Array.from({ length: n }, () => deviation * draw());
          });
          return [s.name, joined(starts)];
        }),
      ),
    };
  }

  #score(tasks: readonly Task[], { states }: Result, pairs: number, setting: Setting): Recall {
    const { spec, rule } = this.#model;
    const read = this.#readAfter(pairs);
    const sizes = { ...this.#sizes, tokens: pairs };
    const constants = [...spec.parameters, ...spec.inputs].map(({ tensor }): [Tensor, Float64Array] => [
      tensor,
      new Float64Array(elements(tensor.shape, sizes)).fill(setting.get(tensor.name) ?? 1),
    ]);
    const numbers = spec.numbers.map((t): [Tensor, Float64Array] => [
      t,
      Float64Array.of(t.name === "heads" || t.name === "layers" ? 1 : 0),
    ]);
    const { dk, dv } = this.#options;
    let error = 0;
    let size = 0;
    let matched = 0;
    let asked = 0;
    for (const [b, task] of tasks.entries()) {
      const environment = new Map<Tensor, Float64Array>([...constants, ...numbers]);
      for (const s of rule.states) {
        const n = elements(s.shape, sizes);
        environment.set(s.next, (states.get(s.name) as Float64Array).subarray(b * n, (b + 1) * n));
      }
      for (let n = 0; n < pairs; n++) {
        if (task.isOutlier[n]) continue;
        environment.set(this.#key, task.keys.subarray(n * dk, (n + 1) * dk));
        const [got] = read(environment) as [Float64Array];
        const value = task.values.subarray(n * dv, (n + 1) * dv);
        error += squaredDistance(got, value);
        size += value.reduce((sum, x) => sum + x * x, 0);
        if (nearest(got, task.values, dv) === n) matched++;
        asked++;
      }
    }
    return {
      pairs,
      error: asked > 0 ? Math.sqrt(error / size) : 0,
      matched: asked > 0 ? matched / asked : 1,
    };
  }
}

/** What an input is here: a second key is the key, anything as long as a value is the value. */
function source(tensor: Tensor, task: Task, { inputs }: Spec): Float64Array {
  const shapeOf = (name: string): string =>
    inputs
      .find((i) => i.tensor.name === name)
      ?.tensor.shape.map((d) => d.key)
      .join() ?? "";
  if (tensor.name === "v") return task.written;
  if (tensor.name === "q" || tensor.name === "k") return task.keys;
  const own = tensor.shape.map((d) => d.key).join();
  if (own === shapeOf("k")) return task.keys;
  if (own === shapeOf("v")) return task.written;
  return new Float64Array(task.pairs).fill(1);
}

/** Each row of `width` numbers so many times after itself. */
function repeated(rows: Float64Array, width: number, times: number): Float64Array {
  if (times === 1) return rows;
  const all = new Float64Array(rows.length * times);
  for (let i = 0; i < rows.length * times; i += width) {
    const row = Math.floor(i / width / times) * width;
    all.set(rows.subarray(row, row + width), i);
  }
  return all;
}

function joined(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function squaredDistance(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += ((a[i] as number) - (b[i] as number)) ** 2;
  return sum;
}

function nearest(read: Float64Array, values: Float64Array, width: number): number {
  let best = -1;
  let least = Infinity;
  for (let n = 0; (n + 1) * width <= values.length; n++) {
    const distance = squaredDistance(read, values.subarray(n * width, (n + 1) * width));
    if (distance < least) [best, least] = [n, distance];
  }
  return best;
}
