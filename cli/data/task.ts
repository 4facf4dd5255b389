/** What `--task` or `--data` asks to learn. */
import { closest } from "../../compiler/source/suggest.ts";
import type { Task } from "../../runtime/data/batch.ts";
import type { TaskKind } from "../../runtime/data/kind.ts";
import { taskKinds } from "../../runtime/data/registry.ts";
import { textTask } from "../../runtime/data/text.ts";
import { bytes, charactersOf, type Vocabulary } from "../../runtime/data/vocabulary.ts";
import { UsageError } from "../errors.ts";
import { readAll, textOf } from "./files.ts";
import { readTokenizer } from "./tokenizer.ts";

export interface TaskChoice {
  /** The name of a task, or else `data`. */
  readonly task?: string;
  /** Paths of text files, read one after the other. */
  readonly data?: readonly string[];
  /** Tokens of a sequence; the task's own, or 64 for text, where left out. */
  readonly T?: number;
  /** Sequences of a batch; the task's own, or 12 for text, where left out. */
  readonly B?: number;
  /** Further sizes of a named task, such as `kv`. */
  readonly sizes?: Readonly<Record<string, number>>;
  readonly seed: number;
  /** For text: `bytes` (the default), `characters`, or the path of a tokenizer.json. */
  readonly tokenizer?: string;
  /** The network's, into which the task's must fit; where left out, the network has yet to take the task's. */
  readonly vocabulary?: number;
}

export interface ChosenTask extends Task {
  /** What the tokens say, where they are text. */
  readonly text?: Vocabulary;
}

/** Throws UsageError where there is no such task, its sizes do not fit, or its files cannot be used. */
export function taskFor(choice: TaskChoice): ChosenTask {
  const { task: name, data = [], vocabulary } = choice;
  if (name !== undefined && data.length > 0) {
    throw new UsageError("give --task or --data, not both: a network learns from one of them");
  }
  if (name === undefined && data.length === 0) {
    throw new UsageError("there is nothing to learn from", [
      "give --data with the path of a text file, or --task with one of:",
      ...taskList(),
    ]);
  }
  const task = name === undefined ? textFrom(data, choice) : named(name, choice);
  if (vocabulary !== undefined && task.vocabulary > vocabulary) {
    const whose = name ?? (choice.tokenizer === undefined ? "text as bytes" : data.join(", "));
    throw new UsageError(
      `${whose} has a vocabulary of ${task.vocabulary}, and the network one of ${vocabulary}`,
      [`give the network a vocabulary of at least ${task.vocabulary}`, ...repairs(name, choice, vocabulary)],
    );
  }
  return task;
}

/** A line for each task that has a name. */
export function taskList(): string[] {
  const width = Math.max(...taskKinds.map(({ name }) => name.length));
  return taskKinds.map(({ name, summary }) => `${name.padEnd(width)}  ${summary}`);
}

function repairs(name: string | undefined, { tokenizer }: TaskChoice, vocabulary: number): string[] {
  if (name !== undefined)
    return kindOf(name).sizes.V === undefined ? [] : [`or the task a size V of ${vocabulary}`];
  return tokenizer === undefined ? ["or learn from the characters of the text, which are often fewer"] : [];
}

function kindOf(name: string): TaskKind {
  const kind = taskKinds.find((one) => one.name === name);
  if (kind !== undefined) return kind;
  const near = closest(
    name,
    taskKinds.map((one) => one.name),
  );
  throw new UsageError(
    `there is no task ${name}`,
    near === undefined ? ["the tasks are:", ...taskList()] : [`did you mean ${near}?`],
  );
}

function named(name: string, { T, B, sizes, seed, tokenizer }: TaskChoice): ChosenTask {
  const kind = kindOf(name);
  if (tokenizer !== undefined) {
    throw new UsageError(`--tokenizer is for --data: ${name} has tokens of its own`);
  }
  const given = { ...sizes, ...(T !== undefined && { T }), ...(B !== undefined && { B }) };
  const task = fitting(name, () => kind.task(given, seed));
  return { ...task, ...(kind.text && { text: kind.text }) };
}

function textFrom(paths: readonly string[], choice: TaskChoice): ChosenTask {
  const { T = 64, B = 12, seed, tokenizer = "bytes", sizes = {} } = choice;
  const [size] = Object.keys(sizes);
  if (size !== undefined) throw new UsageError(`text has no size ${size}; its sizes are T and B`);
  const given = readAll(paths);
  const whose = paths.join(", ");
  const vocabulary = vocabularyFor(tokenizer, given, whose);
  const tokens = tokenizer === "bytes" ? given : vocabulary.encode(textOf(given, whose));
  const kind = tokenizer === "bytes" || tokenizer === "characters" ? tokenizer : "tokens";
  const task = fitting(whose, () =>
    textTask({
      description: `${whose}: ${tokens.length} ${kind}, the last tenth to validate by`,
      vocabulary: vocabulary.size,
      tokens,
      B: counted("B", B),
      T: counted("T", T),
      seed,
    }),
  );
  return { ...task, text: vocabulary };
}

function vocabularyFor(tokenizer: string, given: Uint8Array, whose: string): Vocabulary {
  if (tokenizer === "bytes") return bytes;
  return tokenizer === "characters" ? charactersOf(textOf(given, whose)) : readTokenizer(tokenizer);
}

function counted(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new UsageError(`${name} should be a whole number from 1 up, and is ${value}`);
}

/** Sizes that do not fit are the user's. */
function fitting<T>(whose: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const { message } = error;
    throw new UsageError(message.startsWith(`${whose}:`) ? message : `${whose}: ${message}`);
  }
}
