/** What must be so of every task: its batches are well formed, are the same again, and go on from any position. */
import fc from "fast-check";
import { expect } from "vitest";
import type { Batch, Task } from "../../runtime/data/batch.ts";
import type { TaskKind } from "../../runtime/data/kind.ts";

export type Sizes = Readonly<Record<string, number>>;

/** One sequence of a batch. */
export interface Sequence {
  readonly tokens: readonly number[];
  readonly targets: readonly number[];
}

export const sequencesOf = ({ B, T, tokens, targets }: Batch): Sequence[] =>
  Array.from({ length: B }, (_, b) => ({
    tokens: [...tokens.subarray(b * T, (b + 1) * T)],
    targets: [...targets.subarray(b * T, (b + 1) * T)],
  }));

/** The places that have a target. */
export const asked = ({ targets }: Sequence): number[] =>
  targets.flatMap((target, t) => (target >= 0 ? [t] : []));

export function wellFormed({ B, T, tokens, targets }: Batch, vocabulary: number): void {
  expect([tokens.length, targets.length]).toEqual([B * T, B * T]);
  expect(tokens.every((token) => token >= 0 && token < vocabulary)).toBe(true);
  expect(targets.every((target) => target >= -1 && target < vocabulary)).toBe(true);
  expect(targets.some((target) => target >= 0)).toBe(true);
}

export const take = (task: Task, count: number): Batch[] =>
  Array.from({ length: count }, () => task.training.next());

/** Of any sizes and any seed. */
export function holdsOf(make: (seed: number) => Task, seed: number, before: number, after: number): void {
  const task = make(seed);
  const batches = take(task, before);
  const position = JSON.parse(JSON.stringify(task.training.position()));
  batches.push(...take(task, after));
  for (const batch of batches) wellFormed(batch, task.vocabulary);

  const again = make(seed);
  expect(take(again, before + after)).toEqual(batches);
  const other = make(seed);
  other.training.restore(position);
  expect(take(other, after)).toEqual(batches.slice(before));
  expect(() => make(seed + 1).training.restore(position)).toThrow(RangeError);

  const validation = [...task.validation()];
  for (const batch of validation) wellFormed(batch, task.vocabulary);
  expect([...again.validation()]).toEqual(validation);
}

/** A property of all sequences of a task, in sizes that `sizes` gives. */
export function forSequences(
  kind: TaskKind,
  sizes: fc.Arbitrary<Sizes>,
  part: "training" | "validation",
  check: (sequence: Sequence, sizes: Sizes) => void,
): void {
  fc.assert(
    fc.property(sizes, fc.maxSafeInteger(), (given, seed) => {
      const task = kind.task({ B: 4, validation: 4, ...given }, seed);
      const batches = part === "training" ? take(task, 3) : [...task.validation()];
      for (const sequence of batches.flatMap(sequencesOf)) check(sequence, given);
    }),
    { numRuns: 60 },
  );
}

/** How often each comes among `draws` draws. */
export function tally<T>(draws: number, draw: () => T): Map<T, number> {
  const counts = new Map<T, number>();
  for (let n = 0; n < draws; n++) {
    const drawn = draw();
    counts.set(drawn, (counts.get(drawn) ?? 0) + 1);
  }
  return counts;
}

/** Within five standard deviations of what a count of such an expectation has. */
export function isNear(count: number | undefined, expected: number): void {
  expect(Math.abs((count ?? 0) - expected)).toBeLessThan(5 * Math.sqrt(expected));
}
