/** `miras build`: kernels as WGSL, and a typed ES module that runs them. */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { settableOf } from "../compiler/check/settable.ts";
import type { Sizes } from "../compiler/math/axis.ts";
import { writeWhole } from "../runtime/node/files.ts";
import { overridesOf } from "./apply/overrides.ts";
import { type Built, type BuiltFile, builtOf } from "./build/files.ts";
import { askedSizes } from "./build/sizes.ts";
import { chosen, chosenParts, compileFile, definitionsFor, type Parts, partsOf } from "./compile.ts";
import { EXIT, UsageError } from "./errors.ts";
import type { Io } from "./io.ts";
import { count } from "./words.ts";

/** Where kernels go, in the folder of the build. */
const KERNELS = "wgsl";

export interface BuildOptions {
  readonly output: string;
  readonly model?: string;
  readonly sizes: readonly string[];
  readonly set: readonly string[];
  readonly ts?: boolean;
  readonly json?: boolean;
}

export async function build(path: string, options: BuildOptions, io: Io): Promise<number> {
  const asked = options.sizes.map(askedSizes);
  const built = builtOf(path, loaded(path, options, io), asked);
  const name = basename(path, ".miras");
  const kernels = built.kernels.map((k) => ({ ...k, name: join(KERNELS, k.name) }));
  const files = [...moduleFiles(name, built, options.ts ?? false), ...kernels];
  makeFolder(join(options.output, KERNELS));
  removeKernels(join(options.output, KERNELS), built);
  for (const { name: file, text } of files) await writeWhole(join(options.output, file), Buffer.from(text));
  io.out(options.json ? asJson(built, files, options) : asText(built, name, options));
  return EXIT.well;
}

/** What the file has, or the one model or network that is asked for, with the settings of the command line. */
function loaded(path: string, { model: name, set }: BuildOptions, io: Io): Parts {
  const { models, networks } = chosenParts(partsOf(path, io), path, name);
  if (set.length === 0) return { models, networks };
  if (networks.length > 0)
    throw new UsageError("--set changes models, and the file has networks", [
      "write the value into the network's block, as in `block Name(chunk: 32)`",
      ...(models.length > 0 ? [`or choose a model: --model ${models[0]?.spec.name}`] : []),
    ]);
  return {
    networks,
    models: models.map(({ spec }) => {
      const compiled = compileFile(path, overridesOf(set, settableOf(spec, definitionsFor(path))));
      // The file by itself is well, so that these errors are those of the settings.
      const errors = compiled.diagnostics.all.filter((d) => d.severity === "error").map((d) => d.message);
      if (errors.length > 0)
        throw new UsageError(`with --set ${set.join(" --set ")} the model is in error`, errors);
      return chosen(compiled.models, path, spec.name);
    }),
  };
}

/** The module, and beside it what types an import of the spec itself. */
const moduleFiles = (name: string, { module }: Built, asSource: boolean): BuiltFile[] => [
  ...(asSource
    ? [{ name: `${name}.ts`, text: module.ts }]
    : [
        { name: `${name}.js`, text: module.js },
        { name: `${name}.d.ts`, text: module.dts },
      ]),
  { name: `${name}.d.miras.ts`, text: module.dts },
];

/** Those of the same models and networks from an earlier build, perhaps for other sizes. */
function removeKernels(folder: string, { models, networks }: Built): void {
  for (const file of readdirSync(folder))
    if (file.endsWith(".wgsl") && [...models, ...networks].some(({ name }) => file.startsWith(`${name}.`)))
      rmSync(join(folder, file));
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(`the folder ${folder} cannot be made: ${why}`);
  }
}

function asText(
  { models, networks, module, kernels }: Built,
  name: string,
  { output, ts }: BuildOptions,
): string {
  const bytes = gzipSync(ts ? module.ts : module.js).length;
  const main = join(output, `${name}.${ts ? "ts" : "js"}`);
  const lines = [...models, ...networks].map((c) => `  ${c.name} for ${c.sizes.map(sizesText).join("; ")}`);
  return [
    `${main}: ${(bytes / 1000).toFixed(1)} kB gzipped, and ${count(kernels.length, "kernel")} in ${join(output, KERNELS)}`,
    ...lines,
    "",
  ].join("\n");
}

const sizesText = (sizes: Sizes): string =>
  Object.entries(sizes)
    .map(([name, n]) => `${name} = ${n}`)
    .join(", ");

const asJson = ({ models, networks }: Built, files: readonly BuiltFile[], { output }: BuildOptions): string =>
  `${JSON.stringify({ models, networks, files: files.map((f) => join(output, f.name)) }, undefined, 2)}\n`;
