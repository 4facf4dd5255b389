/** Built modules in Node: what their classes read and hold is what the interpreter says. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tolerance } from "../../cli/fuzz/rounding.ts";
import type { Device } from "../../runtime/device.ts";
import { writeSafetensors } from "../../runtime/safetensors.ts";
import { errorRatio } from "../support/compare.ts";
import type { Task, Told } from "../support/exercise.ts";
import { bundleOf, caseOf, together } from "../support/modules.ts";
import { device } from "./device.ts";

const BOUND = 2e-5;
/** Half a unit in the last place of an f32. */
const ROUNDING = 2 ** -24;

/** A plain one; with params; with steps; deep ones in chunks, which learn where they start; and memories of tokens. */
const SPECS = ["gated_deltanet", "mesanet", "deltaproduct", "titans", "ttt_mlp", "attention"];

const folder = mkdtempSync(join(tmpdir(), "miras-memory-"));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  device?.destroy();
});

type AnyClass = {
  create(
    device: Device,
    sizes: object,
  ): Promise<{
    forward(inputs: object): Promise<{ readonly y: Float32Array }>;
    step(inputs: object): Promise<Float32Array>;
    init(states?: object): Promise<void>;
    load(bytes: Uint8Array): Promise<void>;
    save(): Promise<Uint8Array>;
    destroy(): void;
  }>;
};

interface Module {
  exercise(classes: unknown, device: Device, task: Task): Promise<Told>;
}
let module: Module;

describe.skipIf(!device)("a built module", () => {
  beforeAll(async () => {
    const path = join(folder, "all.mjs");
    writeFileSync(path, await bundleOf(SPECS, "dk=12,dv=12,tokens=37"));
    module = await import(pathToFileURL(path).href);
  });

  // Inside a chunk, where one ends, and from the very start; with the kernels for this adapter, and with those for any.
  test.each([
    ...SPECS.map((spec) => [spec, 19, "its own"] as const),
    ...["titans", "attention"].map((spec) => [spec, 32, "its own"] as const),
    ...["gated_deltanet", "ttt_mlp"].map((spec) => [spec, 0, "its own"] as const),
    ...["gated_deltanet", "titans"].map((spec) => [spec, 19, "any"] as const),
  ])("of %s, after %i tokens, with kernels for %s adapter", async (spec, forward, kernels) => {
    const own = spec === "attention" ? { tokens: 37 } : {};
    const made = caseOf(spec, { B: 2, H: 2, dk: 12, dv: 12, forward, steps: 5 }, own);
    const found = device as Device;
    const used = kernels === "any" ? { ...found, subgroupSize: undefined } : found;
    const told = await module.exercise(module, used, made.task);
    const errors = [
      ["y", errorRatio(together(made, told), made.want.y)] as const,
      ...[...made.want.states].map(([n, s]) => [n, errorRatio(told.states[n] ?? [], s)] as const),
    ];
    const isOver = errors.some(([, e]) => e > BOUND);
    const bound = isOver ? Math.max(BOUND, tolerance(made.model, made.whole, made.want, ROUNDING)) : BOUND;
    for (const [name, e] of errors) expect(e, name).toBeLessThanOrEqual(bound);
    // Saved and loaded, it goes on as it did.
    if (forward % (made.model.spec.chunk ?? 1) === 0) expect(told.again).toEqual(told.steps);
    else expect(told.again).toEqual([]);
  });

  test("what does not fit is said, and the memory goes on", async () => {
    const { GatedDeltaNet, MesaNet, Titans, Attention } = module as unknown as Record<string, AnyClass>;
    const create = (of: AnyClass | undefined, sizes: object) =>
      (of as AnyClass).create(device as Device, { H: 1, dk: 12, dv: 12, ...sizes });
    await expect(create(GatedDeltaNet, { dv: 13 })).rejects.toThrow(
      /was built for dk = 12, dv = 12, and not for/,
    );
    await expect(create(GatedDeltaNet, { H: 0 })).rejects.toThrow(
      "H is 0, and should be a whole number from 1 on",
    );

    const some = (n: number) => new Float32Array(n).fill(0.5);
    const token = { q: some(12), k: some(12), v: some(12), alpha: some(1), beta: some(1) };
    const plain = await create(GatedDeltaNet, {});
    const { q, ...without } = token;
    await expect(plain.forward(without)).rejects.toThrow("is missing q; it takes q, k, v, alpha, beta");
    await expect(plain.forward({ ...token, x: q })).rejects.toThrow("does not know x");
    await expect(plain.forward({ ...token, k: some(13) })).rejects.toThrow(
      "k has 13 numbers, and GatedDeltaNet takes [1, T, 1, 12]: a multiple of 12",
    );
    await expect(plain.forward({ ...token, v: some(24) })).rejects.toThrow("v has 2 tokens, and q has 1");
    await expect(plain.init({ W: some(3) })).rejects.toThrow(
      "W has 3 numbers, and a state [1, 1, 12, 12] has 144",
    );
    const two = { q: some(24), k: some(24), v: some(24), alpha: some(2), beta: some(2) };
    await expect(plain.step(two)).rejects.toThrow("step reads one token, and was given 2");
    const { y } = await plain.forward(two);
    await plain.init();
    expect([...(await plain.step(token)), ...(await plain.step(token))]).toEqual([...y]);
    await expect(plain.load(new Uint8Array(3))).rejects.toThrow(/it is cut short, or not safetensors/);
    const wrong = writeSafetensors([["W", { shape: [1, 12, 11], data: some(132) }]]);
    await expect(plain.load(wrong)).rejects.toThrow(
      "W is [1, 12, 11], and should be [1, 12, 12] or [1, 1, 12, 12]",
    );
    plain.destroy();

    const withParams = await create(MesaNet, {});
    await expect(withParams.step(token)).rejects.toThrow("nothing brought lambda: give them to load");
    withParams.destroy();
    const deep = await create(Titans, {});
    await expect(deep.save()).resolves.toBeDefined();
    await expect(deep.forward({ ...without, q })).rejects.toThrow(
      /is missing eta, theta and does not know beta/,
    );
    deep.destroy();
    const long = await create(Attention, { tokens: 37 });
    await expect(long.forward({ q: some(12 * 38), k: some(12 * 38), v: some(12 * 38) })).rejects.toThrow(
      "Attention was built for 37 tokens, and this would be token 38",
    );
    long.destroy();
  });
});
