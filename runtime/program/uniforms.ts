/** The uniforms of all dispatches of a program. */
import { ALIGNMENT } from "./layout.ts";
import type { Dispatch } from "./parts.ts";

/** The fields of a run that is none of a sequence of tokens: a step of 1, and last the workgroup that it begins with. */
export const plainUniform = (firstGroup = 0): Uint32Array<ArrayBuffer> =>
  Uint32Array.of(0, 0, 0, 1, 0, 0, firstGroup);

export const wordsOf = (d: Dispatch): Uint32Array<ArrayBuffer> => d.uniform ?? plainUniform();

/** All uniforms in one buffer, equal ones once. */
export function uniformsOf(dispatches: readonly Dispatch[]): {
  data: Uint8Array<ArrayBuffer>;
  offsets: Map<Dispatch, number>;
} {
  const slots = new Map<string, { at: number; words: Uint32Array<ArrayBuffer> }>();
  const offsets = new Map<Dispatch, number>();
  let end = 0;
  for (const d of dispatches) {
    const words = wordsOf(d);
    const key = words.join();
    let slot = slots.get(key);
    if (!slot) {
      slot = { at: end, words };
      slots.set(key, slot);
      end += Math.ceil(words.byteLength / ALIGNMENT) * ALIGNMENT;
    }
    offsets.set(d, slot.at);
  }
  const data = new Uint8Array(Math.max(ALIGNMENT, end));
  for (const { at, words } of slots.values()) data.set(new Uint8Array(words.buffer, 0, words.byteLength), at);
  return { data, offsets };
}
