/** What is written and asked for: random pairs, some of them spoilt. Seeded: the same each time. */
import { uniform } from "../../compiler/derive/sample.ts";

export interface TaskOptions {
  readonly dk: number;
  readonly dv: number;
  /** Standard deviation of what is added to the values that are written; the values' own is 1. */
  readonly noise: number;
  /** The fraction of values that are written ten times too large. */
  readonly outliers: number;
}

export interface Task {
  readonly pairs: number;
  /** `[pairs, dk]`, each of length 1. */
  readonly keys: Float64Array;
  /** `[pairs, dv]`: what should be read. */
  readonly values: Float64Array;
  /** `[pairs, dv]`: what is written. */
  readonly written: Float64Array;
  readonly isOutlier: readonly boolean[];
}

const OUTLIER = 10;

/** Standard normal numbers, by Box and Muller. */
export function normal(seed: number): () => number {
  const random = uniform(seed);
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** The first pairs of a seed are the same, however many are asked for. */
export function taskOf(pairs: number, { dk, dv, noise, outliers }: TaskOptions, seed: number): Task {
  const keys = new Float64Array(pairs * dk);
  const values = new Float64Array(pairs * dv);
  const written = new Float64Array(pairs * dv);
  const draw = normal(seed);
  const spoil = normal(seed + 0x5eed);
  const chance = uniform(seed + 0xbad);
  const isOutlier: boolean[] = [];
  for (let n = 0; n < pairs; n++) {
    const key = keys.subarray(n * dk, (n + 1) * dk);
    for (let i = 0; i < dk; i++) key[i] = draw();
    const length = Math.hypot(...key);
    for (let i = 0; i < dk; i++) key[i] = (key[i] as number) / length;
    const outlier = chance() < outliers;
    isOutlier.push(outlier);
    for (let i = n * dv; i < (n + 1) * dv; i++) {
      const value = draw();
      values[i] = value;
      written[i] = (outlier ? OUTLIER * value : value) + noise * spoil();
    }
  }
  return { pairs, keys, values, written, isOutlier };
}
