/** What a built network refuses, and the files that it takes and gives. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Network } from "../../runtime/built-network.ts";
import { readSafetensors, writeSafetensors } from "../../runtime/safetensors.ts";
import { builtSmall, SIZES, taskOf } from "../support/built-network.ts";
import type { NetworkClass } from "../support/network-module.ts";
import { device } from "./device.ts";

const folder = mkdtempSync(join(tmpdir(), "miras-network-"));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  device?.destroy();
});

const { tokens, targets } = taskOf(4);
const batch = { tokens, targets };
const count = SIZES.B * SIZES.T;

describe.skipIf(!device)("a built network", () => {
  let made: NetworkClass & { readonly parameters: Readonly<Record<string, readonly number[]>> };
  let network: Network;
  const create = (seed?: number): Promise<Network> => {
    if (!device) throw new Error("no device");
    return made.create(device, SIZES, seed === undefined ? undefined : { seed });
  };

  beforeAll(async () => {
    made = (await builtSmall(folder)).Small as typeof made;
    network = await create();
  }, 120_000);
  afterAll(() => network.destroy());

  test("refuses sizes that were not built, and seeds that are none", async () => {
    if (!device) return;
    await expect(made.create(device, { B: 2, T: 20 })).rejects.toThrow(
      "Small was built for B = 2, T = 19, and not for B = 2, T = 20: choose one of these, or build it with --sizes",
    );
    await expect(create(0.5)).rejects.toThrow(/a seed should be a whole number/);
  });

  test("refuses batches of another length, tokens that there are not, and rates that are none", async () => {
    const with_ = (at: number, value: number): number[] => tokens.with(at, value) as number[];
    await expect(network.forward([1, 2])).rejects.toThrow(
      `tokens has 2 numbers, and Small takes [2, 19]: ${count}`,
    );
    await expect(network.forward(with_(3, 11))).rejects.toThrow(
      "tokens[3] is 11, and should be a whole number from 0 to 10",
    );
    await expect(network.measure({ tokens: with_(0, -1), targets })).rejects.toThrow(/tokens\[0\] is -1/);
    await expect(network.measure({ tokens, targets: with_(5, -2) })).rejects.toThrow(
      "targets[5] is -2, and should be a whole number from -1 to 10",
    );
    await expect(network.step(batch, { learningRate: Number.NaN })).rejects.toThrow(/learningRate is NaN/);
  });

  test("the same seed gives the same weights, under the names that the class lists", async () => {
    const first = await network.save();
    const again = await create(1);
    expect(await again.save()).toEqual(first);
    const { tensors } = readSafetensors(first);
    expect(Object.fromEntries([...tensors].map(([n, t]) => [n, t.shape]))).toEqual(made.parameters);
    again.destroy();
  });

  test("calls that overlap run in their order, and what is loaded goes back to where it was", async () => {
    const start = await network.save();
    const [before, stepped, after] = await Promise.all([
      network.measure(batch),
      network.step(batch, { learningRate: 1e-2 }),
      network.measure(batch),
    ]);
    expect(stepped.loss).toBe(before.loss);
    expect(after.loss).toBeLessThan(before.loss);
    const carried = [...readSafetensors(await network.save()).tensors.keys()];
    expect(carried).toContain("optimizer/embedding.moment 1");
    await network.load(start);
    expect(await network.measure(batch)).toEqual(before);
    expect([...readSafetensors(await network.save()).tensors.keys()]).toEqual(Object.keys(made.parameters));
  });

  test("what comes after a token changes nothing of what is read there", async () => {
    const whole = await network.forward(tokens);
    const other = await network.forward(tokens.map((t, i) => (i % SIZES.T < 7 ? t : (t + 1) % 11)));
    expect(other.slice(0, 7 * 11)).toEqual(whole.slice(0, 7 * 11));
    expect(other.slice(7 * 11, 8 * 11)).not.toEqual(whole.slice(7 * 11, 8 * 11));
  });

  test("refuses files that do not fit, and stays as it was", async () => {
    const before = await network.measure(batch);
    const { tensors } = readSafetensors(await network.save());
    const file = (change: (all: typeof tensors) => void): Uint8Array => {
      const all = new Map(tensors);
      change(all);
      return writeSafetensors(all);
    };
    await expect(network.load(new Uint8Array(3))).rejects.toThrow(/the file has 3 bytes/);
    await expect(network.load(file((all) => all.delete("embedding")))).rejects.toThrow(
      /Small is missing embedding/,
    );
    await expect(
      network.load(file((all) => all.set("more", { shape: [1], data: Float32Array.of(1) }))),
    ).rejects.toThrow(/Small does not know more/);
    const turned = { shape: [12, 11], data: new Float32Array(132) };
    await expect(network.load(file((all) => all.set("embedding", turned)))).rejects.toThrow(
      "embedding is [12, 11], and should be [11, 12]",
    );
    expect(await network.measure(batch)).toEqual(before);
  });
});
