import { attention } from "./attention.ts";
import { gatedDeltanet } from "./gated_deltanet.ts";
import { gla } from "./gla.ts";
import { huberMatrix } from "./huber_matrix.ts";
import { titans } from "./titans.ts";
import type { Workload } from "./workload.ts";

/** One spec of each class. */
export const workloads: readonly Workload[] = [gla, gatedDeltanet, huberMatrix, titans, attention];
