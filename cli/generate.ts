/** `miras generate`: a trained network goes on with a prompt, one token at a time. */
import { Random, STREAM } from "../runtime/data/random.ts";
import { type Vocabulary, VocabularyError } from "../runtime/data/vocabulary.ts";
import { generate as generated } from "../runtime/training/sample.ts";
import type { DeviceName } from "./choose.ts";
import { vocabularyFrom } from "./data/tokenizer.ts";
import { EXIT, UsageError } from "./errors.ts";
import type { Io } from "./io.ts";
import { bestCheckpoint, type Loaded } from "./train/checkpoints.ts";
import { configIn } from "./train/config.ts";
import { interruption } from "./train/interrupt.ts";
import { type OpenNetwork, openNetwork } from "./train/network.ts";
import { json, resumeCommand } from "./train/report.ts";
import { RunFolder } from "./train/run-folder.ts";
import { requestFor } from "./train/start.ts";

export interface GenerateOptions {
  readonly prompt: string;
  readonly tokens: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly seed: number;
  readonly device?: DeviceName;
  readonly json?: boolean;
}

/** How a run's tokens are written and read. */
interface Script {
  read(prompt: string): ArrayLike<number>;
  /** Takes tokens one at a time, those of the prompt first, and gives what to print. */
  writer(): (token: number) => string;
}

/** `open` says how networks are had. */
export async function generate(
  run: string,
  { prompt, tokens, temperature, topK, seed, device, json: wantsJson }: GenerateOptions,
  io: Io,
  open: OpenNetwork = openNetwork,
): Promise<number> {
  const folder = await RunFolder.open(run);
  const { settings, task } = await configIn(folder);
  const { vocabulary } = task;
  const text = await textOf(folder);
  const script = text === undefined ? numbers(vocabulary) : textScript(text);
  const read = script.read(prompt);
  if (read.length === 0) throw new UsageError("the prompt is empty: give at least one token to go on from");
  const { snapshot, path } = await checkpointOf(folder);
  const file = await folder.spec();
  const { signal, release } = interruption(() => {});
  // Who only reads stores nothing for a backward pass: any adapter will do.
  const network = await open(requestFor(file, { ...settings, storage: "f32" }, vocabulary, device), io);
  try {
    await network.trainable.restore(snapshot.weights).catch((error: unknown) => {
      throw error instanceof RangeError
        ? new UsageError(`${path} does not fit its network: ${error.message}`)
        : error;
    });
    const reader = await network.trainable.reader(read.length + tokens);
    const said: number[] = [];
    const write = script.writer();
    const say = (token: number): void => {
      if (!wantsJson) io.out(harmless(write(token), io));
    };
    try {
      for (const token of Array.from(read)) say(token);
      const sampling = { tokens, temperature, topK, vocabulary, signal };
      for await (const token of generated(reader, read, sampling, Random.of(seed, STREAM.training))) {
        said.push(token);
        say(token);
      }
    } finally {
      if (!wantsJson) io.out("\n");
      reader.destroy();
    }
    if (wantsJson) {
      const { step } = snapshot.progress;
      const whole = text && { text: text.decode(said) };
      io.out(json({ run, step, seed, temperature, prompt: Array.from(read), tokens: said, ...whole }));
    }
  } finally {
    release();
    await network.close();
  }
  return EXIT.well;
}

/** What the run's tokens say; undefined where they are only numbers. */
async function textOf(folder: RunFolder): Promise<Vocabulary | undefined> {
  const stored = await folder.vocabulary();
  const text = stored === undefined ? undefined : vocabularyFrom(stored);
  if (stored !== undefined && text === undefined)
    throw new UsageError(`the vocabulary.json of ${folder.path} is none that miras knows`);
  return text;
}

async function checkpointOf({ path, checkpoints }: RunFolder): Promise<Loaded> {
  const best = await bestCheckpoint(checkpoints);
  if (best === undefined)
    throw new UsageError(`${path} has no checkpoint yet`, [`train it further: ${resumeCommand(path)}`]);
  return best;
}

const textScript = (text: Vocabulary): Script => ({
  read(prompt) {
    try {
      return text.encode(prompt);
    } catch (error) {
      if (error instanceof VocabularyError)
        throw new UsageError(`the prompt cannot be read: ${error.message}`);
      throw error;
    }
  },
  writer: () => text.decoder(),
});

/** `3 17 5` */
const numbers = (vocabulary: number): Script => ({
  read: (prompt) =>
    prompt
      .split(/[\s,]+/)
      .filter((word) => word !== "")
      .map((word) => {
        const token = Number(word);
        if (Number.isInteger(token) && token >= 0 && token < vocabulary) return token;
        throw new UsageError(
          `${word} is not one of the tokens of this run, which are the numbers from 0 to ${vocabulary - 1}`,
          ["give them with spaces between: --prompt '3 17 5'"],
        );
      }),
  writer() {
    let between = "";
    return (token) => {
      const text = `${between}${token}`;
      between = " ";
      return text;
    };
  },
});

/** A network may say anything, which a terminal should not obey. */
const harmless = (text: string, io: Io): string =>
  io.columns === undefined ? text : text.replace(/[^\P{Cc}\n\t]/gu, "\ufffd");
