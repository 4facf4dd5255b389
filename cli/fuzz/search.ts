/** Looks for a value that fails, with fast-check, and makes it as small as it gets. */
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import type { Extents } from "../../compiler/derive/interpret.ts";
import type { Failure, Outcome } from "./attempt.ts";

export interface Range {
  readonly seed: number;
  /** Of one value that fast-check has found: only that is tried. */
  readonly path: string | undefined;
  readonly runs: number;
}

export interface Found<T> {
  readonly value: T;
  readonly failures: readonly Failure[];
  readonly extents: Extents | undefined;
  readonly seed: number;
  readonly path: string;
}

export interface Tally {
  runs: number;
  /** How many say nothing, by reason. */
  readonly discarded: Map<string, number>;
}

/** Tries random values until one fails, or `isOver` says so. */
export async function search<T>(
  values: fc.Arbitrary<T>,
  attempt: (value: T) => Promise<Outcome>,
  { seed, path, runs }: Range,
  isOver: () => boolean,
  tally: Tally,
): Promise<Found<T> | undefined> {
  let failing: string | undefined;
  let isDone = false;
  const property = fc.asyncProperty(values, async (value) => {
    // Lets Ctrl-C in, and what was built for the value before be collected.
    await setImmediate();
    if (isDone || isOver()) return true;
    isDone = path !== undefined;
    const outcome = await attempt(value);
    if (failing === undefined) {
      tally.runs++;
      if (outcome.kind === "discarded")
        tally.discarded.set(outcome.why, (tally.discarded.get(outcome.why) ?? 0) + 1);
    }
    if (outcome.kind === "discarded") return true;
    // What it shrinks to fails in the same way.
    const failed = outcome.failures.find((f) => failing === undefined || f.property === failing);
    failing ??= failed?.property;
    return failed === undefined;
  });
  const details = await fc.check(property, {
    seed,
    ...(path === undefined ? {} : { path, endOnFailure: true }),
    numRuns: runs,
  });
  if (!details.failed) return undefined;
  const [value] = details.counterexample as [T];
  const last = await attempt(value);
  return {
    value,
    ...(last.kind === "tried"
      ? { failures: last.failures, extents: last.extents }
      : { failures: [], extents: undefined }),
    seed: details.seed,
    path: details.counterexamplePath as string,
  };
}
