/** Weights of a network by name: whether those of a file are the ones that it takes, all differences told at once. */
import type { Tensor } from "./safetensors.ts";
import type { Weights } from "./trainable.ts";

/** A tensor that a network takes. */
export interface Slot {
  readonly name: string;
  readonly shape: readonly number[];
}

export class WeightsError extends Error {
  override readonly name = "WeightsError";
  /** Each in a line. */
  readonly problems: readonly string[];

  constructor(message: string, problems: readonly string[]) {
    super(message);
    this.problems = problems;
  }
}

/**
 * The weights that these slots take, in f32. Throws WeightsError with everything that is missing, unexpected or of
 * another shape, or not a number. `whose` is the file, for the message.
 */
export function fitted(
  tensors: ReadonlyMap<string, Tensor>,
  slots: readonly Slot[],
  whose: string,
): Map<string, Weights> {
  const taken = new Map(slots.map(({ name, shape }) => [name, shape]));
  const problems = [
    ...grouped(
      "missing",
      slots.filter(({ name }) => !tensors.has(name)),
    ),
    ...grouped(
      "unexpected",
      [...tensors].flatMap(([name, { shape }]) => (taken.has(name) ? [] : [{ name, shape }])),
    ),
    ...grouped(
      "of another shape",
      slots.filter(({ name, shape }) => !isSame(shape, tensors.get(name)?.shape ?? shape)),
      ({ name, shape }) =>
        `${showShape(tensors.get(name)?.shape ?? [])} in the file, ${showShape(shape)} in the network`,
    ),
  ];
  if (problems.length > 0)
    throw new WeightsError(`the weights of ${whose} are not those of the network`, problems);
  return new Map(
    slots.map(({ name, shape }): [string, Weights] => {
      const { data } = tensors.get(name) as Tensor;
      const single = data instanceof Float32Array ? data : Float32Array.from(data);
      const at = single.findIndex((x) => !Number.isFinite(x));
      if (at < 0) return [name, { shape, data: single }];
      const problem = `\`${name}\`: element ${at} is ${data[at]}, which is no number in f32`;
      throw new WeightsError(`the weights of ${whose} cannot be used`, [problem]);
    }),
  );
}

/** A name from a file as a terminal may see it. */
export const printable = (name: string): string => name.replace(/\p{C}/gu, "·");

const isSame = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((size, i) => size === b[i]);

export const showShape = (shape: readonly number[]): string => `[${shape.join(", ")}]`;

/** One line for what is so of a tensor in many layers: `missing: layers.{0–23}.norm [64]`. */
function grouped(
  what: string,
  slots: readonly Slot[],
  shown: (slot: Slot) => string = ({ shape }) => showShape(shape),
): string[] {
  const groups = new Map<string, { readonly layers: number[]; readonly text: (layers: string) => string }>();
  for (const slot of slots) {
    const [before = "", layer = "", after = ""] = /^(.*?\blayers\.)(\d+)(\..*)$/
      .exec(slot.name)
      ?.slice(1) ?? [slot.name];
    const detail = shown(slot);
    const key = [before, after, detail].join("\0");
    const text = (layers: string): string =>
      `${what}: \`${printable(before)}${layers}${printable(after)}\` ${detail}`;
    const group = groups.get(key) ?? { layers: [], text };
    if (layer !== "") group.layers.push(Number(layer));
    groups.set(key, group);
  }
  return [...groups.values()].map(({ layers, text }) => text(ranges(layers)));
}

/** `0`, or `{0–3, 5}` */
function ranges(numbers: readonly number[]): string {
  const runs: [from: number, to: number][] = [];
  for (const n of numbers.toSorted((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last?.[1] === n - 1) last[1] = n;
    else runs.push([n, n]);
  }
  const texts = runs.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`));
  return numbers.length > 1 ? `{${texts.join(", ")}}` : texts.join("");
}
