/** Every diagnostic there is, by code. */
import { checkMessages } from "./check.ts";
import type { Entry } from "./entry.ts";

export const messages = { ...checkMessages };

export type Code = keyof typeof messages;
export type Params<C extends Code> = (typeof messages)[C] extends Entry<infer P> ? P : never;
