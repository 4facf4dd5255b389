/** The files that a spec is built into: an ES module with its types, and the text of each kernel. */
import { basename } from "node:path";
import type { AdapterKernels, ModuleDescription } from "../../compiler/emit/ts/description.ts";
import { isFreeName, type ModuleText, printModule } from "../../compiler/emit/ts/module.ts";
import type { Sizes } from "../../compiler/math/axis.ts";
import type { Model } from "../../compiler/pipeline.ts";
import { UsageError } from "../errors.ts";
import { version } from "../package.ts";
import { described } from "./describe.ts";
import { type Asked, sizesOf } from "./sizes.ts";

export interface BuiltFile {
  readonly name: string;
  readonly text: string;
}

export interface Built {
  readonly models: readonly { readonly name: string; readonly sizes: readonly Sizes[] }[];
  readonly module: ModuleText;
  readonly kernels: readonly BuiltFile[];
}

/** The models of a file as one module. Throws UsageError on sizes that they do not have. */
export function builtOf(path: string, models: readonly Model[], asked: readonly Asked[]): Built {
  for (const { spec } of models)
    if (!isFreeName(spec.name))
      throw new UsageError(
        `a module cannot export a model called ${spec.name}, which is a word of TypeScript or of the module itself; give it another name`,
      );
  const description: ModuleDescription = {
    source: basename(path),
    version,
    models: models.map((m) => described(m, sizesOf(m.rule, asked))),
  };
  return {
    models: description.models.map(({ name, builds }) => ({ name, sizes: builds.map((b) => b.sizes) })),
    module: printModule(description),
    kernels: description.models.flatMap(({ name, builds }) =>
      builds.flatMap(({ sizes, kernels }) =>
        kernels.flatMap((k) => kernelFiles(`${name}.${sizesText(sizes)}.${adapterText(k)}`, k)),
      ),
    ),
  };
}

const sizesText = (sizes: Sizes): string =>
  Object.entries(sizes)
    .map(([name, n]) => `${name}${n}`)
    .join(".");

const adapterText = ({ lanes }: AdapterKernels): string => (lanes === 0 ? "any" : `subgroups${lanes}`);

/** Where one kernel reads tokens either way, it is there once. */
function kernelFiles(start: string, { forward, step }: AdapterKernels): BuiltFile[] {
  if ("kernels" in forward) {
    const tiles = forward.kernels.map(({ wgsl, stage }, i) => ({
      name: `${start}.tiles.${i + 1}-${stage}.wgsl`,
      text: wgsl,
    }));
    return [...tiles, { name: `${start}.token.wgsl`, text: step.wgsl }];
  }
  const token = { name: `${start}.token.wgsl`, text: forward.wgsl };
  return step.wgsl === forward.wgsl ? [token] : [token, { name: `${start}.step.wgsl`, text: step.wgsl }];
}
