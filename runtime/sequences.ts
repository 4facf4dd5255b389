/**
 * The sequences of a run. Packed ones lie one after the other in the tokens of a batch of one; `cu_seqlens`, `[N + 1]`,
 * says where each of the N starts, and where the last ends.
 */

/** What is wrong with `cu_seqlens`, to be read after its name; undefined where nothing is. */
export function boundsProblem(
  bounds: ArrayLike<number>,
  { B, T }: { readonly B: number; readonly T: number },
): string | undefined {
  if (B !== 1)
    return `takes a batch of one, and B is ${B}: lay all sequences one after the other, as [1, T, H, …]`;
  const all = Array.from(bounds);
  if (all.length === 0)
    return "is empty, and should have N + 1 numbers: where each of N sequences starts, and where the last ends";
  const broken = all.findIndex((x) => !Number.isSafeInteger(x));
  if (broken >= 0) return `is ${all[broken]} at [${broken}], and should be a whole number of tokens`;
  const wrong = wrongPlace(all, T);
  if (!wrong) return undefined;
  const areLengths = all.every((x) => x >= 0) && boundsOf(all).at(-1) === T;
  return areLengths ? `${wrong}: these look like lengths; pass their sums, ${shown(boundsOf(all))}` : wrong;
}

function wrongPlace(all: readonly number[], T: number): string | undefined {
  if (all[0] !== 0) return `starts at ${all[0]}, and should start at 0`;
  const fall = all.findIndex((x, i) => x < (all[i - 1] ?? 0));
  if (fall >= 0)
    return `falls from ${all[fall - 1]} to ${all[fall]} at [${fall}], and no sequence ends before it starts`;
  return all.at(-1) === T ? undefined : `ends at ${all.at(-1)}, and should end with the tokens, at T = ${T}`;
}

const shown = (all: readonly number[]): string =>
  `[${all.slice(0, 8).join(", ")}${all.length > 8 ? ", …" : ""}]`;

/** Throws RangeError where they are no bounds of `T` tokens, or the kernel is not one that `maker` made for packed sequences. */
export function checkBounds(
  bounds: ArrayLike<number>,
  extents: { readonly B: number; readonly T: number },
  { name, isPacked, maker }: { readonly name: string; readonly isPacked: boolean; readonly maker: string },
): void {
  if (!isPacked) throw new RangeError(`${name} takes no cu_seqlens: make it with ${maker}`);
  const problem = boundsProblem(bounds, extents);
  if (problem) throw new RangeError(`the cu_seqlens of ${name} ${problem}`);
}

/** Where sequences of these lengths start, and where the last ends. */
export function boundsOf(lengths: readonly number[]): number[] {
  let end = 0;
  const ends = lengths.map((length) => {
    end += length;
    return end;
  });
  return [0, ...ends];
}

/** How many tokens each sequence has. */
export const lengthsOf = (bounds: ArrayLike<number>): number[] =>
  Array.from(bounds, (start, i) => (bounds[i + 1] ?? start) - start).slice(0, -1);

export const longestOf = (lengths: readonly number[]): number => lengths.reduce((a, b) => Math.max(a, b), 0);

/** Tokens `from` to `to` of tensors `[B, T, …]`. */
export function cut(
  tensors: ReadonlyMap<string, Float32Array>,
  B: number,
  T: number,
  from: number,
  to: number,
): Map<string, Float32Array> {
  return new Map(
    [...tensors].map(([name, data]) => {
      if (from === 0 && to === T) return [name, data];
      const each = data.length / (B * T);
      const out = new Float32Array(B * (to - from) * each);
      for (let b = 0; b < B; b++)
        out.set(data.subarray((b * T + from) * each, (b * T + to) * each), b * (to - from) * each);
      return [name, out];
    }),
  );
}

/** What comes first in each of B sequences, and what follows it. */
export function joined(first: Float32Array, rest: Float32Array, B: number): Float32Array {
  if (rest.length === 0) return first;
  const [a, b] = [first.length / B, rest.length / B];
  const out = new Float32Array(first.length + rest.length);
  for (let s = 0; s < B; s++) {
    out.set(first.subarray(s * a, (s + 1) * a), s * (a + b));
    out.set(rest.subarray(s * b, (s + 1) * b), s * (a + b) + a);
  }
  return out;
}
