/** What is known of a task before its sizes are: its name, its source, and the sizes that it takes. */
import type { Task } from "./batch.ts";
import { generatedTask, type Sequences } from "./generated.ts";
import { Random, STREAM } from "./random.ts";
import type { Vocabulary } from "./vocabulary.ts";

export interface Size {
  /** Unless another one is given. */
  readonly value: number;
  /** In a few words. */
  readonly what: string;
  /** The smallest that makes sense; 1 where left out. */
  readonly least?: number;
  /** It is a fraction, from 0 up to 1, and no count. */
  readonly isShare?: true;
}

export interface TaskKind {
  readonly name: string;
  /** What it asks, in a sentence or two. */
  readonly summary: string;
  /** Who defined it, and where. */
  readonly source: string;
  readonly sizes: Readonly<Record<string, Size>>;
  /** What the tokens say, where they are text. */
  readonly text?: Vocabulary;
  /** Throws RangeError, with a message for people, where the sizes are none of the task's or do not fit together. */
  task(sizes: Readonly<Record<string, number>>, seed: number): Task;
}

interface Definition<S extends Readonly<Record<string, Size>>> {
  readonly name: string;
  readonly summary: string;
  readonly source: string;
  /** Its own. `B` and `validation` come to them. */
  readonly sizes: S;
  readonly text?: Vocabulary;
  /** How many sequences there are to validate by. */
  readonly validated: number;
  readonly B: number;
  /** Throws RangeError where the sizes do not fit together. `fixed` is for what is decided once. */
  sequences(sizes: Readonly<Record<keyof S, number>>, fixed: Random): Sequences;
}

export function taskKind<S extends Readonly<Record<string, Size>>>(of: Definition<S>): TaskKind {
  const sizes: Readonly<Record<string, Size>> = {
    ...of.sizes,
    B: { value: of.B, what: "sequences of a batch" },
    validation: { value: of.validated, what: "sequences to validate by, made up to whole batches" },
  };
  return {
    name: of.name,
    summary: of.summary,
    source: of.source,
    sizes,
    ...(of.text && { text: of.text }),
    task(given, seed) {
      const values = valuesOf(of.name, sizes, given);
      const known = values as Readonly<Record<keyof S | "B" | "validation", number>>;
      const stated = Object.entries(values).map(([name, value]) => `${name}=${value}`);
      return generatedTask({
        ...of.sequences(known, Random.of(seed, STREAM.fixed)),
        description: `${of.name}: ${of.summary} (${of.source})`,
        identity: `${of.name} ${stated.join(" ")} seed=${seed}`,
        B: known.B,
        seed,
        validated: known.validation,
      });
    },
  };
}

function valuesOf(
  task: string,
  sizes: Readonly<Record<string, Size>>,
  given: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const known = Object.keys(sizes);
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new RangeError(`${task} has no size ${unknown}; its sizes are ${known.join(", ")}`);
  }
  return Object.fromEntries(
    Object.entries(sizes).map(([name, { value, what, least = 1, isShare }]) => {
      const chosen = given[name] ?? value;
      const isWell = isShare ? chosen >= 0 && chosen < 1 : Number.isSafeInteger(chosen) && chosen >= least;
      if (isWell) return [name, chosen];
      const range = isShare ? "at least 0 and below 1" : `a whole number from ${least} up`;
      throw new RangeError(`${task}: ${name} (${what}) should be ${range}, and is ${chosen}`);
    }),
  );
}

/** Throws RangeError with what is wrong, unless it is not. */
export function demand(isSo: boolean, wrong: string): void {
  if (!isSo) throw new RangeError(wrong);
}
