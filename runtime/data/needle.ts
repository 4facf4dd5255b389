/**
 * A needle in a haystack, after S-NIAH-1 of RULER (Hsieh et al., arXiv 2404.06654), by characters: sentences that
 * repeat, among them one that says the number of seven digits of some word; at the end the question for it. The
 * targets are the digits of the answer, each after those before it. The sentences and words are our own, so that
 * no result compares with the source's.
 *
 * The haystack ends with a whole sentence and begins wherever T has it begin; the needle stands before any of its
 * sentences, or after the last, each place as likely.
 */
import { type TaskKind, taskKind } from "./kind.ts";
import { charactersOf } from "./vocabulary.ts";

const SENTENCES = [
  "Rain taps on the window. ",
  "The kettle hums. ",
  "A cat sleeps by the door. ",
  "Somebody hums along. ",
  "It is late. ",
];

const WORDS = [
  ...["amber", "birch", "cobalt", "dune", "ember", "fjord", "garnet", "harbour"],
  ...["iris", "juniper", "kelp", "lantern", "meadow", "nickel", "opal", "pebble"],
  ...["quartz", "rowan", "saffron", "thistle", "umber", "violet", "willow", "zephyr"],
];

const DIGITS = 7;

const needle = (word: string, number: string): string => `The number of ${word} is ${number}. `;
const question = (word: string): string => `What is the number of ${word}? The number of ${word} is `;

const text = charactersOf([...SENTENCES, ...WORDS, needle("", "0123456789"), question("")].join(""));

const longest = WORDS.reduce((a, b) => (b.length > a.length ? b : a));
const NEEDED = needle(longest, "".padEnd(DIGITS)).length + question(longest).length + DIGITS - 1;

/** The last `length` characters of the sentences over and over, and where in them a sentence starts or they end. */
function haystack(length: number): { readonly hay: string; readonly places: readonly number[] } {
  let hay = "";
  const fromEnd = [0];
  for (let n = SENTENCES.length - 1; hay.length < length; n = n === 0 ? SENTENCES.length - 1 : n - 1) {
    hay = SENTENCES[n] + hay;
    fromEnd.push(hay.length);
  }
  return {
    hay: hay.slice(hay.length - length),
    places: fromEnd.filter((distance) => distance <= length).map((distance) => length - distance),
  };
}

export const sNiah1: TaskKind = taskKind({
  name: "s-niah-1",
  summary: "a number in a sentence among others that repeat, to be said at the end; by characters",
  source: "after RULER, arXiv 2404.06654",
  sizes: { T: { value: 512, what: "characters of a sequence", least: NEEDED } },
  B: 16,
  validated: 256,
  text,
  sequences: ({ T }) => ({
    vocabulary: text.size,
    training: [
      {
        T,
        fill: (random, tokens, targets) => {
          const word = WORDS[random.below(WORDS.length)] as string;
          const number = Array.from({ length: DIGITS }, () => random.below(10)).join("");
          const [told, asked] = [needle(word, number), question(word)];
          const { hay, places } = haystack(T + 1 - told.length - asked.length - DIGITS);
          const place = places[random.below(places.length)] as number;
          const all = text.encode(hay.slice(0, place) + told + hay.slice(place) + asked + number);
          for (let t = 0; t < T; t++) tokens[t] = all[t] as number;
          for (let t = T - DIGITS; t < T; t++) targets[t] = all[t + 1] as number;
        },
      },
    ],
  }),
});
