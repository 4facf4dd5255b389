/** `miras apply`: the memory of a model alone, from tensors to tensors. */
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { settableOf } from "../compiler/check/settable.ts";
import type { Extents, Result } from "../compiler/derive/interpret.ts";
import type { Rule } from "../compiler/derive/rule.ts";
import { extentOf } from "../compiler/math/axis.ts";
import type { Model } from "../compiler/pipeline.ts";
import { readTensors, writeWhole } from "../runtime/node/files.ts";
import { type Tensor, writeSafetensors } from "../runtime/safetensors.ts";
import { inputsOf } from "./apply/inputs.ts";
import { overridesOf } from "./apply/overrides.ts";
import type { FormName } from "./backend.ts";
import { type DeviceName, onBackend } from "./choose.ts";
import { chosen, compileFile, definitionsFor, modelOf } from "./compile.ts";
import { EXIT, UsageError } from "./errors.ts";
import { type Io, Progress } from "./io.ts";
import { version } from "./package.ts";

export interface ApplyOptions {
  readonly input: string;
  readonly output: string;
  readonly model?: string;
  readonly device?: DeviceName;
  readonly form?: FormName;
  readonly tune?: boolean;
  readonly set: readonly string[];
  readonly layer?: number;
  readonly layers?: number;
  readonly json?: boolean;
}

export async function apply(path: string, options: ApplyOptions, io: Io): Promise<number> {
  const layer = layerOf(options);
  const model = loaded(path, options, io);
  const { rule, spec } = model;
  if (!existsSync(dirname(options.output))) {
    throw new UsageError(`the directory of ${options.output} does not exist; create it, or check the path`);
  }
  const { extents, run } = inputsOf(rule, await readTensors(options.input), options.input);
  const { B, T, H } = extents;
  if (options.tune && options.form !== "auto")
    throw new UsageError(
      `--tune looks for the quickest form, and --form ${options.form} says which it is; leave out one of them`,
    );
  const progress = new Progress(io);
  const { result, name } = await onBackend(
    options.device,
    io,
    async (backend) => {
      const told = (done: number): void =>
        progress.say(`${spec.name} on ${backend.name}: token ${done} of ${T}`);
      const ran = await backend.run(model, extents, { ...run, layer }, told);
      progress.clear();
      return { result: ran, name: backend.name };
    },
    {
      ...(options.form ? { form: options.form } : {}),
      ...(options.tune ? { tune: true } : {}),
      say: (text) => progress.say(text),
    },
  );
  const N = run.cuSeqlens && run.cuSeqlens.length - 1;
  const tensors = outputsOf(rule, extents, N ?? B, result);
  warnOfOverflow(tensors, io);
  await writeWhole(
    options.output,
    writeSafetensors(
      tensors,
      new Map([
        ["model", spec.name],
        ["miras", version],
      ]),
    ),
  );
  const shapes = tensors.map(([tensor, { shape }]) => ({ name: tensor, shape }));
  io.out(
    options.json
      ? `${JSON.stringify({ model: spec.name, device: name, schedule: result.schedule, B, N, T, H, ...extents.sizes, output: options.output, tensors: shapes }, undefined, 2)}\n`
      : `${options.output}: ${shapes.map((t) => `${t.name} [${t.shape.join(", ")}]`).join(", ")}, from ${spec.name} on ${name}, ${result.schedule}\n`,
  );
  return EXIT.well;
}

function layerOf({ layer, layers }: ApplyOptions): { index: number; count: number } {
  const index = layer ?? 0;
  const count = layers ?? index + 1;
  if (index >= count) throw new UsageError(`--layer ${index} is not one of ${count}: layers count from 0`);
  return { index, count };
}

/** The model with the settings of the command line. */
function loaded(path: string, { set, model: name }: ApplyOptions, io: Io): Model {
  const model = modelOf(path, name, io);
  if (set.length === 0) return model;
  const compiled = compileFile(path, overridesOf(set, settableOf(model.spec, definitionsFor(path))));
  // The file by itself is well, so that these errors are those of the settings.
  const errors = compiled.diagnostics.all.filter((d) => d.severity === "error").map((d) => d.message);
  if (errors.length > 0)
    throw new UsageError(`with --set ${set.join(" --set ")} the model is in error`, errors);
  return chosen(compiled.models, path, name);
}

function outputsOf(
  { spec, states }: Rule,
  { B, T, H, sizes: given }: Extents,
  sequences: number,
  result: Result,
): [string, Tensor][] {
  const sizes = { tokens: T, ...given };
  const own = (shape: Rule["spec"]["outputShape"]): number[] => shape.map((d) => extentOf(d, sizes));
  return [
    ["y", { shape: [B, T, H, ...own(spec.outputShape)], data: Float32Array.from(result.y) }],
    ...states.map((s): [string, Tensor] => [
      s.name,
      { shape: [sequences, H, ...own(s.shape)], data: Float32Array.from(result.states.get(s.name) ?? []) },
    ]),
  ];
}

/** A memory can diverge, which is no fault of the command: it is told, and what there is is written. */
function warnOfOverflow(tensors: readonly [string, Tensor][], io: Io): void {
  for (const [name, { data, shape }] of tensors) {
    const at = data.findIndex((x) => !Number.isFinite(x));
    if (at < 0) continue;
    const per = shape.slice(2).reduce((n, d) => n * d, 1);
    const when = name === "y" ? ` from token ${Math.floor(at / per) % (shape[1] as number)} on` : "";
    io.err(
      `${io.errColors.yellow("warning:")} ${name} is not finite${when}: the memory diverged; try smaller rates\n`,
    );
    return;
  }
}
