/** The doc comments of a module: shapes, ranges, and what each part is for. */
import type { Dim } from "../../math/axis.ts";
import { REAL, showInterval } from "../../math/interval.ts";
import type { ModelDescription, TensorDescription } from "./description.ts";
import type { NetworkDescription } from "./network-description.ts";

/** A comment ends where it must, whatever the text. */
const safe = (text: string): string => text.replaceAll("*/", "* /");

export const shapeOf = (lead: readonly string[], shape: readonly Dim[]): string =>
  `[${[...lead, ...shape.map((d) => d.key.replaceAll("*", " "))].join(", ")}]`;

/** What the class is, with the rule that was derived. */
export const aboutModel = ({ about, y }: ModelDescription): string =>
  safe(
    `\n${about.trimEnd()}\n\nTensors are f32, dense and row-major: B sequences of T tokens, with H heads. It gives y \`${shapeOf(["B", "T", "H"], y)}\`.`,
  );

export function aboutInput(tensor: TensorDescription, steps: number): string {
  const each = tensor.stepwise ? [String(steps)] : [];
  const forward = shapeOf(["B", "T", ...each, "H"], tensor.shape);
  const step = shapeOf(["B", ...each, "H"], tensor.shape);
  const range = tensor.domain === REAL ? "" : `, ${inRange(tensor)}`;
  return safe(`\`${forward}\`, of one token \`${step}\`${range}: ${tensor.role}.`);
}

const inRange = ({ domain }: TensorDescription): string => {
  const shown = showInterval(domain);
  return /^[([]/.test(shown) ? `in ${shown}` : shown;
};

export const aboutState = (tensor: TensorDescription): string =>
  safe(`\`${shapeOf(["B", "H"], tensor.shape)}\`: ${tensor.role}.`);

/** Names of the tensors of a file for `load`, with their shapes. */
export function aboutFile({ parameters, states, learned }: ModelDescription): string {
  const named = (t: TensorDescription): string => `\`${t.name} ${shapeOf(["H"], t.shape)}\``;
  const needed = states.filter((s) => learned.includes(s.name));
  const rest = states.filter((s) => !learned.includes(s.name));
  return safe(
    [
      ...(parameters.length > 0
        ? [`Params, which \`load\` brings: ${parameters.map(named).join(", ")}.`]
        : []),
      ...(needed.length > 0
        ? [
            `States that are learned, and start as \`load\` or \`init\` says: ${needed.map(named).join(", ")}.`,
          ]
        : []),
      ...(rest.length > 0 ? [`States that start at zero unless given: ${rest.map(named).join(", ")}.`] : []),
    ].join("\n"),
  );
}

/** What the class of a network is, with its parts. */
export const aboutNetwork = ({ about }: NetworkDescription): string =>
  safe(
    `\n${about.trimEnd()}\n\nIt reads B sequences of T tokens, and learns from them by AdamW. Logits are f32, dense and row-major.`,
  );

export const networkShapes = ({ vocabulary }: NetworkDescription) => ({
  tokens: "[B, T]",
  logits: `[B, T, ${vocabulary}]`,
});

export const aboutWeights = ({ layout }: NetworkDescription): string => {
  const count = layout.weights.reduce((n, { shape }) => n + shape.reduce((m, d) => m * d, 1), 0);
  return `It learns ${count.toLocaleString("en-US")} numbers. The same \`seed\` gives the same weights; \`load\` brings others.`;
};
