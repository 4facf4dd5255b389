/** The module of a model or of networks for people to read: without kernels, which `--stage wgsl` shows of a model. */
import { basename } from "node:path";
import { printModule } from "../../compiler/emit/ts/module.ts";
import type { Network } from "../../compiler/network/network.ts";
import type { Model } from "../../compiler/pipeline.ts";
import { version } from "../package.ts";
import { described } from "./describe.ts";
import { describedNetwork } from "./network.ts";
import { batchSizesOf, sizesOf } from "./sizes.ts";

export function shownModule(model: Model): string {
  const models = [described(model, sizesOf(model.rule, []), () => [])];
  const source = basename(model.spec.definition.span.file.path);
  return printModule({ source, version, models, networks: [] }).ts;
}

/** Of networks of one file. */
export function shownNetworks(all: readonly [Network, ...Network[]]): string {
  const networks = all.map((n) => describedNetwork(n, batchSizesOf([]), false));
  const source = basename(all[0].span.file.path);
  return printModule({ source, version, models: [], networks }).ts;
}
