/** What is said when miras itself is wrong. */
import { EXIT } from "./errors.ts";
import type { Io } from "./io.ts";
import { version } from "./package.ts";

const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

export function reportBug(error: unknown, argv: readonly string[], io: Io): number {
  const c = io.errColors;
  const stack = error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error);
  const cause =
    error instanceof Error && error.cause instanceof Error ? `\ncaused by ${error.cause.stack}` : "";
  io.err(
    `${c.red(c.bold("bug:"))} miras failed. The fault is in miras, not in your spec or your command.

  version  ${version}, Node ${process.version}, ${process.platform} ${process.arch}
  command  ${["miras", ...argv].map(quoted).join(" ")}

${stack}${cause}

Please report it: keep the spec file as it is now, and send it with all of this text.
`,
  );
  return EXIT.bug;
}
