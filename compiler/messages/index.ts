/** Every diagnostic there is, by code. */
import { checkMessages } from "./check.ts";
import type { Entry } from "./entry.ts";
import { syntaxExplanations } from "./syntax.ts";

export const messages = { ...checkMessages };

export type Code = keyof typeof messages;
export type Params<C extends Code> = (typeof messages)[C] extends Entry<infer P> ? P : never;

/** The long explanation of every code that a user can meet. */
export const explanations: ReadonlyMap<string, string> = new Map([
  ...Object.entries(messages).map(([code, { explanation }]) => [code, explanation] as const),
  ...Object.entries(syntaxExplanations),
]);
