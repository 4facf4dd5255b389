/** The other tasks, and what must be so of all that have a name. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { selectiveCopying } from "../../runtime/data/copying.ts";
import { inductionHeads } from "../../runtime/data/induction-heads.ts";
import { sNiah1 } from "../../runtime/data/needle.ts";
import { parity } from "../../runtime/data/parity.ts";
import { taskKinds } from "../../runtime/data/registry.ts";
import { asked, forSequences, holdsOf, sequencesOf, take } from "./sources.ts";

/** Sizes that a test has time for. */
const SMALL: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  "selective-copying": { T: 64 },
  "s-niah-1": { T: 160 },
};

describe.each(taskKinds.map((kind) => [kind.name, kind] as const))("%s", (name, kind) => {
  it("is the same again, and goes on from any position", () => {
    const make = (seed: number) => kind.task({ ...SMALL[name], B: 2, validation: 5 }, seed);
    fc.assert(
      fc.property(fc.integer(), fc.nat(3), fc.nat(3), (seed, before, after) =>
        holdsOf(make, seed, before, after),
      ),
      { numRuns: 8 },
    );
  });

  it("has the sizes that it tells, and refuses 0", () => {
    const task = kind.task({ B: 1, validation: 1 }, 0);
    const { T, V } = kind.sizes;
    expect(take(task, 4).every((batch) => T === undefined || batch.T <= T.value)).toBe(true);
    if (V !== undefined) expect(task.vocabulary).toBe(V.value);
    expect(task.description.startsWith(`${name}: ${kind.summary}`)).toBe(true);
    expect(() => kind.task({ T: 0 }, 0)).toThrow(RangeError);
    expect(() => kind.task({ B: 0.5 }, 0)).toThrow(`${name}: B (sequences of a batch) should be`);
  });

  it("never throws but for sizes that it can name", () => {
    const sizes = fc.dictionary(
      fc.constantFrom(...Object.keys(kind.sizes)),
      fc.integer({ min: -1, max: 70 }),
    );
    fc.assert(
      fc.property(sizes, (given) => {
        let task: ReturnType<typeof kind.task>;
        try {
          task = kind.task({ ...SMALL[name], ...given, B: 1, validation: 1 }, 0);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
          return;
        }
        for (const batch of [...take(task, 2), ...task.validation()]) {
          expect(batch.tokens.every((token) => token >= 0 && token < task.vocabulary)).toBe(true);
          expect(batch.targets.every((target) => target >= -1 && target < task.vocabulary)).toBe(true);
          expect(batch.targets.some((target) => target >= 0)).toBe(true);
        }
      }),
    );
  });
});

/** Sizes so small that nothing, or next to nothing, is left to chance. */
const FORCED: readonly (readonly [string, Record<string, number>, number[], number[]])[] = [
  // One key, 1, with one of the values 2 and 3; one gap. The value is named by what the first place has.
  ["mqar-tiny", { V: 4, T: 4, kv: 1 }, [1, -2, 1, 0], [-1, -1, -2, -1]],
  // Key 0, value 1.
  ["mad-in-context-recall", { V: 2, T: 6 }, [0, 1, 0, 1, 0, 1], [-1, -1, 1, -1, 1, -1]],
  // The same with a filler, 2: room for one pair and the last one.
  [
    "mad-fuzzy-in-context-recall",
    { V: 3, T: 6, key: 1, value: 1 },
    [2, 2, 2, 0, 1, 0],
    [-1, -1, -1, -1, -1, 1],
  ],
  // Token 0, blank 1, copy 2.
  ["mad-selective-copying", { V: 3, T: 5, n: 1 }, [1, 1, 0, 2, 1], [-1, -1, -1, -1, 0]],
  ["mad-compression", { V: 2, T: 4 }, [0, 0, 1, 1], [-1, -1, 0, 0]],
  ["mad-memorization", { V: 3, T: 4 }, [0, 2, 0, 2], [-1, 1, -1, 1]],
  // The special token, 1, can only be in the first place and in the last.
  ["induction-heads", { V: 2, T: 3, validationT: 3 }, [1, 0, 1], [-1, -1, 0]],
  // Noise 0, token 1, marker 2.
  ["selective-copying", { V: 3, T: 2, n: 1 }, [1, 2], [-1, 1]],
];

it.each(FORCED)("%s %j by hand", (name, sizes, tokens, targets) => {
  const task = taskKinds.find((kind) => kind.name === name)?.task({ ...sizes, B: 1, validation: 1 }, 0);
  const [sequence] = [...(task?.validation() ?? [])].flatMap(sequencesOf);
  const any = sequence?.tokens[1] ?? 0;
  const filled = (numbers: number[]): number[] => numbers.map((n) => (n === -2 ? any : n));
  expect(sequence).toEqual({ tokens: filled(tokens), targets: filled(targets) });
});

describe("induction heads", () => {
  it("has the special token twice, the second time at the end, with what followed the first as the target", () => {
    const sizes = fc.record({
      V: fc.integer({ min: 2, max: 20 }),
      T: fc.integer({ min: 3, max: 20 }),
      validationT: fc.integer({ min: 3, max: 40 }),
    });
    for (const part of ["training", "validation"] as const) {
      forSequences(inductionHeads, sizes, part, (sequence, { V = 0, T, validationT }) => {
        const { tokens, targets } = sequence;
        expect(tokens).toHaveLength((part === "training" ? T : validationT) ?? 0);
        const special = tokens.flatMap((token, t) => (token === V - 1 ? [t] : []));
        expect(special).toEqual([special[0], tokens.length - 1]);
        expect(asked(sequence)).toEqual([tokens.length - 1]);
        expect(targets.at(-1)).toBe(tokens[(special[0] ?? 0) + 1]);
      });
    }
  });
});

describe("selective copying", () => {
  it("asks at the markers for what is no noise", () => {
    const sizes = fc
      .record({ n: fc.integer({ min: 1, max: 8 }), more: fc.nat(20), V: fc.integer({ min: 3, max: 20 }) })
      .map(({ n, more, V }) => ({ n, V, T: 2 * n + more }));
    forSequences(selectiveCopying, sizes, "training", ({ tokens, targets }, { V = 0, T = 0, n = 0 }) => {
      const data = tokens.slice(0, T - n).filter((token) => token !== 0);
      expect(data).toHaveLength(n);
      expect(data.every((token) => token < V - 1)).toBe(true);
      expect(tokens.slice(T - n)).toEqual(new Array(n).fill(V - 1));
      expect(targets).toEqual([...new Array(T - n).fill(-1), ...data]);
    });
  });
});

describe("parity", () => {
  const sizes = fc
    .record({ T: fc.integer({ min: 3, max: 20 }), more: fc.nat(20) })
    .map(({ T, more }) => ({ T, validationT: T + more }));

  it.each(["training", "validation"] as const)(
    "asks at the last bit whether the ones are odd, in %s",
    (part) => {
      forSequences(parity, sizes, part, (sequence, { T = 0, validationT = 0 }) => {
        const { tokens, targets } = sequence;
        const [at = -1, ...others] = asked(sequence);
        expect(others).toEqual([]);
        const length = at + 1;
        expect(tokens).toHaveLength(part === "training" ? T : validationT);
        expect(length).toBeGreaterThanOrEqual(part === "training" ? 3 : T);
        expect(targets[at]).toBe(tokens.slice(0, length).filter((bit) => bit === 1).length % 2);
        expect(tokens.every((token, t) => (t < length ? token < 2 : token === 2))).toBe(true);
      });
    },
  );

  it("has all lengths from 3 to 40, and from 40 to 256 to validate by", () => {
    const task = parity.task({}, 0);
    const lengths = (batches: ReturnType<typeof take>): number[] =>
      batches.flatMap(sequencesOf).map((sequence) => (asked(sequence)[0] ?? -1) + 1);
    const trained = lengths(take(task, 20));
    expect(new Set(trained).size).toBe(38);
    expect([Math.min(...trained), Math.max(...trained)]).toEqual([3, 40]);
    const validated = lengths([...task.validation()]);
    expect(Math.min(...validated)).toBeGreaterThanOrEqual(40);
    expect(Math.max(...validated)).toBeGreaterThan(250);
  });
});

describe("s-niah-1", () => {
  const SENTENCES =
    "Rain taps on the window. The kettle hums. A cat sleeps by the door. Somebody hums along. It is late. ";

  it("tells one number of one word, among sentences that repeat, and asks for it", () => {
    const least = sNiah1.sizes.T?.least ?? 0;
    const told = new Set<number>();
    forSequences(
      sNiah1,
      fc.record({ T: fc.integer({ min: least, max: 400 }) }),
      "training",
      (sequence, { T = 0 }) => {
        const { tokens, targets } = sequence;
        const text = sNiah1.text?.decode(tokens) ?? "";
        const [needle = "", word, number = ""] = /The number of (\w+) is (\d{7})\. /.exec(text) ?? [];
        expect(asked(sequence)).toEqual(Array.from({ length: 7 }, (_, n) => T - 7 + n));
        expect(sNiah1.text?.decode(targets.slice(-7))).toBe(number);
        const question = `What is the number of ${word}? The number of ${word} is `;
        expect(text.endsWith(question + number.slice(0, -1))).toBe(true);
        const rest = text.replace(needle, "").slice(0, -(question.length + 6));
        expect(rest).not.toMatch(/number|\d/);
        expect(SENTENCES.repeat(5).endsWith(rest)).toBe(true);
        told.add(text.indexOf(needle) === 0 ? 0 : 1);
      },
    );
    expect(told.size).toBe(2);
  });

  it("has room for the longest word and no haystack at all", () => {
    const least = sNiah1.sizes.T?.least ?? 0;
    expect(() => sNiah1.task({ T: least - 1 }, 0)).toThrow(
      `T (characters of a sequence) should be a whole number from ${least} up`,
    );
  });
});
