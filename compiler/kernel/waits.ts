/** Where a workgroup waits for all of its lanes. */
import { barrier, type Stmt } from "./block.ts";

/**
 * A wait before all else, for a kernel that waits inside its loops. A driver that runs lanes one after the other, as on a
 * processor, makes a coroutine of it, and compiles what can come before its first wait apart: else that would be most of
 * the kernel once more.
 */
export const waitingFirst = (body: readonly Stmt[]): readonly Stmt[] =>
  waitsInLoops(body) ? [WHY, barrier("workgroup"), ...body] : body;

const WHY: Stmt = { kind: "comment", text: "what comes before the first wait may be compiled twice" };

const waitsInLoops = (body: readonly Stmt[]): boolean =>
  body.some((s) => "body" in s && (s.kind === "loop" ? waits(s.body) : waitsInLoops(s.body)));

const waits = (body: readonly Stmt[]): boolean =>
  body.some((s) => s.kind === "barrier" || s.kind === "leave" || ("body" in s && waits(s.body)));
