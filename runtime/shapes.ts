/** Whether the sizes and tensors that a memory is given are those it was built for; what is wrong is a RangeError that says so. */
import type { MemoryBuild, MemoryCode } from "./memory-code.ts";
import type { Tensor } from "./safetensors.ts";

/** Sequences and heads. */
export interface Extents {
  readonly B: number;
  readonly H: number;
}

export const countOf = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

/** The build for these sizes: `H`, `B` (1 unless given), and those of the model. */
export function checkSizes(
  { name, builds }: MemoryCode,
  { H, B = 1, ...own }: Given,
): { readonly build: MemoryBuild; readonly extents: Extents } {
  if (H === undefined) throw new RangeError(`${name} needs H, the number of heads, among its sizes`);
  for (const [size, value] of Object.entries({ H, B }))
    if (!Number.isSafeInteger(value) || value < 1)
      throw new RangeError(`${size} is ${value}, and should be a whole number from 1 on`);
  const build = builds.find(({ sizes }) => isSame(sizes, own));
  if (build) return { build, extents: { B, H } };
  const given = shown(own) || "no other size";
  throw new RangeError(
    `${name} was built for ${builds.map(({ sizes }) => shown(sizes)).join("; or ")}, and not for ${given}: choose one of these, or build it with --sizes`,
  );
}

type Given = Readonly<Record<string, number | undefined>>;

const isSame = (a: Given, b: Given): boolean =>
  Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([n, x]) => b[n] === x);

const shown = (sizes: Given): string =>
  Object.entries(sizes)
    .map(([n, x]) => `${n} = ${x}`)
    .join(", ");

/** Refuses names that are none of `known`, and asks for those that are `required`. */
export function checkNames(
  model: string,
  given: Iterable<string>,
  known: readonly string[],
  required: readonly string[],
): void {
  const names = new Set(given);
  const unknown = [...names].filter((n) => !known.includes(n));
  const missing = required.filter((n) => !names.has(n));
  if (unknown.length + missing.length === 0) return;
  const parts = [
    ...(missing.length > 0 ? [`is missing ${missing.join(", ")}`] : []),
    ...(unknown.length > 0 ? [`does not know ${unknown.join(", ")}`] : []),
  ];
  throw new RangeError(`${model} ${parts.join(" and ")}; it takes ${known.join(", ") || "nothing"}`);
}

/** How many tokens inputs `[B, T, H, …]` have, where all agree. */
export function tokensOf(
  { name, steps, stepwise }: MemoryCode,
  { inputs }: MemoryBuild,
  { B, H }: Extents,
  tensors: ReadonlyMap<string, Float32Array>,
): number {
  const each = (n: string): number => B * H * countOf(inputs[n] ?? []) * (stepwise.includes(n) ? steps : 1);
  const [first = ""] = tensors.keys();
  const T = (tensors.get(first)?.length ?? 0) / each(first);
  for (const [n, { length }] of tensors) {
    const own = inputs[n] ?? [];
    const shape = stepwise.includes(n) ? [B, "T", steps, H, ...own] : [B, "T", H, ...own];
    if (!Number.isSafeInteger(length / each(n)))
      throw new RangeError(
        `${n} has ${length} numbers, and ${name} takes [${shape.join(", ")}]: a multiple of ${each(n)}`,
      );
    if (length / each(n) !== T)
      throw new RangeError(
        `${n} has ${length / each(n)} tokens, and ${first} has ${T}: ${name} takes as many of each`,
      );
  }
  return T;
}

/** What is wrong with a param or a state of a file. */
export function tensorProblem(
  name: string,
  { shape }: Tensor,
  { parameters, states }: MemoryBuild,
  { B, H }: Extents,
): string[] {
  const parameter = parameters[name];
  const state = states[name];
  const wanted = parameter
    ? [[H, ...parameter]]
    : [
        [H, ...(state ?? [])],
        [B, H, ...(state ?? [])],
      ];
  if (wanted.some((w) => w.length === shape.length && w.every((d, i) => d === shape[i]))) return [];
  return [
    `${name} is [${shape.join(", ")}], and should be [${wanted.map((w) => w.join(", ")).join("] or [")}]`,
  ];
}
