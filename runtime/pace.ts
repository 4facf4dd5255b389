/**
 * How much work to start at once, so that none of it keeps a device busy for long: a little at first, and then by how long it
 * took. The device compiles a last time when a kernel runs first, which makes that one look slow, and the next ones short.
 */

/** Milliseconds that a dispatch may take. Devices are lost to whoever draws on the screen after about two seconds. */
export const LONGEST = 50;
/** Numbers of state that are touched at first. */
const FIRST = 2 ** 21;
/** What was short may become so many times as long. */
const GROWTH = 4;

export class Pace {
  #amount = FIRST;

  /** The work that may be started: numbers of state, as often as they are touched. */
  get amount(): number {
    return this.#amount;
  }

  /** So much work took so long, until the device was done. */
  took(amount: number, milliseconds: number): void {
    const fitting = (amount * LONGEST) / Math.max(milliseconds, 1e-3);
    const isLong = milliseconds > LONGEST;
    this.#amount = isLong ? fitting : Math.max(this.#amount, Math.min(GROWTH * amount, fitting));
  }
}
