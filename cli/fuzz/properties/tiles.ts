/** The parallel form of a rule computes what the rule does. */
import { interpretTiles } from "../../../compiler/form/interpret.ts";
import type { Obstacle } from "../../../compiler/form/planes.ts";
import type { TileForm } from "../../../compiler/form/tile-form.ts";
import { tileForm } from "../../../compiler/form/tiles.ts";
import type { Model } from "../../../compiler/pipeline.ts";
import { apart, tensorsOf } from "../compare.ts";
import type { Property } from "../property.ts";
import { tolerance } from "../rounding.ts";

const BOUND = 1e-10;
const F64 = 2 ** -53;

export const tiles: Property = {
  name: "tiles",
  meaning: "the parallel form is the recurrent one, whatever the length of a tile",
  sides: ["in tiles", "token by token"],
  applies: (model) => formOf(model).kind === "tiles",
  check: ({ model, case: tried, result }) => {
    const { extents, run, plan } = tried;
    const got = interpretTiles(formOf(model) as TileForm, extents, run, plan.tile);
    return apart(tensorsOf(got, result, model, extents), BOUND, () => tolerance(model, tried, result, F64));
  },
};

const forms = new WeakMap<Model, TileForm | Obstacle>();

function formOf(model: Model): TileForm | Obstacle {
  const form = forms.get(model) ?? tileForm(model.rule);
  forms.set(model, form);
  return form;
}
