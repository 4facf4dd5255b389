/** The order of a tile's statements: in batches, and in loops over its tokens. */
import type { Tensor } from "../../math/expr.ts";
import { InternalError } from "../../source/diagnostic.ts";
import { isAtOwnPlace, isOfTokens, readBy, type Statement, type Step } from "./statements.ts";

/** The statements that the output or others of those that are needed read. */
export function needed(list: readonly Statement[], after: readonly Statement[]): Statement[] {
  const read = new Set(after.flatMap((s) => [...readBy(s)]));
  const found = new Set<Statement>();
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const s of list) {
      const targets = s.before ? [s.target, s.before.tensor] : [s.target];
      if (found.has(s) || !(s.kind === "output" || targets.some((t) => read.has(t)))) continue;
      found.add(s);
      for (const t of readBy(s)) read.add(t);
    }
  }
  return list.filter((s) => found.has(s));
}

/** A token's own tensor of two axes or more is not kept for all tokens. */
const isLarge = (t: Tensor): boolean => isOfTokens(t) && t.shape.length > 2;

/** Batches of statements, and loops over tokens, as few as the order of reading allows. */
export function scheduled(list: readonly Statement[], serial: ReadonlySet<Tensor>): Step[] {
  const isByToken = (s: Statement): boolean =>
    s.kind === "running" || serial.has(s.target) || isLarge(s.target) || [...readBy(s)].some(isLarge);
  const waiting = new Set(list);
  const makers = new Map<Tensor, Statement>();
  for (const s of list) {
    makers.set(s.target, s);
    if (s.before) makers.set(s.before.tensor, s);
  }
  const needs = (s: Statement): Statement[] =>
    [...readBy(s)].flatMap((t) => {
      const maker = makers.get(t);
      return maker && maker !== s && waiting.has(maker) ? [maker] : [];
    });
  const steps: Step[] = [];
  while (waiting.size > 0) {
    const ready = [...waiting].filter((s) => !isByToken(s) && needs(s).length === 0);
    if (ready.length > 0) {
      for (const s of ready) waiting.delete(s);
      steps.push({ order: "batch", statements: ready });
      continue;
    }
    // All that goes by tokens and needs nothing but what is there or goes along.
    let together = [...waiting].filter(isByToken);
    for (let before = -1; before !== together.length; ) {
      before = together.length;
      together = together.filter((s) => needs(s).every((n) => together.includes(n)));
    }
    if (together.length === 0) throw new InternalError("statements of a tile wait for each other");
    // What runs along the tile follows from the inputs alone, and needs no lane to wait for another.
    const running = together.filter((s) => s.kind === "running");
    if (running.every((s) => needs(s).every((n) => running.includes(n))) && running.length > 0)
      together = running;
    for (const s of together) waiting.delete(s);
    steps.push({ order: "tokens", statements: together });
  }
  return steps;
}

/**
 * Statements over the same axes, where each reads of the others what is at its own place. One joins those before it that are
 * made after all that it reads, and after all that read what it replaces.
 */
export function alike(
  statements: readonly Statement[],
  replaced: ReadonlyMap<Tensor, Tensor> = new Map(),
): Statement[][] {
  const groups: Statement[][] = [];
  for (const s of statements) {
    const read = readBy(s);
    const old = replaced.get(s.target);
    const waitsFor = (o: Statement): boolean =>
      read.has(o.target) || (old !== undefined && readBy(o).has(old));
    const first = groups.findLastIndex((group) => group.some(waitsFor));
    const found = groups.findLast((group, i) => i >= first && isAtOwnPlace(s, group));
    if (found) found.push(s);
    else groups.push([s]);
  }
  return groups;
}
