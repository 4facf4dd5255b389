/** Why a network cannot be trained, for people. */
import type { Untrainable } from "../../compiler/plan/trainable.ts";

export const untrainableText = (network: string, { part, why }: Untrainable): string =>
  `${network} cannot be trained: ${REASONS[why](part)}`;

const REASONS = {
  sequential: (part: string) =>
    `${part} has no parallel form, which training needs; \`miras explain\` says which term is in its way`,
  solves: (part: string) => `${part} solves a linear system for each token, whose gradient has no kernel yet`,
} as const;
