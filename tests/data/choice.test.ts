/** What the command line makes of `--task` and `--data`, and what it says to what cannot be learned from. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type TaskChoice, taskFor } from "../../cli/data/task.ts";
import { vocabularyFrom } from "../../cli/data/tokenizer.ts";
import { UsageError } from "../../cli/errors.ts";

const folder = mkdtempSync(join(tmpdir(), "miras-data-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const poem = "The owl and the pussy-cat went to sea\nIn a beautiful pea-green boat;\n".repeat(4);
const text = file("poem.txt", poem);

/** Byte-level BPE with one merge: a b ab, the space, both bytes of é, and a special token. */
const tokenizerJson = {
  version: "1.0",
  added_tokens: [
    {
      id: 6,
      content: "<|end|>",
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    },
  ],
  normalizer: null,
  pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: null,
  decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: { type: "BPE", vocab: { a: 0, b: 1, ab: 2, Ġ: 3, Ã: 4, "©": 5 }, merges: ["a b"] },
};
const tokenizer = file("tokenizer.json", JSON.stringify(tokenizerJson));

const wrong = (choice: Partial<TaskChoice>): string => {
  try {
    taskFor({ seed: 0, ...choice });
  } catch (error) {
    if (error instanceof UsageError) return [error.message, ...error.notes].join("\n");
    throw error;
  }
  return "";
};

describe("text", () => {
  it("is bytes unless something else is asked for", () => {
    const task = taskFor({ data: [text], T: 8, B: 2, seed: 0, vocabulary: 256 });
    expect(task.vocabulary).toBe(256);
    const { tokens } = task.training.next();
    expect(poem).toContain(task.text?.decode(tokens.subarray(0, 8)));
    expect(task.description).toBe(`${text}: ${poem.length} bytes, the last tenth to validate by`);
  });

  it("is characters, which may be fewer", () => {
    const task = taskFor({ data: [text], T: 8, B: 2, seed: 0, tokenizer: "characters", vocabulary: 25 });
    expect(task.vocabulary).toBe(new Set(poem).size);
    expect(poem).toContain(task.text?.decode(task.training.next().targets.subarray(0, 8)));
  });

  it("is the tokens of a tokenizer, at once and one by one, and through JSON", () => {
    const data = [file("ab.txt", "ab a<|end|>bé".repeat(10))];
    const task = taskFor({ data, T: 4, B: 1, seed: 0, tokenizer });
    expect(task.vocabulary).toBe(7);
    const again = vocabularyFrom(JSON.parse(JSON.stringify(task.text)));
    for (const vocabulary of [task.text, again]) {
      expect(vocabulary?.encode("ab a<|end|>bé")).toEqual([2, 3, 0, 6, 1, 4, 5]);
      expect(vocabulary?.decode([2, 3, 0, 6, 1, 4, 5])).toBe("ab a<|end|>bé");
      const decode = vocabulary?.decoder();
      expect([2, 3, 0, 6, 1, 4, 5].map((token) => decode?.(token))).toEqual([
        "ab",
        " ",
        "a",
        "<|end|>",
        "b",
        "",
        "é",
      ]);
    }
  });

  it("is several files, one after the other", () => {
    const data = [file("1.txt", "aaaaaaaaaa"), file("2.txt", "bbbbbbbbbb")];
    const task = taskFor({ data, T: 17, B: 1, seed: 0 });
    expect(task.text?.decode(task.training.next().tokens)).toBe("aaaaaaaaaabbbbbbb");
  });

  it("says what is wrong with a file", () => {
    mkdirSync(join(folder, "inner"), { recursive: true });
    const empty = file("empty.txt", "");
    const latin = file("latin.txt", Uint8Array.from([...Buffer.from(poem), 0xe9]));
    expect(wrong({ data: [join(folder, "none.txt")] })).toBe(`there is no file ${join(folder, "none.txt")}`);
    expect(wrong({ data: [join(text, "x")] })).toMatch(/a part of the path is a file/);
    expect(wrong({ data: [folder] })).toBe(
      `${folder} is a directory\ngive the files in it that are to be learned from`,
    );
    expect(wrong({ data: ["/dev/null"] })).toBe("/dev/null is a device, not a file");
    expect(wrong({ data: [text, empty] })).toBe(`${empty} is empty: there is nothing in it to learn from`);
    expect(wrong({ data: [latin], tokenizer: "characters" })).toMatch(/is not UTF-8 throughout.*\n.*iconv/);
    expect(wrong({ data: [latin] })).toBe("");
  });

  it("says that a text is too short for a sequence, and how long one may be", () => {
    const data = [file("short.txt", "0123456789")];
    expect(wrong({ data, T: 64 })).toBe(
      `${data[0]}: the text is too short: 9 of its 10 tokens are for training, and a sequence of T = 64 takes 65; take a longer text or T < 9`,
    );
  });

  it("says what is wrong with sizes and tokenizers", () => {
    const data = [text];
    expect(wrong({ data, T: 0 })).toBe("T should be a whole number from 1 up, and is 0");
    expect(wrong({ data, sizes: { kv: 1 } })).toBe("text has no size kv; its sizes are T and B");
    expect(wrong({ data, tokenizer: join(folder, "t.json") })).toMatch(/^there is no file/);
    expect(wrong({ data, tokenizer: text })).toMatch(/is no JSON/);
    expect(wrong({ data, tokenizer: file("list.json", "[]") })).toMatch(/should hold a JSON object/);
    expect(wrong({ data, tokenizer: file("object.json", "{}") })).toMatch(
      /is no tokenizer that can be used here: .*\nit should be a tokenizer\.json/,
    );
    expect(vocabularyFrom({ kind: "tokenizer" })).toBeUndefined();
  });
});

describe("a named task", () => {
  it("has the sizes that it is given", () => {
    const task = taskFor({ task: "mqar-tiny", T: 64, B: 2, sizes: { kv: 8 }, seed: 3, vocabulary: 64 });
    expect(task.training.next()).toMatchObject({ B: 2, T: 64 });
    expect(task.text).toBeUndefined();
  });

  it("says what is wrong with what is asked for", () => {
    expect(wrong({})).toMatch(/^there is nothing to learn from\n.*\nmqar {2}/s);
    expect(wrong({ task: "mqar", data: [text] })).toMatch(/not both/);
    expect(wrong({ task: "mqar-tinny" })).toBe("there is no task mqar-tinny\ndid you mean mqar-tiny?");
    expect(wrong({ task: "sorting" })).toMatch(/^there is no task sorting\nthe tasks are:\nmqar /);
    expect(wrong({ task: "mqar-tiny", sizes: { kv: 9 } })).toMatch(
      /^mqar-tiny: 9 pairs .* take T ≥ 36 or kv ≤ 8$/,
    );
    expect(wrong({ task: "mqar", tokenizer: "bytes" })).toMatch(/^--tokenizer is for --data/);
    expect(wrong({ task: "mqar", seed: 0.5 })).toMatch(/a seed should be a whole number/);
  });

  it("is refused where its vocabulary is larger than the network's, with what to change", () => {
    expect(wrong({ task: "mqar", vocabulary: 64 })).toBe(
      "mqar has a vocabulary of 8192, and the network one of 64\ngive the network a vocabulary of at least 8192\nor the task a size V of 64",
    );
    expect(wrong({ data: [text], T: 8, vocabulary: 64 })).toBe(
      "text as bytes has a vocabulary of 256, and the network one of 64\ngive the network a vocabulary of at least 256\nor learn from the characters of the text, which are often fewer",
    );
  });
});
