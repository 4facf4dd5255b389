/** The tasks that have a name. */
import type { TaskKind } from "./kind.ts";
import { mqar, mqarTiny } from "./mqar.ts";

export const taskKinds: readonly TaskKind[] = [mqar, mqarTiny];
