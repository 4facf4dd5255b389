/** Random numbers of a seed, whose place in their stream can be written down and returned to. */
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plusFromState } from "pure-rand/generator/xoroshiro128plus";

/** Streams of one seed that have nothing to do with each other. */
export const STREAM = {
  training: 0,
  validation: 1,
  /** What a task decides once, such as the table that is to be memorized. */
  fixed: 2,
} as const;

/** xoroshiro128+ (Blackman and Vigna). */
export class Random {
  readonly #bits: ReturnType<typeof xoroshiro128plusFromState>;

  private constructor(words: readonly number[]) {
    this.#bits = xoroshiro128plusFromState(words);
  }

  /** Throws RangeError where the seed is no whole number that is exact. */
  static of(seed: number, stream: number): Random {
    if (!Number.isSafeInteger(seed)) {
      throw new RangeError(`a seed should be a whole number within ±(2^53 − 1), and is ${seed}`);
    }
    const high = Math.floor(seed / 2 ** 32);
    const start = mixed(seed ^ mixed(high ^ mixed(stream + 1)));
    return new Random([1, 2, 3, 4].map((n) => mixed((start + Math.imul(n, GOLDEN)) | 0)));
  }

  /** Goes on from a `state()`. Throws RangeError where that is none. */
  static at(state: unknown): Random {
    const isState =
      Array.isArray(state) && state.length === 4 && state.every((x) => Number.isInteger(x) && (x | 0) === x);
    if (!isState || state.every((x) => x === 0)) {
      throw new RangeError("the state of a generator should be four 32-bit whole numbers, not all of them 0");
    }
    return new Random(state);
  }

  /** Four 32-bit whole numbers, as JSON. */
  state(): number[] {
    return [...this.#bits.getState()];
  }

  /** One of 0, …, n − 1, each as likely. */
  below(n: number): number {
    return uniformInt(this.#bits, 0, n - 1);
  }

  /** One of `from`, …, `to`, each as likely. */
  between(from: number, to: number): number {
    return uniformInt(this.#bits, from, to);
  }

  /** At least 0 and below 1, with 53 random bits. */
  fraction(): number {
    const high = this.#bits.next() >>> 5;
    const low = this.#bits.next() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  /** `count` different ones of 0, …, n − 1, each choice and each order as likely. */
  distinct(count: number, n: number): number[] {
    // Fisher and Yates's shuffle, of which only what moved is kept.
    const moved = new Map<number, number>();
    return Array.from({ length: count }, (_, i) => {
      const j = this.between(i, n - 1);
      const chosen = moved.get(j) ?? j;
      moved.set(j, moved.get(i) ?? i);
      return chosen;
    });
  }

  /** `count` different places of `weights`, one after the other, each time in proportion to the weights of those left. */
  weighted(count: number, weights: readonly number[]): number[] {
    // The first to arrive of exponential arrivals at these rates come in just that order.
    return weights
      .map((weight, place) => ({ place, arrival: -Math.log(1 - this.fraction()) / weight }))
      .sort((a, b) => a.arrival - b.arrival)
      .slice(0, count)
      .map(({ place }) => place);
  }
}

const GOLDEN = 0x9e3779b9;

/** A permutation of the 32-bit whole numbers under which near ones end up far apart (MurmurHash3's last step). */
function mixed(x: number): number {
  let h = x | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
