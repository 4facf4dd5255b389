/** The safetensors file of a memory: its params, its states, and how many tokens those have read. */
import type { MemoryBuild, MemoryCode, Shapes } from "./memory-code.ts";
import { readSafetensors, type Tensor, writeSafetensors } from "./safetensors.ts";
import { checkNames, type Extents, tensorProblem } from "./shapes.ts";

export type Tensors = ReadonlyMap<string, Float32Array>;

/** What such a file holds. */
export interface Held {
  /** `[H, …]` */
  readonly parameters: Tensors;
  /** `[B, H, …]` */
  readonly states: Tensors;
  readonly read: number;
}

/** Its name in the metadata. */
const TOKENS = "tokens";

/** States may be `[H, …]` in the file, the same for all sequences. Throws SafetensorsError, or RangeError on what does not fit. */
export function readMemory(bytes: Uint8Array, code: MemoryCode, build: MemoryBuild, extents: Extents): Held {
  const { tensors, metadata } = readSafetensors(bytes);
  const parameters = Object.keys(build.parameters);
  const known = [...parameters, ...Object.keys(build.states)];
  checkNames(code.name, tensors.keys(), known, [...parameters, ...code.learned]);
  const problems = [...tensors].flatMap(([name, tensor]) => tensorProblem(name, tensor, build, extents));
  if (problems.length > 0) throw new RangeError(`${code.name} cannot load this: ${problems.join("; ")}`);
  const taken = (shapes: Shapes, of: (tensor: Tensor, shape: readonly number[]) => Float32Array): Tensors =>
    new Map(
      Object.entries(shapes).flatMap(([name, shape]) => {
        const tensor = tensors.get(name);
        return tensor ? [[name, of(tensor, shape)] as const] : [];
      }),
    );
  const read = Number(metadata.get(TOKENS));
  return {
    parameters: taken(build.parameters, ({ data }) => Float32Array.from(data)),
    states: taken(build.states, (tensor, shape) => spread(tensor, shape, extents)),
    read: Number.isSafeInteger(read) && read > 0 ? read : 0,
  };
}

function spread({ shape, data }: Tensor, own: readonly number[], { B }: Extents): Float32Array {
  const numbers = Float32Array.from(data);
  if (shape.length !== own.length + 1) return numbers;
  const all = new Float32Array(B * numbers.length);
  for (let b = 0; b < B; b++) all.set(numbers, b * numbers.length);
  return all;
}

export function writeMemory(
  { parameters, states, read }: Held,
  { name }: MemoryCode,
  build: MemoryBuild,
  { B, H }: Extents,
): Uint8Array<ArrayBuffer> {
  const shaped = (all: Tensors, lead: readonly number[], shapes: Shapes): [string, Tensor][] =>
    [...all].map(([n, data]) => [n, { shape: [...lead, ...(shapes[n] ?? [])], data }]);
  return writeSafetensors(
    [...shaped(parameters, [H], build.parameters), ...shaped(states, [B, H], build.states)],
    new Map([
      ["model", name],
      [TOKENS, String(read)],
    ]),
  );
}
