/** Why a network cannot be trained, for people. */
import type { Untrainable } from "../../compiler/plan/trainable.ts";

export const untrainableText = (network: string, { sequential }: Untrainable): string =>
  `${network} cannot be trained: ${sequential} has no parallel form, which training needs; \`miras explain\` says which term is in its way`;
