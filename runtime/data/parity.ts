/**
 * Parity (Delétang et al., arXiv 2207.02098), with the lengths of Grazzi et al. (arXiv 2411.12537): bits at random;
 * at the last of them the target is whether there were an odd number of ones. Only there: what it is before is not
 * told. Lengths are 3, …, T in training and T, …, validationT in validation, each as likely; token 2 fills up
 * behind.
 */
import type { Shape } from "./generated.ts";
import { demand, type TaskKind, taskKind } from "./kind.ts";

const SHORTEST = 3;
const FILLER = 2;

const shapeOf = (shortest: number, T: number): Shape => ({
  T,
  fill: (random, tokens, targets) => {
    const length = shortest + random.below(T - shortest + 1);
    tokens.fill(FILLER, length);
    let odd = 0;
    for (let t = 0; t < length; t++) {
      const bit = random.below(2);
      tokens[t] = bit;
      odd ^= bit;
    }
    targets[length - 1] = odd;
  },
});

export const parity: TaskKind = taskKind({
  name: "parity",
  summary: "bits, and at the last of them whether the ones are odd in number; longer ones to validate by",
  source: "Delétang et al., arXiv 2207.02098; lengths of Grazzi et al., arXiv 2411.12537",
  sizes: {
    T: { value: 40, what: "the longest in training", least: SHORTEST },
    validationT: { value: 256, what: "the longest to validate by; the shortest is T", least: SHORTEST },
  },
  B: 64,
  validated: 1024,
  sequences: ({ T, validationT }) => {
    demand(validationT >= T, `validationT should be at least T = ${T}, and is ${validationT}`);
    return { vocabulary: 3, training: [shapeOf(SHORTEST, T)], validation: [shapeOf(T, validationT)] };
  },
});
