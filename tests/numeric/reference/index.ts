import { attention } from "./attention.ts";
import { comba } from "./comba.ts";
import { deltanet } from "./deltanet.ts";
import { deltaproduct } from "./deltaproduct.ts";
import { dfw } from "./dfw.ts";
import { gatedDeltanet } from "./gated_deltanet.ts";
import { gla } from "./gla.ts";
import { hgrn2 } from "./hgrn2.ts";
import { kda } from "./kda.ts";
import { lightningAttention } from "./lightning_attention.ts";
import { linearAttention } from "./linear_attention.ts";
import { longhorn } from "./longhorn.ts";
import { mamba2 } from "./mamba2.ts";
import { memora, memoraByChannel } from "./memora.ts";
import { mesanet } from "./mesanet.ts";
import { moneta, monetaByChannel } from "./moneta.ts";
import { retnet } from "./retnet.ts";
import { rwkv6 } from "./rwkv6.ts";
import { rwkv7 } from "./rwkv7.ts";
import { slidingWindowAttention } from "./sliding_window_attention.ts";
import { titans } from "./titans.ts";
import { tttLinear } from "./ttt_linear.ts";
import { tttMlp } from "./ttt_mlp.ts";
import type { Reference } from "./types.ts";
import { yaad, yaadByChannel } from "./yaad.ts";

export { slidingWindowAttentionOver } from "./attention.ts";
export { lightningAttentionIn } from "./lightning_attention.ts";
export { memoraWith } from "./memora.ts";
export { monetaWith } from "./moneta.ts";
export { type Case, type CaseOptions, Random, randomCase } from "./random.ts";
export { titansWith } from "./titans.ts";
export { tttLinearWith } from "./ttt_linear.ts";
export { tttMlpWith } from "./ttt_mlp.ts";
export type { Reference, Result, Shape, Shapes, Sizes, Tensor, Tensors } from "./types.ts";
export { yaadWith } from "./yaad.ts";

/** All systems, as their specs are by default: the first model of each file, and further ones after it. */
export const references: readonly Reference[] = [
  linearAttention,
  retnet,
  lightningAttention,
  mamba2,
  gla,
  hgrn2,
  dfw,
  rwkv6,
  deltanet,
  gatedDeltanet,
  kda,
  rwkv7,
  comba,
  deltaproduct,
  longhorn,
  mesanet,
  tttLinear,
  tttMlp,
  titans,
  moneta,
  monetaByChannel,
  yaad,
  yaadByChannel,
  memora,
  memoraByChannel,
  attention,
  slidingWindowAttention,
];

/** The system of a model of `name`.miras: of the first one, unless it is named. */
export function referenceFor(name: string, model?: string): Reference {
  const found = references.find((reference) => reference.name === name && reference.model === model);
  if (found === undefined) throw new Error(`no reference for ${model ?? "the first model"} of ${name}`);
  return found;
}

/** What a system is called where tests are named. */
export const titleOf = ({ name, model }: Reference): string =>
  model === undefined ? name : `${name}, ${model}`;
