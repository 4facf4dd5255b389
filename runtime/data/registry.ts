/** The tasks that have a name. */
import { compression, madSelectiveCopying, selectiveCopying } from "./copying.ts";
import { fuzzyInContextRecall } from "./fuzzy-recall.ts";
import { inContextRecall, noisyInContextRecall } from "./in-context-recall.ts";
import { inductionHeads } from "./induction-heads.ts";
import type { TaskKind } from "./kind.ts";
import { memorization } from "./memorization.ts";
import { mqar, mqarTiny } from "./mqar.ts";
import { sNiah1 } from "./needle.ts";
import { parity } from "./parity.ts";

export const taskKinds: readonly TaskKind[] = [
  mqar,
  mqarTiny,
  inContextRecall,
  fuzzyInContextRecall,
  noisyInContextRecall,
  madSelectiveCopying,
  compression,
  memorization,
  inductionHeads,
  selectiveCopying,
  parity,
  sNiah1,
];
