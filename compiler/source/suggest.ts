/** Nearest names, for "did you mean". */

/** Edits between two words: insert, delete, replace, or swap two neighbours. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const edited = Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, replaced);
      const swapped =
        a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (before[j - 2] ?? Infinity) + 1 : Infinity;
      row.push(Math.min(edited, swapped));
    }
    before = above;
    above = row;
  }
  return above[b.length] ?? 0;
}

/** Longer names are nobody's slip of the finger, and comparing them takes time. */
const LONGEST = 64;

/** How many edits still look like a slip: none in a name of one letter, where every other name is near. */
const tolerance = (name: string): number => Math.min(3, Math.floor((name.length + 1) / 3));

/**
 * The candidate that `name` was probably meant to be, if one is near enough. Letter case costs
 * nothing but decides between candidates that are equally near; then the first one wins.
 */
export function closest(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length > LONGEST) return undefined;
  const lower = name.toLowerCase();
  let best: string | undefined;
  let bestCost = tolerance(name) + 1;
  for (const candidate of candidates) {
    if (candidate === name || Math.abs(candidate.length - name.length) > tolerance(name)) continue;
    const cost = distance(lower, candidate.toLowerCase()) + distance(name, candidate) / 1e6;
    if (cost < bestCost) [best, bestCost] = [candidate, cost];
  }
  return best;
}
