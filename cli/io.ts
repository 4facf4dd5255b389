/** What a command may do to the world outside: print results, print progress, and know where it prints. */
import { text } from "node:stream/consumers";
import pc from "picocolors";

export type Colors = ReturnType<typeof pc.createColors>;

export interface Io {
  /** Results. */
  out(text: string): void;
  /** Progress, and what went wrong. */
  err(text: string): void;
  /** All of stdin. */
  readIn(): Promise<string>;
  readonly outColors: Colors;
  readonly errColors: Colors;
  /** Columns of the terminal that results go to; undefined for a file or a pipe. */
  readonly columns: number | undefined;
  /** Whether stderr is a terminal, where a line can be written over. */
  readonly errIsTerminal: boolean;
  now(): number;
}

type Stream = Pick<NodeJS.WriteStream, "isTTY" | "write" | "columns">;

export function processIo(
  out: Stream = process.stdout,
  err: Stream = process.stderr,
  env: NodeJS.ProcessEnv = process.env,
): Io {
  const plain = (env.NO_COLOR !== undefined && env.NO_COLOR !== "") || env.TERM === "dumb";
  return {
    out: (result) => void out.write(result),
    err: (note) => void err.write(note),
    readIn: () => text(process.stdin),
    outColors: pc.createColors(Boolean(out.isTTY) && !plain),
    errColors: pc.createColors(Boolean(err.isTTY) && !plain),
    columns: out.isTTY ? out.columns : undefined,
    errIsTerminal: Boolean(err.isTTY) && env.TERM !== "dumb",
    now: () => performance.now(),
  };
}

/** Milliseconds between lines of progress: a terminal's line is written over, a log's stays. */
const ON_TERMINAL = 80;
const IN_LOG = 4000;

/** One line of progress on stderr, written over on a terminal; now and then a line elsewhere. */
export class Progress {
  readonly #io: Io;
  #last: number;
  #shown = false;

  constructor(io: Io) {
    this.#io = io;
    this.#last = io.now();
  }

  say(text: string): void {
    const { errIsTerminal, errColors } = this.#io;
    const now = this.#io.now();
    if (now - this.#last < (errIsTerminal ? ON_TERMINAL : IN_LOG)) return;
    this.#last = now;
    this.#io.err(errIsTerminal ? `\r\x1b[2K${errColors.dim(text)}` : `${text}\n`);
    this.#shown = errIsTerminal;
  }

  /** Takes the line away, so that what follows starts on a clean one. */
  clear(): void {
    if (this.#shown) this.#io.err("\r\x1b[2K");
    this.#shown = false;
  }
}
