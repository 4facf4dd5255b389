/** Small pieces of English and of shapes, as all commands write them. */
import { showDim } from "../compiler/check/dimensions.ts";
import type { Choice, Spec } from "../compiler/check/spec.ts";
import type { Dim } from "../compiler/math/axis.ts";
import type { Network } from "../compiler/network/network.ts";
import type { Model } from "../compiler/pipeline.ts";

export const count = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;

/** `W1', W2' proved symbolically` */
export function proofs({ proofs: all }: Model): string {
  const by = (verdict: string): string[] =>
    all.filter((p) => p.proof.verdict === verdict).map((p) => p.expectation.target.name);
  const symbolic = by("symbolic");
  const numeric = by("numeric");
  const refuted = by("refuted");
  return [
    ...(symbolic.length > 0 ? [`${symbolic.join(", ")} proved symbolically`] : []),
    ...(numeric.length > 0 ? [`${numeric.join(", ")} proved numerically`] : []),
    ...(refuted.length > 0 ? [`${refuted.join(", ")} refuted`] : []),
  ].join("; ");
}

/** `gd(beta, at: kept)`: what the author wrote, without what is a default. */
export function choiceText(choice: Choice, spec: Spec): string {
  const given = choice.arguments
    .filter((a) => a.origin === "given" || a.origin === "same name")
    .map((a) => a.shown);
  if (choice.kind === "algorithm" && spec.point !== "prev") given.push(`at: ${spec.point}`);
  for (const a of choice.arguments) if (a.origin === "modifier") given.push(`${a.name}: ${a.shown}`);
  return given.length > 0 ? `${choice.name}(${given.join(", ")})` : choice.name;
}

/** `2 layers of DeltaNet and swiglu, width 64` */
export function networkText({ sizes, parts }: Network): string {
  const names = parts.map((p) => p.name);
  const last = names.pop() ?? "nothing";
  const block = names.length > 0 ? `${names.join(", ")} and ${last}` : last;
  return `${count(sizes.layers, "layer")} of ${block}, width ${sizes.width}, ${count(sizes.heads, "head")}`;
}

/** `[dv, 4 dk]`; nothing for a scalar. */
export const shapeText = (shape: readonly Dim[]): string =>
  shape.length === 0 ? "" : `[${shape.map((d) => showDim(d).replaceAll(" * ", " ")).join(", ")}]`;

/** A paragraph in lines of at most `width` columns. */
export function wrap(text: string, width: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].join("\n");
}
