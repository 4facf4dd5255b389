/** The mean over several batches, as if they were one. */
import type { Batch } from "../data/batch.ts";
import type { Measured, Trainable } from "../trainable.ts";

/** Of the places that count, how many were right; NaN where none counts. */
export const accuracyOf = ({ correct, counted }: Measured): number => correct / counted;

/** Measures all batches; undefined if the signal comes before the last one is done. */
export async function measureAll(
  trainable: Trainable,
  batches: Iterable<Batch>,
  signal: AbortSignal,
): Promise<Measured | undefined> {
  let [sum, correct, counted] = [0, 0, 0];
  for (const batch of batches) {
    if (signal.aborted) return undefined;
    const measured = await trainable.measure(batch);
    if (measured.counted === 0) continue;
    sum += measured.loss * measured.counted;
    correct += measured.correct;
    counted += measured.counted;
  }
  return { loss: sum / counted, correct, counted };
}
