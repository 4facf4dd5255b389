/** Random points of the domains of tensors, for numerical proofs. Seeded: a proof is the same each time. */
import type { Interval } from "../math/interval.ts";

/** Mulberry32: uniform numbers in [0, 1). */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A number of the domain, of moderate size, and inside open bounds. */
export function sample(domain: Interval, random: () => number): number {
  const low = Number.isFinite(domain.low)
    ? domain.low
    : Number.isFinite(domain.high)
      ? domain.high - 2
      : -1.5;
  const high = Number.isFinite(domain.high) ? domain.high : low + (Number.isFinite(domain.low) ? 2 : 3);
  return low + (high - low) * (0.02 + 0.96 * random());
}
