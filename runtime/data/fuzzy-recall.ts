/**
 * Fuzzy in-context recall, as in MAD (Poli et al., arXiv 2403.17844; code athms/mad-lab): in-context recall whose
 * keys and values are some tokens each, all of them different. In training keys have 1, …, `key` tokens, in
 * validation `key`; values have 1, …, `value` in both. Keys are made of the tokens 0, …, n/2 − 1, values of
 * n/2, …, n − 1, where n = V − 1; V − 1 fills the sequence up at its front. The last pair is one that has come
 * before. In training every next token is a target, the filler too, as in the source; in validation the tokens of
 * the value of each key that has come before are.
 *
 * One thing differs: the source puts the pair that is asked for last anywhere, also so near the end that it may
 * find no room and be missing. Here it never is.
 */
import type { Fill, Shape } from "./generated.ts";
import { MAD } from "./in-context-recall.ts";
import { demand, type TaskKind, taskKind } from "./kind.ts";
import type { Random } from "./random.ts";

interface Motifs {
  readonly V: number;
  readonly T: number;
  /** The most tokens of a key, and of a value. */
  readonly key: number;
  readonly value: number;
}

function shapeOf({ V, T, key, value }: Motifs, part: "training" | "validation"): Shape {
  const filler = V - 1;
  const keys = Math.floor(filler / 2);
  const longest = key + value;
  const drawKey = (random: Random): number[] =>
    random.distinct(part === "training" ? 1 + random.below(key) : key, keys);
  const drawValue = (random: Random): number[] =>
    random.distinct(1 + random.below(value), filler - keys).map((n) => keys + n);

  const fill: Fill = (random, tokens, targets) => {
    const lastKey = drawKey(random);
    const lastValue = drawValue(random);
    const table = new Map([[lastKey.join(" "), lastValue]]);
    const end = T - lastKey.length - lastValue.length - longest;
    // Where a pair of the longest still ends before there is room for none.
    const place = random.below(end - longest + 1);

    const text: number[] = [];
    const answers = new Set<number>();
    const presented = new Set<string>();
    const present = (motif: readonly number[]): void => {
      const name = motif.join(" ");
      const answer = table.get(name) ?? drawValue(random);
      table.set(name, answer);
      text.push(...motif);
      if (presented.has(name)) for (const n of answer.keys()) answers.add(text.length + n);
      presented.add(name);
      text.push(...answer);
    };
    while (text.length < end) {
      present(text.length >= place && !presented.has(lastKey.join(" ")) ? lastKey : drawKey(random));
    }
    present(lastKey);

    const front = T + 1 - text.length;
    tokens.fill(filler);
    tokens.set(text.slice(0, -1), front);
    for (let t = 0; t < T; t++) {
      if (part === "training" || answers.has(t + 1 - front)) targets[t] = text[t + 1 - front] ?? filler;
    }
  };
  return { T, fill };
}

export const fuzzyInContextRecall: TaskKind = taskKind({
  name: "mad-fuzzy-in-context-recall",
  summary: "in-context recall with keys and values of up to three tokens",
  source: MAD,
  sizes: {
    V: { value: 16, what: "vocabulary: a filler, and of the rest half for keys and half for values" },
    T: { value: 128, what: "tokens of a sequence" },
    key: { value: 3, what: "the most tokens of a key" },
    value: { value: 3, what: "the most tokens of a value" },
  },
  B: 128,
  validated: 1280,
  sequences: (motifs) => {
    const { V, T, key, value } = motifs;
    const keys = Math.floor((V - 1) / 2);
    demand(keys >= key, `V = ${V} has ${keys} tokens for keys, and one takes up to ${key}, all different`);
    demand(
      V - 1 - keys >= value,
      `V = ${V} has ${V - 1 - keys} tokens for values, and one takes up to ${value}, all different`,
    );
    demand(
      T >= 3 * (key + value),
      `T should be at least ${3 * (key + value)}, three of the longest pairs, and is ${T}`,
    );
    return {
      vocabulary: V,
      training: [shapeOf(motifs, "training")],
      validation: [shapeOf(motifs, "validation")],
    };
  },
});
