/**
 * Induction heads (Olsson et al., arXiv 2209.11895) as Mamba has them (Gu and Dao, arXiv 2312.00752): tokens at
 * random, 0, …, V − 2, with the special token V − 1 at one place and at the end, after which the target is the
 * token that came after it the first time.
 */
import type { Shape } from "./generated.ts";
import { demand, type TaskKind, taskKind } from "./kind.ts";

const shapeOf = (V: number, T: number): Shape => ({
  T,
  fill: (random, tokens, targets) => {
    for (let t = 0; t < T; t++) tokens[t] = random.below(V - 1);
    const place = random.below(T - 2);
    tokens[place] = V - 1;
    tokens[T - 1] = V - 1;
    targets[T - 1] = tokens[place + 1] as number;
  },
});

export const inductionHeads: TaskKind = taskKind({
  name: "induction-heads",
  summary: "after a special token comes what came after it the first time",
  source: "Mamba, arXiv 2312.00752",
  sizes: {
    V: { value: 16, what: "vocabulary: tokens, and the special one" },
    T: { value: 256, what: "tokens of a sequence", least: 3 },
    validationT: { value: 256, what: "tokens of a sequence to validate by", least: 3 },
  },
  B: 64,
  validated: 1024,
  sequences: ({ V, T, validationT }) => {
    demand(V >= 2, `V should be at least 2, and is ${V}`);
    return { vocabulary: V, training: [shapeOf(V, T)], validation: [shapeOf(V, validationT)] };
  },
});
