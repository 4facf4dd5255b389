/** Runs `miras apply` on tensors, and writes files of them in further types of numbers. */
import { existsSync } from "node:fs";
import { expect } from "vitest";
import type { Data } from "../../compiler/derive/interpret.ts";
import type { Tensor } from "../../runtime/safetensors.ts";
import { miras, scratch, tensor, tensors } from "./support.ts";

/** Sizes of all that is applied, each different from the others. */
export const [B, T, H, dk, dv] = [2, 5, 3, 4, 6];
/** Of a gate: within (0, 1). */
export const rate = (i: number): number => 0.5 + 0.4 * Math.sin(i);
/** What gated_deltanet takes. */
export const good = (): Record<string, Tensor> => ({
  q: tensor([B, T, H, dk]),
  k: tensor([B, T, H, dk], (i) => Math.cos(i) / 2),
  v: tensor([B, T, H, dv]),
  alpha: tensor([B, T, H], rate),
  beta: tensor([B, T, H], rate),
});

export const doubles = (all: Readonly<Record<string, Tensor>>): Data =>
  new Map(Object.entries(all).map(([name, t]) => [name, Float64Array.from(t.data)]));

let runs = 0;

/** Applies gated_deltanet to tensors; the output must exist exactly if the command went well. */
export async function apply(given: Readonly<Record<string, Tensor>> | string, ...more: readonly string[]) {
  const input = typeof given === "string" ? given : tensors(`in${runs}.safetensors`, given);
  const output = scratch(`out${runs++}.safetensors`);
  const common = ["--input", input, "--output", output, "--device", "interpreter"];
  const spec = more.find((m) => m.endsWith(".miras")) ?? "specs/gated_deltanet.miras";
  const ran = await miras("apply", spec, ...common, ...more.filter((m) => m !== spec));
  expect(existsSync(output), ran.err).toBe(ran.code === 0);
  return { ...ran, output };
}

/** The command must refuse this, with a message that holds all of these parts. */
export async function refuses(
  given: Readonly<Record<string, Tensor>> | string,
  ...parts: readonly (string | RegExp)[]
) {
  const { code, err, out } = await apply(given);
  expect(code, err).toBe(2);
  expect(out).toBe("");
  for (const part of parts)
    expect(err).toMatch(
      part instanceof RegExp ? part : new RegExp(part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")),
    );
}

interface Typed {
  readonly shape: readonly number[];
  readonly data: Tensor["data"] | Int32Array | BigInt64Array;
}

const dtypes = new Map<unknown, string>([
  [Float32Array, "F32"],
  [Float64Array, "F64"],
  [Int32Array, "I32"],
  [BigInt64Array, "I64"],
]);

/** As writeSafetensors, with all data kept as it is. */
export function wide(all: Readonly<Record<string, Typed>>): Uint8Array {
  const parts: Buffer[] = [];
  let end = 0;
  const header = Object.entries(all).map(([name, { shape, data }]) => {
    const begin = end;
    parts.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    end += data.byteLength;
    const dtype = dtypes.get(data.constructor);
    return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`;
  });
  const text = Buffer.from(`{${header.join(",")}}`);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...parts]);
}
