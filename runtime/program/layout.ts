/** Where the tensors of a program lie in memory: temporaries share it where their lifetimes do not overlap. */
import type { Binding } from "../../compiler/kernel/block.ts";
import type { Dispatch, ProgramParts } from "./parts.ts";

/** Where a tensor lies. */
export interface Place {
  readonly buffer: number;
  /** In bytes. */
  readonly offset: number;
  readonly bytes: number;
}

/** Uniform buffers, and parts of storage buffers, begin at multiples of this. */
export const ALIGNMENT = 256;

/** The tensor whose memory a name means. */
function ownerOf(name: string, { aliases }: ProgramParts): string {
  let owner = name;
  for (let old = aliases?.get(owner); old !== undefined; old = aliases?.get(owner)) owner = old;
  return owner;
}

/** The key under which the place of a binding's tensors is known. */
function boundTo(b: Binding, d: Dispatch, parts: ProgramParts): string {
  const explicit = d.bound?.[b.name];
  if (explicit !== undefined) return explicit;
  const [only] = b.holds;
  if (b.holds.length === 1 && only) return only.name;
  const held = b.holds.map((t) => ownerOf(t.name, parts)).join();
  for (const [name, { tensors }] of parts.groups ?? []) {
    if (tensors.map((t) => ownerOf(t, parts)).join() === held) return name;
  }
  throw new RangeError(
    `${d.code.block.name}: nothing is bound to ${b.name}, and no group holds what it does`,
  );
}

/** Where the tensors of a binding lie. Throws RangeError where nothing is bound to it. */
export function placeOf(
  b: Binding,
  d: Dispatch,
  parts: ProgramParts,
  places: ReadonlyMap<string, Place>,
): Place {
  const name = boundTo(b, d, parts);
  const place = places.get(name);
  if (!place) throw new RangeError(`${d.code.block.name}: there is no tensor ${name} for ${b.name}`);
  return place;
}

/**
 * Where every tensor and group lies, and how large each buffer is, in bytes. Throws RangeError where sizes are missing
 * or disagree.
 */
export function layOut(parts: ProgramParts): { places: Map<string, Place>; sizes: number[] } {
  const { tensors, groups = new Map(), aliases = new Map() } = parts;
  const places = new Map<string, Place>();
  const sizes: number[] = [];
  const bytesOf = (name: string): number => {
    const elements = tensors.get(name);
    if (elements === undefined) throw new RangeError(`${parts.name}: no size is given for ${name}`);
    return (parts.halves?.has(name) ? 2 : 4) * elements;
  };
  const add = (bytes: number): number => sizes.push(rounded(bytes)) - 1;
  for (const [name, { tensors: members, apart }] of groups) {
    let end = 0;
    const buffer = add(0);
    for (const t of members) {
      if (apart) end = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
      places.set(t, { buffer, offset: end, bytes: rounded(bytesOf(t)) });
      end += bytesOf(t);
    }
    sizes[buffer] = rounded(Math.ceil(end / ALIGNMENT) * ALIGNMENT);
    places.set(name, { buffer, offset: 0, bytes: sizes[buffer] as number });
  }
  const shared = parts.poison ? new Map<string, Lifetime>() : lifetimes(parts);
  for (const name of tensors.keys()) {
    if (places.has(name) || aliases.has(name) || shared.has(name)) continue;
    const bytes = bytesOf(name);
    places.set(name, { buffer: add(bytes), offset: 0, bytes: rounded(bytes) });
  }
  for (const [name, place] of share(shared, (name) => rounded(bytesOf(name)), sizes)) places.set(name, place);
  for (const name of aliases.keys()) {
    const owner = ownerOf(name, parts);
    const place = places.get(owner);
    if (!place || bytesOf(owner) !== bytesOf(name))
      throw new RangeError(`${name} cannot lie where ${owner} does: they differ in size`);
    places.set(name, place);
  }
  return { places, sizes };
}

/** A buffer of a size that WebGPU can bind and copy. */
const rounded = (bytes: number): number => Math.max(16, Math.ceil(bytes / 16) * 16);

/** The dispatches of a sequence between which a temporary is in use. */
interface Lifetime {
  readonly sequence: string;
  readonly first: number;
  last: number;
}

/** Of the temporaries that one sequence alone uses. */
function lifetimes(parts: ProgramParts): Map<string, Lifetime> {
  const found = new Map<string, Lifetime>();
  const several = new Set<string>();
  const temporary = parts.temporary ?? new Set();
  const grouped = new Set([...(parts.groups ?? new Map()).values()].flatMap((g) => g.tensors));
  for (const [sequence, list] of Object.entries(parts.sequences)) {
    for (const [i, d] of list.entries()) {
      for (const b of d.code.block.bindings) {
        const name = ownerOf(boundTo(b, d, parts), parts);
        if (!temporary.has(name) || grouped.has(name)) continue;
        const known = found.get(name);
        if (!known) found.set(name, { sequence, first: i, last: i });
        else if (known.sequence === sequence) known.last = i;
        else several.add(name);
      }
    }
  }
  for (const name of several) found.delete(name);
  return found;
}

/**
 * One after the other, each takes the smallest buffer that is free and large enough; or the largest free one, made
 * larger; or a new one.
 */
function share(
  all: ReadonlyMap<string, Lifetime>,
  bytesOf: (name: string) => number,
  sizes: number[],
): Map<string, Place> {
  const places = new Map<string, Place>();
  /** The buffers made here, and when each is free again, in each sequence. */
  const free = new Map<number, Map<string, number>>();
  const ordered = [...all].sort(([, a], [, b]) => a.first - b.first);
  for (const [name, { sequence, first, last }] of ordered) {
    const bytes = bytesOf(name);
    const candidates = [...free].filter(([, until]) => (until.get(sequence) ?? -1) < first).map(([b]) => b);
    candidates.sort((a, b) => (sizes[a] as number) - (sizes[b] as number));
    let buffer = candidates.find((b) => (sizes[b] as number) >= bytes) ?? candidates.at(-1);
    if (buffer === undefined) {
      buffer = sizes.push(bytes) - 1;
      free.set(buffer, new Map());
    }
    sizes[buffer] = Math.max(sizes[buffer] as number, bytes);
    free.get(buffer)?.set(sequence, last);
    places.set(name, { buffer, offset: 0, bytes });
  }
  return places;
}
