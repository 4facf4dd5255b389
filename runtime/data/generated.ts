/** Tasks whose sequences are made up as they are asked for, each alone, by a rule. */
import type { Batch, BatchSource, Task } from "./batch.ts";
import { Random, STREAM } from "./random.ts";

/**
 * Writes one sequence: all of `tokens` `[T]`, and in `targets` `[T]`, which come full of -1, what should be said
 * after reading that token and those before.
 */
export type Fill = (random: Random, tokens: Int32Array, targets: Int32Array) => void;

/** Sequences of one length. A batch has one of these. */
export interface Shape {
  readonly T: number;
  readonly fill: Fill;
}

export interface Sequences {
  readonly vocabulary: number;
  /** Each batch takes one of them, each as likely. */
  readonly training: readonly Shape[];
  /** Taken in turn; where left out, those of training. */
  readonly validation?: readonly Shape[];
}

export interface Generated extends Sequences {
  readonly description: string;
  /** Task, sizes and seed in a line: a position of another one is refused. */
  readonly identity: string;
  readonly B: number;
  readonly seed: number;
  /** Sequences to validate by, of all shapes together; made up to whole batches of each. */
  readonly validated: number;
}

export function generatedTask(of: Generated): Task {
  const shapes = of.validation ?? of.training;
  const rounds = Math.ceil(of.validated / (of.B * shapes.length));
  return {
    description: of.description,
    vocabulary: of.vocabulary,
    training: new GeneratedBatches(of),
    *validation() {
      const random = Random.of(of.seed, STREAM.validation);
      for (let round = 0; round < rounds; round++) {
        for (const shape of shapes) yield batchOf(shape, of.B, random);
      }
    },
  };
}

class GeneratedBatches implements BatchSource {
  readonly vocabulary: number;
  readonly #of: Generated;
  #random: Random;

  constructor(of: Generated) {
    this.vocabulary = of.vocabulary;
    this.#of = of;
    this.#random = Random.of(of.seed, STREAM.training);
  }

  next(): Batch {
    const { training, B } = this.#of;
    // Where there is no choice, none is drawn.
    const chosen = training.length === 1 ? 0 : this.#random.below(training.length);
    return batchOf(training[chosen] as Shape, B, this.#random);
  }

  position(): unknown {
    return { of: this.#of.identity, random: this.#random.state() };
  }

  restore(position: unknown): void {
    this.#random = Random.at(memberOf(position, this.#of.identity, "random"));
  }
}

/** What a position holds by this name. Throws RangeError where it is not one of the source that `identity` tells. */
export function memberOf(position: unknown, identity: string, name: string): unknown {
  const isObject = typeof position === "object" && position !== null;
  const members = new Map<string, unknown>(isObject ? Object.entries(position) : []);
  const of = members.get("of");
  if (typeof of !== "string") throw new RangeError("this is no position in a source of batches");
  if (of !== identity) throw new RangeError(`the position is one in «${of}», and this is «${identity}»`);
  return members.get(name);
}

function batchOf({ T, fill }: Shape, B: number, random: Random): Batch {
  const tokens = new Int32Array(B * T);
  const targets = new Int32Array(B * T).fill(-1);
  for (let b = 0; b < B; b++) {
    fill(random, tokens.subarray(b * T, (b + 1) * T), targets.subarray(b * T, (b + 1) * T));
  }
  return { B, T, tokens, targets };
}
