/**
 * Memorization, as in MAD (Poli et al., arXiv 2403.17844; code athms/mad-lab): a table from keys to values that is
 * in no sequence, the same in all of them: it is for the weights to learn. A sequence is a key and the token V − 1,
 * after which the key's value is the target, again and again. Keys are 0, …, n − 1, values n, …, V − 2, where
 * n = ⌊(V − 1)/2⌋; no two keys have one value. The table is of the task's seed.
 */
import { MAD } from "./in-context-recall.ts";
import { demand, type TaskKind, taskKind } from "./kind.ts";

export const memorization: TaskKind = taskKind({
  name: "mad-memorization",
  summary: "keys, after each of which its value is to be said, from a table that the weights have to learn",
  source: MAD,
  sizes: {
    V: { value: 256, what: "vocabulary: half of it keys, half of it values, and what asks for a value" },
    T: { value: 32, what: "tokens of a sequence, two a key" },
  },
  B: 128,
  validated: 1280,
  sequences: ({ V, T }, fixed) => {
    demand(V >= 3, `V should be at least 3: a key, a value, and what asks for it; it is ${V}`);
    demand(T % 2 === 0, `T should be even, since a key and its question take two tokens, and is ${T}`);
    const keys = Math.floor((V - 1) / 2);
    const table = fixed.distinct(keys, V - 1 - keys).map((value) => keys + value);
    return {
      vocabulary: V,
      training: [
        {
          T,
          fill: (random, tokens, targets) => {
            for (let t = 0; t < T; t += 2) {
              const key = random.below(keys);
              tokens[t] = key;
              tokens[t + 1] = V - 1;
              targets[t + 1] = table[key] as number;
            }
          },
        },
      ],
    };
  },
});
