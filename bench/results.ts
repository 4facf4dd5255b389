/** All that one run measures. */
import type { ColdRow } from "./cold.ts";
import type { CompileRow } from "./compiling.ts";
import type { DecodingRow } from "./decoding.ts";
import type { DriftRow } from "./drift.ts";
import type { Machine } from "./machine.ts";
import type { ProductRate } from "./product.ts";
import type { Row } from "./race.ts";
import type { StepProfile } from "./training/profile.ts";
import type { TrainingRace } from "./training/race.ts";
import type { Workload } from "./workloads/workload.ts";

/** A section that was not asked for is empty. */
export interface Results {
  readonly machine: Machine;
  /** The best one first. */
  readonly products: readonly ProductRate[];
  readonly races: readonly Race[];
  readonly drifts: readonly DriftRow[];
  readonly decoding: readonly { readonly workload: Workload; readonly rows: readonly DecodingRow[] }[];
  readonly compiling: readonly CompileRow[];
  readonly cold: readonly ColdRow[];
  readonly training: readonly TrainingRace[];
  /** Where a step of one of these networks spends its time. */
  readonly profiles: readonly StepProfile[];
  /** What did not agree with f64, or broke. */
  readonly faults: readonly string[];
}

export interface Race {
  readonly workload: Workload;
  readonly T: number;
  readonly rows: readonly Row[];
  /** The machine's load when it ended. */
  readonly load: number;
}

export interface Rates {
  readonly microsecondsPerToken: number;
  /** Of the least time, and as a part of the best matrix product's. */
  readonly gflops: number;
  readonly ofProduct: number;
}

export function ratesOf(
  { workload, T }: Race,
  { milliseconds, least }: { readonly milliseconds: number; readonly least: number },
  { heads, width, products }: { heads: number; width: number; products: readonly ProductRate[] },
): Rates {
  const gflops = (heads * workload.flops(T, width)) / least / 1e6;
  return {
    microsecondsPerToken: (1000 * milliseconds) / T,
    gflops,
    ofProduct: gflops / (products[0]?.gflops ?? Number.NaN),
  };
}

/** The median of our fastest form in a race, its inputs on the device. */
export function ourBest({ rows }: Race): number | undefined {
  const times = rows.flatMap((row) => (row.contender.ours && row.kind === "timed" ? [row.milliseconds] : []));
  return times.length > 0 ? Math.min(...times) : undefined;
}

export const titleOf = ({ name, tileClass }: Workload): string =>
  tileClass.startsWith(name) ? tileClass : `${name}: ${tileClass}`;
