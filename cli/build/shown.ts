/** The module of a model for people to read: without its kernels, which `--stage wgsl` shows. */
import { basename } from "node:path";
import { printModule } from "../../compiler/emit/ts/module.ts";
import type { Model } from "../../compiler/pipeline.ts";
import { version } from "../package.ts";
import { described } from "./describe.ts";
import { sizesOf } from "./sizes.ts";

export function shownModule(model: Model): string {
  const models = [described(model, sizesOf(model.rule, []), () => [])];
  const source = basename(model.spec.definition.span.file.path);
  return printModule({ source, version, models }).ts;
}
