/** The files that a spec is built into: an ES module with its types, and the text of each kernel. */
import { basename } from "node:path";
import type { AdapterKernels, ModuleDescription } from "../../compiler/emit/ts/description.ts";
import { isFreeName, type ModuleText, printModule } from "../../compiler/emit/ts/module.ts";
import { NetworkKernels } from "../../compiler/emit/ts/network-code.ts";
import type { NetworkDescription } from "../../compiler/emit/ts/network-description.ts";
import type { Sizes } from "../../compiler/math/axis.ts";
import type { Parts } from "../compile.ts";
import { UsageError } from "../errors.ts";
import { version } from "../package.ts";
import { described } from "./describe.ts";
import { describedNetwork } from "./network.ts";
import { type Asked, batchSizesOf, checkAsked, sizesOf } from "./sizes.ts";

export interface BuiltFile {
  readonly name: string;
  readonly text: string;
}

/** A class of a module, with the sizes that it was built for. */
export interface BuiltClass {
  readonly name: string;
  readonly sizes: readonly Sizes[];
}

export interface Built {
  readonly models: readonly BuiltClass[];
  readonly networks: readonly BuiltClass[];
  readonly module: ModuleText;
  readonly kernels: readonly BuiltFile[];
}

/** The models and networks of a file as one module. Throws UsageError on sizes that they do not have. */
export function builtOf(path: string, { models, networks }: Parts, asked: readonly Asked[]): Built {
  for (const name of [...models.map((m) => m.spec.name), ...networks.map((n) => n.name)])
    if (!isFreeName(name))
      throw new UsageError(
        `a module cannot export a class called ${name}, which is a word of TypeScript or of the module itself; give it another name`,
      );
  checkAsked(
    asked,
    models.map((m) => m.rule),
    networks.map((n) => n.name),
  );
  const description: ModuleDescription = {
    source: basename(path),
    version,
    models: models.map((m) => described(m, sizesOf(m.rule, asked))),
    networks: networks.map((n) => describedNetwork(n, batchSizesOf(asked))),
  };
  const classOf = ({ name, builds }: { name: string; builds: readonly { sizes: object }[] }): BuiltClass => ({
    name,
    sizes: builds.map((b) => ({ ...b.sizes })),
  });
  return {
    models: description.models.map(classOf),
    networks: description.networks.map(classOf),
    module: printModule(description),
    kernels: [
      ...description.models.flatMap(({ name, builds }) =>
        builds.flatMap(({ sizes, kernels }) =>
          kernels.flatMap((k) => kernelFiles(`${name}.${sizesText(sizes)}.${adapterText(k)}`, k)),
        ),
      ),
      ...description.networks.flatMap(networkKernelFiles),
    ],
  };
}

/** By their places in the module, whose sequences name them so. */
const networkKernelFiles = (network: NetworkDescription): BuiltFile[] =>
  new NetworkKernels(network).all.map(({ wgsl }, i) => ({ name: `${network.name}.${i}.wgsl`, text: wgsl }));

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
