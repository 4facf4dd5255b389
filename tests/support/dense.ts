/** Definitions as the dense kernels compute them, and as the f64 interpreter does. */
import { type DenseKernel, lowerDense } from "../../compiler/dense/lower.ts";
import { printWgsl } from "../../compiler/emit/wgsl/print.ts";
import type { Definition } from "../../compiler/form/steps.ts";
import type { Target } from "../../compiler/kernel/target.ts";
import { axesFor, type Dim, elements, type Sizes } from "../../compiler/math/axis.ts";
import { evaluator } from "../../compiler/math/evaluate.ts";
import { type Expr, type Tensor, tensorsOf } from "../../compiler/math/expr.ts";
import { type Interval, REAL } from "../../compiler/math/interval.ts";
import type { Device } from "../../runtime/device.ts";
import { validateWgsl } from "../../runtime/node/adapter.ts";
import { ProgramRunner } from "../../runtime/program.ts";

export const tensor = (name: string, shape: readonly Dim[], domain: Interval = REAL): Tensor => ({
  name,
  shape,
  domain,
});

export const define = (t: Tensor, value: Expr): Definition => ({ kind: "definition", tensor: t, value });

export type Data = ReadonlyMap<Tensor, Float64Array>;

export interface Graph {
  readonly definitions: readonly Definition[];
  readonly kept: readonly Tensor[];
  readonly sizes: Sizes;
  readonly inputs: Data;
  readonly replaces?: ReadonlyMap<Tensor, Tensor>;
}

/** Seeded numbers in ±scale, as f32 has them. */
export function numbers(count: number, seed: number, scale = 1): Float64Array {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.fround(scale * (state / 2 ** 31 - 1));
  });
}

export const random = (t: Tensor, sizes: Sizes, seed: number, scale = 1): Float64Array =>
  numbers(elements(t.shape, sizes), seed, scale);

/** Every definition's value in f64. */
export function expected({ definitions, sizes, inputs }: Graph): Map<Tensor, Float64Array> {
  const all = new Map(inputs);
  for (const { tensor: t, value } of definitions) {
    const [data] = evaluator([{ expr: value, axes: axesFor(t.shape) }], sizes)(all);
    all.set(t, data as Float64Array);
  }
  return all;
}

export const lowered = (
  { definitions, kept, sizes, replaces }: Graph,
  target: Target,
): readonly DenseKernel[] => lowerDense("graph", definitions, new Set(kept), sizes, target, replaces);

/** What a device that checks everything has to say about the kernels. */
export async function problems(graph: Graph, target: Target): Promise<string[]> {
  const found = await Promise.all(
    lowered(graph, target).map(async ({ block }) => {
      const wgsl = printWgsl(block);
      return (await validateWgsl(wgsl)).map((p) => `${block.name}: ${p}\n${wgsl}`);
    }),
  );
  return found.flat();
}

export async function runnerOf(
  device: Device,
  graph: Graph,
  target: Target,
  poison: boolean,
): Promise<ProgramRunner> {
  const kernels = lowered(graph, target);
  const tensors = new Map<string, number>();
  const temporary = new Set<string>();
  const given = new Set([...graph.inputs.keys(), ...graph.kept]);
  for (const { definitions, sizes } of [graph]) {
    const bound = kernels.flatMap(({ block }) => block.bindings.flatMap((b) => b.holds));
    const read = definitions.flatMap((d) => [...tensorsOf(d.value)]).filter((t) => graph.inputs.has(t));
    for (const t of [...bound, ...read, ...given]) {
      tensors.set(t.name, elements(t.shape, sizes));
      if (!given.has(t)) temporary.add(t.name);
    }
  }
  const aliases = new Map([...(graph.replaces ?? [])].map(([made, old]) => [made.name, old.name]));
  const list = kernels.map(({ block, groups }) => ({ code: { block, wgsl: printWgsl(block) }, groups }));
  const runner = await ProgramRunner.create(device, {
    name: "graph",
    tensors,
    aliases,
    temporary,
    poison,
    sequences: { all: list },
  });
  for (const [t, data] of graph.inputs) runner.write(t.name, Float32Array.from(data));
  return runner;
}

/** What the device makes of it: the kept tensors. */
export async function computed(
  device: Device,
  graph: Graph,
  target: Target,
  poison = true,
): Promise<Map<Tensor, Float32Array>> {
  const runner = await runnerOf(device, graph, target, poison);
  try {
    await runner.run("all");
    const read = await runner.read(...graph.kept.map((t) => t.name));
    return new Map(graph.kept.map((t) => [t, read.get(t.name) as Float32Array]));
  } finally {
    runner.destroy();
  }
}
