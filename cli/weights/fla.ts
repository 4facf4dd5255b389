/** Weights of a checkpoint of flash-linear-attention as those of a network of ours. */
import type { Tensor } from "../../runtime/safetensors.ts";
import type { Weights } from "../../runtime/trainable.ts";
import { fitted, type Slot } from "../../runtime/weights.ts";
import type { FlaModel } from "./fla-config.ts";
import { type Row, tableOf, UNEMBEDDING } from "./fla-table.ts";

/**
 * The weights by our names. Throws WeightsError with all that the checkpoint lacks or has besides, or with all in
 * which the network differs: first the one, then the other. `part` is what our block calls its memory layer, and
 * `slots` are what the network takes.
 */
export function weightsOfFla(
  model: FlaModel,
  tensors: ReadonlyMap<string, Tensor>,
  part: string,
  slots: readonly Slot[],
  whose: string,
): Map<string, Weights> {
  const rows = tableOf(model, part);
  const theirs = rows.flatMap(({ from }): Slot[] =>
    typeof from === "number" ? [] : [{ name: from.theirs, shape: from.shape }],
  );
  const there = fitted(withoutCopy(model, tensors), theirs, `${whose}, by its config.json,`);
  return fitted(new Map(rows.map((row) => [row.ours, tensorOf(row, there)])), slots, whose);
}

/** Where the embedding is the unembedding too, a file may have it twice. */
function withoutCopy(model: FlaModel, tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const [embedding, copy] = [tensors.get("model.embeddings.weight"), tensors.get(UNEMBEDDING)];
  const isCopy =
    model.isTied && embedding !== undefined && copy?.data.every((x, i) => x === embedding.data[i]);
  return new Map([...tensors].filter(([name]) => !(isCopy && name === UNEMBEDDING)));
}

function tensorOf({ shape, from }: Row, there: ReadonlyMap<string, Weights>): Tensor {
  if (typeof from === "number") {
    return { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(from) };
  }
  const { data } = there.get(from.theirs) as Weights;
  if (!from.isReversed) return { shape, data };
  const taps = shape.at(-1) ?? 1;
  return { shape, data: data.map((_, i) => data[i - (i % taps) + taps - 1 - (i % taps)] as number) };
}
