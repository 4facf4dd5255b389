/** Work in more turns than there are workgroups: beyond enough of these, each takes several. */
import { named, plus, type Stmt, times } from "../kernel/block.ts";
import type { Frame } from "./frame.ts";

const MOST_TURNS = 64;

export interface Turns {
  /** The name of what is counted: elements, or rows. */
  readonly of: string;
  readonly total: number;
  /** How many of them a workgroup takes side by side: one, or one for each lane. */
  readonly side: number;
  /** Workgroups that keep any adapter busy. */
  readonly enough: number;
}

/** The workgroups that it takes, and the loop of each around `body`, which is made of `of`. */
export function inTurns(
  frame: Frame,
  { of, total, side, enough }: Turns,
  body: readonly Stmt[],
): { readonly groups: number; readonly loop: Stmt } {
  const turns = Math.min(MOST_TURNS, Math.max(1, Math.ceil(total / (side * enough))));
  const turn = frame.name("turn");
  const first = plus(times(named("group"), turns), named(turn));
  const place = side === 1 ? first : plus(times(first, side), named("lane"));
  return {
    groups: Math.ceil(total / (side * turns)),
    loop: {
      kind: "loop",
      name: turn,
      from: 0,
      to: turns,
      step: "rolled",
      body: [
        { kind: "index", name: of, value: place },
        { kind: "when", all: [{ index: named(of), bound: total }], body },
      ],
    },
  };
}
