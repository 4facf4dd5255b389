/**
 * Contenders at one task, in turn: each prepares and runs once cold, its result is held to f64, and only those
 * that are right are timed, round by round, so that what else the machine does falls on all of them alike.
 */
import type { Contender, Ready } from "./contender.ts";
import { collected } from "./garbage.ts";
import { errorRatio, median } from "./statistics.ts";
import type { Task } from "./task.ts";

export interface Pace {
  readonly rounds: number;
  /** No further round after so many seconds, but three at least. */
  readonly seconds: number;
  /** A run that would take longer is left out. */
  readonly longestRun: number;
}

export type Row = { readonly contender: Contender } & (Timed | NotTimed);

export interface Timed {
  readonly kind: "timed";
  readonly error: number;
  /** Milliseconds from the start of the preparation to the end of the first run. */
  readonly cold: number;
  readonly milliseconds: number;
  readonly least: number;
  readonly most: number;
  readonly rounds: number;
}

export interface NotTimed {
  readonly kind: "not timed";
  readonly why: string;
  /** Its result was wrong, or it broke: a fault, unlike what is only not here. */
  readonly fault: boolean;
}

export const BOUND = 1e-5;
const FEWEST_ROUNDS = 3;

/** `expected`: what a run of each would take, in milliseconds, where that is known. */
export async function race(
  task: Task,
  contenders: readonly Contender[],
  pace: Pace,
  expected: (contender: Contender) => number | undefined,
): Promise<Row[]> {
  const rows: Row[] = [];
  const running = new Map<Contender, { ready: Ready; cold: number; error: number; times: number[] }>();
  const notTimed = (contender: Contender, why: string, fault: boolean): void =>
    void rows.push({ contender, kind: "not timed", why, fault });
  for (const contender of contenders) {
    const guess = expected(contender);
    if (guess !== undefined && guess > 1000 * pace.longestRun) {
      notTimed(contender, `left out: about ${Math.round(guess / 1000)} s a run`, false);
      continue;
    }
    const entrant = await entered(contender, task);
    if ("why" in entrant) notTimed(contender, entrant.why, entrant.fault);
    else running.set(contender, { ...entrant, times: [] });
  }
  const started = performance.now();
  for (let round = 0; round < pace.rounds; round++) {
    if (round >= FEWEST_ROUNDS && performance.now() - started > 1000 * pace.seconds) break;
    for (const [contender, { ready, times }] of running) {
      try {
        await collected();
        times.push((await ready.run()).milliseconds);
      } catch (error) {
        running.delete(contender);
        notTimed(contender, messageOf(error), true);
      }
    }
  }
  for (const [contender, { ready, cold, error, times }] of running) {
    ready.close();
    rows.push({
      contender,
      kind: "timed",
      error,
      cold,
      milliseconds: median(times),
      least: Math.min(...times),
      most: Math.max(...times),
      rounds: times.length,
    });
  }
  return rows.sort((a, b) => contenders.indexOf(a.contender) - contenders.indexOf(b.contender));
}

type Entrant = { ready: Ready; cold: number; error: number } | { why: string; fault: boolean };

async function entered(contender: Contender, task: Task): Promise<Entrant> {
  try {
    const started = performance.now();
    const ready = await contender.prepare(task);
    const { y } = await ready.run();
    const cold = performance.now() - started;
    const error = errorRatio(y, task.want);
    if (error <= BOUND) return { ready, cold, error };
    ready.close();
    return { why: `not timed: its error is ${error.toExponential(1)}, and must be ≤ ${BOUND}`, fault: true };
  } catch (error) {
    return { why: messageOf(error), fault: !(error instanceof Error && error.name === "Unavailable") };
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
