/** The names in docs/weights.md are those that there are. `npx vitest run tests/weights/docs.test.ts -u` writes them. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { type FlaKind, flaModel } from "../../cli/weights/fla-config.ts";
import { type Row, tableOf } from "../../cli/weights/fla-table.ts";
import { programOf } from "../../compiler/network/build.ts";
import { blocksOf, pageText, root, withGenerated } from "../docs/pages.ts";
import { compileText } from "../support/specs.ts";

const PAGE = "docs/weights.md";

function names(): string {
  const text = blocksOf(PAGE).find((block) => block.language === "miras")?.text ?? "";
  const [network] = compileText(text).networks;
  if (!network) throw new Error(`${PAGE} has no network`);
  const rows = programOf(network).learned.flatMap(({ tensor: { name, shape } }) =>
    // The layers are alike.
    /^layers\.[1-9]/.test(name)
      ? []
      : [
          `| \`${name.replace("layers.0.", "layers.{0–1}.")}\` | \`[${shape.map((d) => d.key).join(", ")}]\` |`,
        ],
  );
  return ["| name | shape |", "| ---- | ----- |", ...rows].join("\n");
}

/** Every setting that has tensors of its own, so that all rows are there. */
const CONFIGS: Readonly<Record<FlaKind, object>> = {
  delta_net: { hidden_size: 8, num_heads: 2, use_gate: true },
  gated_deltanet: { hidden_size: 8, num_heads: 2, head_dim: 4 },
  gla: { hidden_size: 8, num_heads: 2, use_short_conv: true },
};

function mapping(): string {
  const rows = Object.entries(CONFIGS).flatMap(([kind, config]) =>
    tableOf(flaModel({ model_type: kind, num_hidden_layers: 1, ...config }, "config.json"), "MODEL"),
  );
  const seen = new Map(
    rows.map((row) => [`${row.ours} ${typeof row.from === "number" ? "" : row.from.theirs}`, row]),
  );
  return ["| ours | theirs | |", "| ---- | ------ | --- |", ...[...seen.values()].map(line)].join("\n");
}

function line({ ours, from }: Row): string {
  const name = (text: string): string => `\`${text.replace("layers.0.", "layers.N.")}\``;
  if (typeof from === "number") return `| ${name(ours)} | none | ${from} |`;
  return `| ${name(ours)} | ${name(from.theirs)} | ${from.isReversed ? "taps in the other order" : ""} |`;
}

it("docs/weights.md is current", async () => {
  const page = withGenerated(withGenerated(pageText(PAGE), "names", names()), "fla", mapping());
  await expect(page).toMatchFileSnapshot(join(root, PAGE));
});
