/** How large a step the optimizer takes, over the steps of a run. */

export interface Schedule {
  /** Steps of the whole run. */
  readonly steps: number;
  /** The largest learning rate, which the warm-up ends with. */
  readonly learningRate: number;
  /** Steps over which the rate rises linearly; 0 for none. */
  readonly warmup: number;
  /** The learning rate of the last step. */
  readonly floor: number;
}

/** The rate of a step, counted from 1: it rises linearly, and falls along half a cosine to the floor. */
export function learningRateAt(step: number, { steps, learningRate, warmup, floor }: Schedule): number {
  if (step < warmup) return (learningRate * step) / warmup;
  if (steps <= warmup) return learningRate;
  const done = Math.min(1, (step - warmup) / (steps - warmup));
  return floor + ((learningRate - floor) * (1 + Math.cos(Math.PI * done))) / 2;
}
