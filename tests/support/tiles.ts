/** Models whose tokens can be computed tile by tile, and the ranges in which rounding does not grow. */
import { readdirSync, readFileSync } from "node:fs";
import { isObstacle } from "../../compiler/form/planes.ts";
import type { TileForm } from "../../compiler/form/tile-form.ts";
import { tileForm } from "../../compiler/form/tiles.ts";
import type { Model } from "../../compiler/pipeline.ts";
import { references } from "../numeric/reference/index.ts";
import type { Ranges } from "./sequences.ts";
import { compileText, specFile, specNames } from "./specs.ts";

const VARIANTS = new URL("../../specs/variants/", import.meta.url);

/** Every file of specs/ and specs/variants, with its text. */
const texts = (): [name: string, text: string][] => [
  ...specNames.map((name): [string, string] => [name, specFile(name).text]),
  ...readdirSync(VARIANTS)
    .sort()
    .map((f): [string, string] => [f.replace(".miras", ""), readFileSync(new URL(f, VARIANTS), "utf8")]),
];

export interface Tiled {
  readonly name: string;
  readonly model: Model;
  readonly form: TileForm;
  /** Narrower ranges for a model that amplifies rounding so much over so many tokens that no bound would say anything. */
  readonly ranges: (tokens: number) => Ranges;
}

/** A step by a third power overshoots where the error is above 1: there it diverges. */
const ALWAYS: Readonly<Record<string, Ranges>> = { lp_matrix: { eta: [0, 0.05] } };
/** From here on deep memories are chaotic over their whole ranges. */
const LONG = 20;

export const tiled: readonly Tiled[] = texts().flatMap(([file, text]) =>
  compileText(text).models.flatMap((model) => {
    const form = tileForm(model.rule);
    const steady = references.find((r) => r.name === file)?.steady;
    const ranges = (tokens: number): Ranges => ALWAYS[file] ?? (tokens > LONG ? (steady ?? {}) : {});
    return isObstacle(form) ? [] : [{ name: model.spec.name, model, form, ranges }];
  }),
);

/** Sizes of a key and a value that a model allows. */
export const sizesOf = ({ spec }: Model, dk: number, dv: number) => ({
  dk,
  dv: spec.equalities.required.length > 0 ? dk : dv,
});
