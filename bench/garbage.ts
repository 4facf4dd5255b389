/**
 * What one contender leaves is not collected while the next is timed: V8 does that on threads of its own, which would take
 * the cores from a software adapter, and kernels of 20 ms would take 30 to 40.
 */
import { setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Milliseconds in which what is done beside a collection ends. */
const REST = 20;

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

/** Collects all garbage, and comes back when that is over. */
export async function collected(): Promise<void> {
  collect();
  await setTimeout(REST);
}
