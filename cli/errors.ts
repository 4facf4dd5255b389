/** The ways in which a command ends before its result, each with an exit code of its own. */

export const EXIT = {
  well: 0,
  /** The spec, or a property of it, fails. */
  fails: 1,
  /** The command was not given what it needs. */
  usage: 2,
  /** The machine failed: a device was lost, memory ran out. */
  machine: 69,
  /** A bug of miras. */
  bug: 70,
} as const;

/** What the user asked for cannot be done as asked: a missing file, a tensor of the wrong shape. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  /** Further lines: the other problems, and what to do. */
  readonly notes: readonly string[];

  constructor(message: string, notes: readonly string[] = []) {
    super(message);
    this.notes = notes;
  }
}

/** The spec is in error, and the user has been told. */
export class SpecError extends Error {
  override readonly name = "SpecError";
}
