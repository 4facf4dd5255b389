/** The stage of forms: that of a tile of tokens, phase by phase, and the recurrent one. */
import { isObstacle } from "../../compiler/form/planes.ts";
import { recurrentForm } from "../../compiler/form/recurrent.ts";
import type { Phase, Quantity, TileForm } from "../../compiler/form/tile-form.ts";
import { tileForm } from "../../compiler/form/tiles.ts";
import type { Tensor } from "../../compiler/math/expr.ts";
import type { Model } from "../../compiler/pipeline.ts";
import { block, definitions, dims, type Line, step } from "./blocks.ts";
import { Names } from "./names.ts";
import { showName } from "./notation.ts";

export function formsText(model: Model): string {
  const form = tileForm(model.rule);
  const tiles = isObstacle(form)
    ? `tile form of ${model.spec.name}: none, for ${form.state.name}: ${form.why}\n`
    : tilesText(form);
  return `${tiles}\n${recurrentText(model)}`;
}

const ORDERS: Readonly<Record<Phase["order"], string>> = {
  parallel: "all tokens at once",
  serial: "token after token",
};

/** What is computed for a tile, in this order. `k.tile` is k of all its tokens, `b.before` is b of the token before. */
function tilesText(form: TileForm): string {
  const { spec, states } = form.rule;
  const all = [...form.constants, ...form.phases.flatMap((p) => p.quantities)];
  const names = new Names(
    spec,
    all.map((q) => q.tensor.name),
  );
  const lines = (some: readonly Quantity[]): Line[] =>
    definitions(
      some.map(({ tensor, value }) => step(tensor.name, value, tensor.shape)),
      spec,
      names,
    );
  const first = (start: number | Tensor): string => (typeof start === "number" ? `${start}` : start.name);
  return `${[
    `tile form of ${spec.name}: ${form.class}; exact, with tiles of any length`,
    ...block(
      "reads where a tile starts",
      states.map((s) => [showName(form.starts.get(s)?.name ?? "", "unicode"), `${s.name} ${dims(s.shape)}`]),
    ),
    ...block("once a tile", lines(form.constants)),
    ...block(
      "before its first token",
      all.flatMap((q) =>
        q.before ? [[showName(q.before.tensor.name, "unicode"), `= ${first(q.before.start)}`] as const] : [],
      ),
    ),
    ...form.phases.flatMap((p) => block(ORDERS[p.order], lines(p.quantities))),
    ...block("gives", definitions([step("y", form.output, spec.outputShape)], spec, names)),
    ...block(
      "where the tile ends",
      lines(
        states.flatMap((s) => {
          const value = form.ends.get(s);
          return value ? [{ tensor: s.next, value, before: undefined }] : [];
        }),
      ),
    ),
    "(k.tile: k of all tokens of the tile; b.before: b of the token before)",
  ].join("\n")}\n`;
}

/** What is carried from token to token, and how the sequence is walked. */
function recurrentText({ rule }: Model): string {
  const form = recurrentForm(rule);
  return `${[
    `recurrent form of ${form.name}: token by token; exact`,
    "carries",
    ...form.carry.map(
      (s) => `  ${s.name} ${dims(s.shape)}${s.start ? `, and ${s.name} as its chunk started` : ""}`,
    ),
    "reads of each token",
    ...form.tokens.map((t) => `  ${t.name} ${dims(t.shape)}`),
    ...(form.stepwise.length > 0
      ? [
          `reads of each of its ${form.steps} steps`,
          ...form.stepwise.map((t) => `  ${t.name} ${dims(t.shape)}`),
        ]
      : []),
    ...(form.parameters.length > 0
      ? ["reads of each head", ...form.parameters.map((t) => `  ${t.name} ${dims(t.shape)}`)]
      : []),
    "gives",
    `  y ${dims(form.outputShape)}`,
    form.chunk === undefined
      ? "a sequence may be split anywhere"
      : `a sequence may be split at multiples of ${form.chunk} tokens, where chunks start`,
  ].join("\n")}\n`;
}
