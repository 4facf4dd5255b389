/** Random numbers of a seed, whose place in their stream can be written down and returned to. */

/** Streams of one seed that have nothing to do with each other. */
export const STREAM = {
  training: 0,
  validation: 1,
  /** What a task decides once, such as the table that is to be memorized. */
  fixed: 2,
} as const;

const WORDS = 2 ** 32;

/** xoroshiro128+ with the constants of 2018 (Blackman and Vigna, 1805.01407), on halves of 32 bits. */
export class Random {
  /** The two words of 64 bits, the high half of each first. */
  readonly #words: Int32Array;

  private constructor(words: ArrayLike<number>) {
    this.#words = Int32Array.from(words);
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
    return [...this.#words];
  }

  /** One of 0, …, n − 1, each as likely; n is at most 2^32. */
  below(n: number): number {
    const even = WORDS - (WORDS % n);
    let word = this.#next();
    while (word >= even) word = this.#next();
    return word % n;
  }

  /** At least 0 and below 1, with 53 random bits. */
  fraction(): number {
    const high = this.#next() >>> 5;
    const low = this.#next() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  /** Of a normal distribution of mean 0 and deviation 1 (Box and Muller's transformation). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.fraction()));
    return radius * Math.cos(2 * Math.PI * this.fraction());
  }

  /** `count` different ones of 0, …, n − 1, each choice and each order as likely. */
  distinct(count: number, n: number): number[] {
    // Fisher and Yates's shuffle, of which only what moved is kept.
    const moved = new Map<number, number>();
    return Array.from({ length: count }, (_, i) => {
      const j = i + this.below(n - i);
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

  /** The high 32 bits of the next 64: the low ones of this generator are the poorer. */
  #next(): number {
    const [aHigh = 0, aLow = 0, bHigh = 0, bLow = 0] = this.#words;
    const carry = (aLow >>> 0) + (bLow >>> 0) >= WORDS ? 1 : 0;
    const drawn = (aHigh + bHigh + carry) >>> 0;
    const [high, low] = [aHigh ^ bHigh, aLow ^ bLow];
    this.#words[0] = ((aHigh << 24) | (aLow >>> 8)) ^ high ^ ((high << 16) | (low >>> 16));
    this.#words[1] = ((aLow << 24) | (aHigh >>> 8)) ^ low ^ (low << 16);
    // By 37, which is by 32, so that the halves change places, and by 5.
    this.#words[2] = (low << 5) | (high >>> 27);
    this.#words[3] = (high << 5) | (low >>> 27);
    return drawn;
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
