/** Who does a task: a form of the compiler, a naive kernel, or another library. */
import type { Task } from "./task.ts";

export interface Contender {
  readonly name: string;
  /** What its time includes, in a few words. */
  readonly includes: string;
  /** Whether it is ours, and others' times are set against it. */
  readonly ours: boolean;
  takes(task: Task): boolean;
  /** Compiles, and puts inputs on the device where it can. Throws Unavailable, or whatever went wrong. */
  prepare(task: Task): Promise<Ready>;
}

export interface Ready {
  run(): Promise<Measured>;
  close(): void;
}

export interface Measured {
  /** `[1, T, H, D]` */
  readonly y: ArrayLike<number>;
  readonly milliseconds: number;
}

/** It cannot run here, and the message says why. */
export class Unavailable extends Error {
  override readonly name = "Unavailable";
}
