/** What a network says next: tokens drawn from its logits, one at a time. */
import type { Random } from "../data/random.ts";
import type { Reader } from "../trainable.ts";

export interface Sampling {
  /** What the logits are divided by: 0 always takes the likeliest token, 1 draws from what was learned. */
  readonly temperature: number;
  /** Draws from so many of the likeliest tokens; from all of them where left out. */
  readonly topK?: number | undefined;
}

/**
 * One of the tokens `[vocabulary]`; of equal ones the first is taken as likelier. Throws RangeError where no logit
 * is a number.
 */
export function sample(logits: Float32Array, { temperature, topK }: Sampling, random: Random): number {
  const order = Array.from(logits.keys()).filter((token) => !Number.isNaN(logits[token]));
  if (order.length === 0) throw new RangeError("the network gives no numbers: its weights are not finite");
  const logit = (token: number): number => logits[token] as number;
  order.sort((a, b) => (logit(b) === logit(a) ? a - b : logit(b) - logit(a)));
  const [likeliest] = order as [number];
  if (temperature === 0) return likeliest;
  const tokens = order.slice(0, topK);
  // Equal infinities have no difference, and are as likely as each other.
  const shares = tokens.map((token) =>
    logit(token) === logit(likeliest) ? 1 : Math.exp((logit(token) - logit(likeliest)) / temperature),
  );
  let left = random.fraction() * shares.reduce((a, b) => a + b, 0);
  const drawn = tokens.find((_, i) => {
    left -= shares[i] as number;
    return left < 0;
  });
  // Rounding may leave a little.
  return drawn ?? likeliest;
}

export interface Generation extends Sampling {
  /** How many to say. */
  readonly tokens: number;
  /** Says only tokens below it: a network may have more than there are in what it learned. */
  readonly vocabulary: number;
  /** Ends it early. */
  readonly signal: AbortSignal;
}

/** Reads the prompt, of at least one token, and gives each token as it is said, which is then read in turn. */
export async function* generate(
  reader: Reader,
  prompt: ArrayLike<number>,
  { tokens, vocabulary, signal, ...sampling }: Generation,
  random: Random,
): AsyncGenerator<number, void, undefined> {
  let next = Array.from(prompt);
  for (let said = 0; said < tokens; said++) {
    let logits: Float32Array = new Float32Array();
    for (const token of next) {
      if (signal.aborted) return;
      logits = await reader.next(token);
    }
    const token = sample(logits.subarray(0, vocabulary), sampling, random);
    yield token;
    next = [token];
  }
}
