/**
 * Multi-query associative recall, as in Zoology (Arora et al., arXiv 2312.04927; `multiquery_ar` of its code):
 *
 *     k1 v1 k2 v2 … | filler and, at even distances from the pairs' end, each key once more
 *
 * after which its value is the target. No key and no value stands in two pairs. Keys are 1, …, V/2 − 1, values
 * V/2, …, V − 1. The gap g = 0, 1, … to the j-th key's query, in steps of two tokens, is drawn without replacement
 * in proportion to (g + 1)^(a − 1), a = 0.01. The filler is any token at all, as in the source's default, which a
 * network cannot tell from a query but by what was asked of it; or 0, as in the paper's figure.
 */
import type { Fill, Shape } from "./generated.ts";
import { demand, type TaskKind, taskKind } from "./kind.ts";

const POWER = 0.01;

export interface Recall {
  readonly V: number;
  readonly T: number;
  readonly kv: number;
  readonly isRandomlyFilled: boolean;
}

/** Throws RangeError where the sizes do not fit together. */
export function mqarShape({ V, T, kv, isRandomlyFilled }: Recall): Shape {
  demand(T % 2 === 0, `T should be even, since pairs take two tokens, and is ${T}`);
  demand(
    4 * kv <= T,
    `${kv} pairs and their queries take ${4 * kv} tokens, and T is ${T}; take T ≥ ${4 * kv} or kv ≤ ${Math.floor(T / 4)}`,
  );
  demand(V % 2 === 0, `V should be even, half of it keys and half of it values, and is ${V}`);
  demand(
    V / 2 - 1 >= kv,
    `a vocabulary of ${V} has ${V / 2 - 1} keys, and ${kv} are needed; take V ≥ ${2 * kv + 2}`,
  );
  const start = 2 * kv;
  const weights = Array.from({ length: (T - start) / 2 }, (_, gap) => (gap + 1) ** (POWER - 1));
  const fill: Fill = (random, tokens, targets) => {
    const keys = random.distinct(kv, V / 2 - 1).map((key) => 1 + key);
    const values = random.distinct(kv, V / 2).map((value) => V / 2 + value);
    const gaps = random.weighted(kv, weights);
    if (isRandomlyFilled) for (let t = start; t < T; t++) tokens[t] = random.below(V);
    for (const [j, key] of keys.entries()) {
      const value = values[j] as number;
      tokens[2 * j] = key;
      tokens[2 * j + 1] = value;
      const query = start + 2 * (gaps[j] as number);
      tokens[query] = key;
      targets[query] = value;
    }
  };
  return { T, fill };
}

const source = "Zoology, arXiv 2312.04927";
const filler = { value: 1, what: "the filler: 1 for tokens at random, 0 for zeros", least: 0 };

export const mqar: TaskKind = taskKind({
  name: "mqar",
  summary: "keys and values, then each key again, after which its value is to be said",
  source,
  sizes: {
    V: { value: 8192, what: "vocabulary, half of it keys and half of it values" },
    T: { value: 256, what: "tokens of the longest sequences; T/4 and T/2 are mixed in; T/16 pairs in each" },
    filler,
  },
  B: 64,
  validated: 3072,
  sequences: ({ V, T, filler }) => {
    demand(T % 64 === 0, `mqar: T should be a multiple of 64, and is ${T}; mqar-tiny takes any even T`);
    const lengths = [T / 4, T / 2, T];
    const isRandomlyFilled = filler > 0;
    return { vocabulary: V, training: lengths.map((T) => mqarShape({ V, T, kv: T / 16, isRandomlyFilled })) };
  },
});

export const mqarTiny: TaskKind = taskKind({
  name: "mqar-tiny",
  summary: "mqar in a size for minutes on two cores; no result of it compares with the paper's",
  source,
  sizes: {
    V: { value: 64, what: "vocabulary, half of it keys and half of it values" },
    T: { value: 32, what: "tokens of a sequence" },
    kv: { value: 4, what: "pairs of a sequence" },
    filler: { ...filler, value: 0 },
  },
  B: 64,
  validated: 512,
  sequences: ({ V, T, kv, filler }) => ({
    vocabulary: V,
    training: [mqarShape({ V, T, kv, isRandomlyFilled: filler > 0 })],
  }),
});
