/** What all parts of `miras train` are given. */
import type { taskFor } from "../data/task.ts";
import type { Io } from "../io.ts";
import type { OpenNetwork } from "./network.ts";
import type { TrainOptions } from "./settings.ts";

/** How networks and tasks are had. */
export interface Factories {
  readonly openNetwork: OpenNetwork;
  readonly taskFor: typeof taskFor;
}

export interface Context {
  readonly options: TrainOptions;
  readonly io: Io;
  readonly make: Factories;
  /** Asks for an end. */
  readonly signal: AbortSignal;
}
