/** What `miras build` makes of specs, bundled with the runtime and with what tries it: for Node and for a page alike. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { builtOf } from "../../cli/build/files.ts";
import { askedSizes } from "../../cli/build/sizes.ts";
import { type Data, type Extents, interpret, type Result } from "../../compiler/derive/interpret.ts";
import type { Model } from "../../compiler/pipeline.ts";
import { type Tensor, writeSafetensors } from "../../runtime/safetensors.ts";
import { referenceFor, type Tensors } from "../numeric/reference/index.ts";
import { caseFor } from "./cases.ts";
import type { Task, Told } from "./exercise.ts";
import { type Sequence, slice } from "./sequences.ts";
import { specModel } from "./specs.ts";

const root = resolve(import.meta.dirname, "../..");

/** An ES module that has the classes of these specs by name, `exercise`, and the devices of a page. */
export async function bundleOf(specs: readonly string[], sizes: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "miras-module-"));
  try {
    for (const name of specs) {
      const { module } = builtOf(`${name}.miras`, { models: [specModel(name)], networks: [] }, [
        askedSizes(sizes),
      ]);
      writeFileSync(join(folder, `${name}.js`), module.js);
    }
    const lines = [
      `export * from ${JSON.stringify(join(root, "tests/support/exercise.ts"))};`,
      `export { requestDevice } from "miras/runtime";`,
      ...specs.map((name) => `export * from "./${name}.js";`),
    ];
    writeFileSync(join(folder, "all.js"), lines.join("\n"));
    const { outputFiles } = await build({
      entryPoints: [join(folder, "all.js")],
      bundle: true,
      format: "esm",
      write: false,
      alias: { "miras/runtime": join(root, "runtime/index.ts") },
    });
    return outputFiles[0]?.text ?? "";
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A task for the module of a spec, and what the interpreter makes of the whole sequence. */
export interface Case {
  readonly model: Model;
  readonly whole: Sequence;
  readonly task: Task;
  readonly want: Result;
}

/** `forward` tokens at once, and then `steps` one by one, from ordinary numbers. */
export function caseOf(
  spec: string,
  { B, H, dk, dv, forward, steps }: Readonly<Record<"B" | "H" | "dk" | "dv" | "forward" | "steps", number>>,
  extra: Readonly<Record<string, number>> = {},
): Case {
  const model = specModel(spec);
  const reference = referenceFor(spec);
  const T = forward + steps;
  const drawn = caseFor(reference, model, { B, T, H, dk, dv }, 7, {
    edge: false,
    states: false,
    steady: true,
  });
  const { inputs, params, states } = drawn;
  const learned = new Set(model.rule.states.filter((s) => s.initial === "learned").map((s) => s.name));
  const start = Object.entries(states).filter(([name]) => learned.has(name));
  const extents: Extents = { B, T, H, sizes: { dk, dv, tokens: T, ...extra } };
  const run = {
    tokens: dataOf(Object.entries(inputs)),
    parameters: dataOf(Object.entries(params)),
    states: dataOf(start),
  };
  const file: [string, Tensor][] = [...Object.entries(params), ...start].map(([name, t]) => [
    name,
    { shape: t.shape, data: Float32Array.from(t.data) },
  ]);
  const part = (from: number, to: number): Record<string, number[]> =>
    Object.fromEntries([...run.tokens].map(([name, x]) => [name, [...slice(x, extents, from, to)]]));
  return {
    model,
    whole: { extents, run },
    task: {
      model: model.spec.name,
      sizes: { H, B, dk, dv, ...extra },
      weights: [...writeSafetensors(file)],
      forward: part(0, forward),
      steps: Array.from({ length: steps }, (_, t) => part(forward + t, forward + t + 1)),
    },
    want: interpret(model.rule, extents, run),
  };
}

const dataOf = (tensors: readonly (readonly [string, Tensors[string]])[]): Data =>
  new Map(tensors.map(([n, t]) => [n, Float64Array.from(Float32Array.from(t.data))]));

/** y of all tokens in the order of the interpreter. */
export function together({ whole: { extents }, task }: Case, { forward, steps }: Told): Float64Array {
  const { B, T } = extents;
  const first = T - task.steps.length;
  const row = (forward.length + steps.flat().length) / (B * T);
  const y = new Float64Array(B * T * row);
  for (let b = 0; b < B; b++) {
    y.set(forward.slice(b * first * row, (b + 1) * first * row), b * T * row);
    for (const [t, step] of steps.entries())
      y.set(step.slice(b * row, (b + 1) * row), (b * T + first + t) * row);
  }
  return y;
}
