/** Batches of several shapes as batches of one, which is what a step of the optimizer takes. */
import type { Batch } from "../data/batch.ts";

/**
 * The same batches, made up to the longest and the most sequences. What is added stands after what is there and has
 * no targets: no loss changes, since no place sees those after it, nor does another sequence.
 */
export function inOneShape(batches: readonly Batch[]): readonly Batch[] {
  const B = Math.max(...batches.map((batch) => batch.B));
  const T = Math.max(...batches.map((batch) => batch.T));
  return batches.map((batch) => (batch.B === B && batch.T === T ? batch : padded(batch, B, T)));
}

function padded(batch: Batch, B: number, T: number): Batch {
  const tokens = new Int32Array(B * T);
  const targets = new Int32Array(B * T).fill(-1);
  for (let b = 0; b < batch.B; b++) {
    const row = [b * batch.T, (b + 1) * batch.T] as const;
    tokens.set(batch.tokens.subarray(...row), b * T);
    targets.set(batch.targets.subarray(...row), b * T);
  }
  return { B, T, tokens, targets };
}
