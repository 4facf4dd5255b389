/**
 * In-context recall and noisy in-context recall, as in MAD (Poli et al., arXiv 2403.17844; code athms/mad-lab):
 * pairs of a key and a value, in which a key that comes again has the value that it had; the last key is one that
 * has come before. In the noisy task some pairs are two tokens of noise instead, though never all.
 *
 * Keys are 0, …, n/2 − 1 and values n/2, …, n − 1, where n = V − noise; then come the tokens of noise. In
 * training every next token is a target, as in the source. In validation those are that can be known: the value of
 * each key that has come before. The source's last token is said and never read; here it is read, with no target,
 * so that T is even.
 */
import type { Fill, Shape } from "./generated.ts";
import { demand, type TaskKind, taskKind } from "./kind.ts";

export const MAD = "MAD, arXiv 2403.17844";

interface Pairs {
  readonly V: number;
  readonly T: number;
  /** How many of the tokens are noise. */
  readonly noise: number;
  /** How many of the pairs are. */
  readonly share: number;
}

function shapeOf({ V, T, noise, share }: Pairs, part: "training" | "validation"): Shape {
  const symbols = V - noise;
  const keys = Math.floor(symbols / 2);
  const pairs = T / 2;
  const fill: Fill = (random, tokens, targets) => {
    const table = new Map<number, number>();
    const kept = random.below(pairs - 1);
    for (let t = 0; t < T; t += 2) {
      const isLast = t === T - 2;
      if (share > 0 && !isLast && t !== 2 * kept && random.fraction() < share) {
        tokens[t] = symbols + random.below(noise);
        tokens[t + 1] = symbols + random.below(noise);
        continue;
      }
      const key = isLast ? ([...table.keys()][random.below(table.size)] as number) : random.below(keys);
      const known = table.get(key);
      const value = known ?? keys + random.below(symbols - keys);
      table.set(key, value);
      tokens[t] = key;
      tokens[t + 1] = value;
      if (known !== undefined) targets[t] = value;
    }
    if (part === "training") targets.set(tokens.subarray(1));
  };
  return { T, fill };
}

function sequences(pairs: Pairs) {
  const { V, T, noise, share } = pairs;
  demand(T % 2 === 0 && T >= 4, `T should be even and at least 4, two pairs, and is ${T}`);
  demand(
    V - noise >= 2,
    `V = ${V} less ${noise} tokens of noise leaves ${V - noise}, and 2 are needed: a key and a value`,
  );
  demand(
    share === 0 || noise > 0,
    `share = ${share} of the pairs are noise, so that noise should be at least 1`,
  );
  return {
    vocabulary: V,
    training: [shapeOf(pairs, "training")],
    validation: [shapeOf(pairs, "validation")],
  };
}

const T = { value: 128, what: "tokens of a sequence, two a pair" };

export const inContextRecall: TaskKind = taskKind({
  name: "mad-in-context-recall",
  summary: "pairs of keys and values, in which a key that comes again has its value again",
  source: MAD,
  sizes: { V: { value: 16, what: "vocabulary, half of it keys and half of it values" }, T },
  B: 128,
  validated: 1280,
  sequences: (sizes) => sequences({ ...sizes, noise: 0, share: 0 }),
});

export const noisyInContextRecall: TaskKind = taskKind({
  name: "mad-noisy-in-context-recall",
  summary: "in-context recall with noise between the pairs",
  source: MAD,
  sizes: {
    V: { value: 32, what: "vocabulary: noise, and of the rest half keys and half values" },
    T,
    noise: { value: 16, what: "tokens that are noise" },
    share: { value: 0.2, what: "the share of the pairs that are noise", isShare: true },
  },
  B: 128,
  validated: 1280,
  sequences,
});
