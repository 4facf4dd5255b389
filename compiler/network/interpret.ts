/** The f64 interpreter of a program: the reference for all that runs a network. */
import { interpret } from "../derive/interpret.ts";
import { axesFor, elements, type Sizes } from "../math/axis.ts";
import { evaluator } from "../math/evaluate.ts";
import { type Tensor, tensorsOf } from "../math/expr.ts";
import type { MemoryCall, Step } from "./program.ts";

/** Dense row-major data by the names of tensors. */
export type ProgramData = ReadonlyMap<string, Float64Array>;

/**
 * The wanted tensors, by name. `sizes` binds every name that shapes use (`sizesOf`); `given` has what is learned, the
 * tokens, and targets where there are any. Throws RangeError where something needed is missing or has another length.
 */
export function interpretProgram(
  steps: readonly Step[],
  sizes: Sizes,
  given: ProgramData,
  wanted: readonly Tensor[],
): Map<string, Float64Array> {
  const environment = new Map<Tensor, Float64Array>();
  const made = new Set(steps.map(resultOf));
  const needed = neededFor(steps, wanted);
  const dataOf = (t: Tensor): Float64Array => {
    const known = environment.get(t) ?? (made.has(t) ? undefined : given.get(t.name));
    if (!known) throw new RangeError(`no data for ${t.name}`);
    const wants = elements(t.shape, sizes);
    if (known.length !== wants) throw new RangeError(`${t.name} has ${known.length} numbers, not ${wants}`);
    environment.set(t, known);
    return known;
  };
  for (const step of steps) {
    const result = resultOf(step);
    if (!needed.has(result)) continue;
    for (const t of operandsOf(step)) dataOf(t);
    environment.set(result, step.kind === "memory" ? read(step, sizes, dataOf) : define(step));
  }
  return new Map(wanted.map((t) => [t.name, dataOf(t)]));

  function define({ tensor, value }: Extract<Step, { kind: "definition" }>): Float64Array {
    const [data] = evaluator([{ expr: value, axes: axesFor(tensor.shape) }], sizes)(environment);
    return data as Float64Array;
  }
}

export const resultOf = (step: Step): Tensor => (step.kind === "memory" ? step.output : step.tensor);

/** The tensors that a step reads. */
export const operandsOf = (step: Step): readonly Tensor[] =>
  step.kind === "memory"
    ? [...step.inputs.values(), ...step.parameters.values(), ...step.states.values()]
    : [...tensorsOf(step.value)];

/** The tensors that the wanted ones are made of, and these themselves. */
function neededFor(steps: readonly Step[], wanted: readonly Tensor[]): ReadonlySet<Tensor> {
  const needed = new Set(wanted);
  for (const step of steps.toReversed()) {
    if (needed.has(resultOf(step))) for (const t of operandsOf(step)) needed.add(t);
  }
  return needed;
}

function read(call: MemoryCall, sizes: Sizes, dataOf: (t: Tensor) => Float64Array): Float64Array {
  const [B, T, H] = ["B", "T", "H"].map((name) => sizes[name] as number) as [number, number, number];
  const byName = (tensors: ReadonlyMap<string, Tensor>): Map<string, Float64Array> =>
    new Map([...tensors].map(([name, t]) => [name, dataOf(t)]));
  // Every sequence starts from the same states.
  const states = new Map([...byName(call.states)].map(([name, data]) => [name, repeated(data, B)]));
  const run = {
    tokens: byName(call.inputs),
    parameters: byName(call.parameters),
    states,
    layer: call.layer,
  };
  return interpret(call.rule, { B, T, H, sizes }, run).y;
}

function repeated(data: Float64Array, times: number): Float64Array {
  const all = new Float64Array(data.length * times);
  for (let i = 0; i < times; i++) all.set(data, i * data.length);
  return all;
}
