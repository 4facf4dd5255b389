/**
 * Text to learn from. The first nine tenths of its tokens are for training: each sequence is a window of T + 1
 * tokens at a random place, of which T are read and the token after each is its target. The last tenth is for
 * validation, as all windows one after the other: each token but the first is a target once.
 */
import type { Batch, BatchSource, Task } from "./batch.ts";
import { memberOf } from "./generated.ts";
import { demand } from "./kind.ts";
import { Random, STREAM } from "./random.ts";

export interface Text {
  readonly description: string;
  readonly vocabulary: number;
  /** All of it. Kept, not copied. */
  readonly tokens: ArrayLike<number>;
  readonly B: number;
  readonly T: number;
  readonly seed: number;
}

/** How much of a text is for training; the rest is for validation. */
export const TRAINING_SHARE = 0.9;

/** Throws RangeError where the text is too short for its sequences, or has tokens beyond its vocabulary. */
export function textTask(text: Text): Task {
  const { tokens, T, B, vocabulary } = text;
  const split = Math.floor(tokens.length * TRAINING_SHARE);
  const fits = `${split} of its ${tokens.length} tokens are for training, and a sequence of T = ${T} takes ${T + 1}`;
  demand(
    split > T,
    `the text is too short: ${fits}; take a longer text${split > 1 ? ` or T < ${split}` : ""}`,
  );
  demand(
    tokens.length - split > 1,
    `the text is too short: of ${tokens.length} tokens none is left to validate by`,
  );
  const beyond = firstBeyond(tokens, vocabulary);
  demand(beyond < 0, `token ${beyond} is ${tokens[beyond]}, beyond a vocabulary of ${vocabulary}`);
  return {
    description: text.description,
    vocabulary,
    training: new Windows(text, split),
    *validation() {
      const starts: number[] = [];
      for (let start = split; start + 1 < tokens.length; start += T) starts.push(start);
      for (let n = 0; n < starts.length; n += B) {
        yield windows(tokens, starts.slice(n, n + B), B, T, tokens.length);
      }
    },
  };
}

class Windows implements BatchSource {
  readonly vocabulary: number;
  readonly #text: Text;
  readonly #split: number;
  readonly #identity: string;
  #random: Random;

  constructor(text: Text, split: number) {
    const { vocabulary, tokens, T, B, seed } = text;
    this.vocabulary = vocabulary;
    this.#text = text;
    this.#split = split;
    this.#identity = `text tokens=${tokens.length} hash=${hash(tokens)} V=${vocabulary} T=${T} B=${B} seed=${seed}`;
    this.#random = Random.of(seed, STREAM.training);
  }

  next(): Batch {
    const { tokens, B, T } = this.#text;
    const starts = Array.from({ length: B }, () => this.#random.below(this.#split - T));
    return windows(tokens, starts, B, T, this.#split);
  }

  position(): unknown {
    return { of: this.#identity, random: this.#random.state() };
  }

  restore(position: unknown): void {
    this.#random = Random.at(memberOf(position, this.#identity, "random"));
  }
}

/** Windows from these starts. What lies at `end` or past it, and sequences beyond the last start, is 0 with no target. */
function windows(
  tokens: ArrayLike<number>,
  starts: readonly number[],
  B: number,
  T: number,
  end: number,
): Batch {
  const batch = { B, T, tokens: new Int32Array(B * T), targets: new Int32Array(B * T).fill(-1) };
  for (const [b, start] of starts.entries()) {
    for (let t = 0; t < T && start + t + 1 < end; t++) {
      batch.tokens[b * T + t] = tokens[start + t] as number;
      batch.targets[b * T + t] = tokens[start + t + 1] as number;
    }
  }
  return batch;
}

function firstBeyond(tokens: ArrayLike<number>, vocabulary: number): number {
  for (let n = 0; n < tokens.length; n++) {
    const token = tokens[n] as number;
    if (token < 0 || token >= vocabulary) return n;
  }
  return -1;
}

/** FNV-1a over the tokens, so that a run does not go on with another text in the place of its own. */
function hash(tokens: ArrayLike<number>): string {
  let h = 0x811c9dc5;
  for (let n = 0; n < tokens.length; n++) h = Math.imul(h ^ (tokens[n] as number), 0x01000193);
  return (h >>> 0).toString(16);
}
