/** A Hugging Face `tokenizer.json` as a vocabulary. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import { type Vocabulary, vocabularyOf } from "../../runtime/data/vocabulary.ts";
import { UsageError } from "../errors.ts";
import { readBytes, textOf } from "./files.ts";

/** Reads the file, and `tokenizer_config.json` beside it if there is one. */
export function readTokenizer(path: string): Vocabulary {
  const beside = join(dirname(path), "tokenizer_config.json");
  const config = existsSync(beside) ? objectIn(beside) : {};
  return tokenizerOf(objectIn(path), config, path);
}

/** What `toJSON` of any vocabulary gave; undefined where it is none. */
export function vocabularyFrom(json: unknown): Vocabulary | undefined {
  if (!isObject(json) || json.kind !== "tokenizer") return vocabularyOf(json);
  const { tokenizer, config } = json;
  return isObject(tokenizer) && isObject(config)
    ? tokenizerOf(tokenizer, config, "the tokenizer")
    : undefined;
}

function objectIn(path: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(textOf(readBytes(path), path));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${path} is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isObject(value)) throw new UsageError(`${path} should hold a JSON object`);
  return value;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function tokenizerOf(
  tokenizer: Record<string, unknown>,
  config: Record<string, unknown>,
  path: string,
): Vocabulary {
  const made = construct(tokenizer, config, path);
  let last = -1;
  for (const token of made.get_vocab(true).values()) last = Math.max(last, token);
  if (last < 0) throw new UsageError(`${path} has no tokens`);
  const decode = (tokens: ArrayLike<number>): string =>
    // Special tokens stand in the text where they were said, and spaces stay as they are.
    made.decode(Array.from(tokens), { skip_special_tokens: false, clean_up_tokenization_spaces: false });
  return {
    size: last + 1,
    // Nothing is put before or after: a window of a text starts anywhere.
    encode: (text) => made.encode(text, { add_special_tokens: false }).ids,
    decode,
    decoder: () => piecewise(decode),
    toJSON: () => ({ kind: "tokenizer", tokenizer, config }),
  };
}

function construct(tokenizer: object, config: object, path: string): Tokenizer {
  try {
    return new Tokenizer(tokenizer, config);
  } catch (error) {
    throw new UsageError(
      `${path} is no tokenizer that can be used here: ${error instanceof Error ? error.message : String(error)}`,
      ["it should be a tokenizer.json as Hugging Face's tokenizers write it"],
    );
  }
}

/**
 * Text token by token. What a token says may depend on the one before (a space, the first bytes of a character),
 * so that the tokens since the last whole piece are decoded with it and without.
 */
function piecewise(decode: (tokens: readonly number[]) => string): (token: number) => string {
  let told: number[] = [];
  let held: number[] = [];
  return (token) => {
    held.push(token);
    const before = told.length === 0 ? "" : decode(told);
    const after = decode([...told, ...held]);
    if (after.length <= before.length || after.endsWith("\ufffd")) return "";
    [told, held] = [held, []];
    return after.slice(before.length);
  };
}
