/**
 * The kernels of a memory that reads a batch of sequences, tile by tile, and of its adjoint. They are made once for a
 * rule and a length of a tile, over tensors of their own; a dispatch says which of the network's stand for them.
 */
import type { DenseKernel } from "../dense/lower.ts";
import { lowerSteps } from "../dense/steps.ts";
import type { TileAdjoint } from "../form/tile-adjoint.ts";
import type { Target } from "../kernel/target.ts";
import type { Sizes } from "../math/axis.ts";

export interface TileKernels {
  /** From the states where the tile starts to those where it ends, and the output. */
  readonly forwards: readonly DenseKernel[];
  /** The same again, and all adjoints. */
  readonly backwards: readonly DenseKernel[];
}

/** `sizes`: with `B`, `H`, `tile` and `tile.tokens`. */
export function lowerTile(
  name: string,
  { tile, steps, ...adjoint }: TileAdjoint,
  sizes: Sizes,
  target: Target,
): TileKernels {
  const ends = [tile.output, ...tile.ends.values()];
  const bars = [adjoint.inputs, adjoint.parameters, adjoint.starts].flatMap((some) => [...some.values()]);
  return {
    forwards: lowerSteps(`${name} forwards`, tile.steps, new Set(ends), sizes, target),
    backwards: lowerSteps(`${name} backwards`, [...tile.steps, ...steps], new Set(bars), sizes, target),
  };
}
