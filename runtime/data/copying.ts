/** Tasks in which some tokens are to be said again, in their order. */
import type { Fill } from "./generated.ts";
import { MAD } from "./in-context-recall.ts";
import { demand, type TaskKind, taskKind } from "./kind.ts";

/**
 * MAD's: n tokens with blanks among them, each blank before one of them at random; then the token that asks for a
 * copy, then n blanks, at which the tokens are said. Tokens are 0, …, V − 3, the blank is V − 2, copy is V − 1.
 */
function selective(V: number, T: number, n: number): Fill {
  const [blank, copy] = [V - 2, V - 1];
  return (random, tokens, targets) => {
    const blanks = new Array<number>(n).fill(0);
    for (let i = 0; i < T - 2 * n - 1; i++) {
      const before = random.below(n);
      blanks[before] = (blanks[before] as number) + 1;
    }
    tokens.fill(blank);
    let t = 0;
    for (const [i, skipped] of blanks.entries()) {
      const token = random.below(V - 2);
      t += skipped;
      tokens[t++] = token;
      targets[T - n + i] = token;
    }
    tokens[t] = copy;
  };
}

export const madSelectiveCopying: TaskKind = taskKind({
  name: "mad-selective-copying",
  summary: "tokens among blanks, to be said again in their order when a copy is asked for",
  source: MAD,
  sizes: {
    V: { value: 16, what: "vocabulary: tokens, a blank, and what asks for a copy" },
    T: { value: 256, what: "tokens of a sequence" },
    n: { value: 16, what: "tokens to copy" },
  },
  B: 128,
  validated: 1280,
  sequences: ({ V, T, n }) => {
    demand(V >= 3, `V should be at least 3, one token to copy and two that are special, and is ${V}`);
    demand(
      T > 2 * n + 1,
      `T should be over ${2 * n + 1}, which is what n = ${n} takes with no blanks, and is ${T}`,
    );
    return { vocabulary: V, training: [{ T, fill: selective(V, T, n) }] };
  },
});

/**
 * MAD's compression: n = T/2 tokens, 0, …, V − 2, after which all of them are to be said. The source asks for them
 * of one state: the network's output at one more token, V − 1, from which a decoder of its own says the token of
 * each place. A network here says a token in each place and has no other decoder, so that V − 1 stands in n places,
 * and the tokens are said at these.
 */
function compressed(V: number, T: number): Fill {
  return (random, tokens, targets) => {
    tokens.fill(V - 1);
    for (let i = 0; i < T / 2; i++) {
      const token = random.below(V - 1);
      tokens[i] = token;
      targets[T / 2 + i] = token;
    }
  };
}

export const compression: TaskKind = taskKind({
  name: "mad-compression",
  summary: "tokens at random, all to be said again from what the memory holds of them",
  source: `${MAD}; without its decoder`,
  sizes: {
    V: { value: 16, what: "vocabulary: tokens, and one that asks for them" },
    T: { value: 62, what: "tokens of a sequence: half to be read, half to be said" },
  },
  B: 128,
  validated: 1280,
  sequences: ({ V, T }) => {
    demand(V >= 2, `V should be at least 2, and is ${V}`);
    demand(T % 2 === 0, `T should be even, half to be read and half to be said, and is ${T}`);
    return { vocabulary: V, training: [{ T, fill: compressed(V, T) }] };
  },
});

/**
 * Mamba's: n tokens anywhere in the first T − n places, all different, and noise in the others; then n markers, at
 * which the tokens are said. Noise is 0, tokens are 1, …, V − 2, the marker is V − 1.
 */
function scattered(V: number, T: number, n: number): Fill {
  return (random, tokens, targets) => {
    const places = random.distinct(n, T - n).sort((a, b) => a - b);
    for (const [i, place] of places.entries()) {
      const token = 1 + random.below(V - 2);
      tokens[place] = token;
      tokens[T - n + i] = V - 1;
      targets[T - n + i] = token;
    }
  };
}

export const selectiveCopying: TaskKind = taskKind({
  name: "selective-copying",
  summary: "tokens anywhere in noise, to be said again in their order at the end",
  source: "Mamba, arXiv 2312.00752",
  sizes: {
    V: { value: 16, what: "vocabulary: noise, tokens, and the marker at which they are said" },
    T: { value: 4096, what: "tokens of a sequence" },
    n: { value: 16, what: "tokens to copy" },
  },
  B: 64,
  validated: 256,
  sequences: ({ V, T, n }) => {
    demand(V >= 3, `V should be at least 3: noise, a token, and the marker; it is ${V}`);
    demand(T >= 2 * n, `T should be at least ${2 * n}: n = ${n} tokens and as many markers; it is ${T}`);
    return { vocabulary: V, training: [{ T, fill: scattered(V, T, n) }] };
  },
});
