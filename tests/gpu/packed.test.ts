/**
 * Packed sequences in a kernel are, to an RMS ratio of 1e-5, what the f64 interpreter makes of each of them on its own:
 * with lengths of 0 and 1, states given and not, runs of several spans, and poisoned outputs.
 */
import fc from "fast-check";
import { afterAll, describe, expect, test, vi } from "vitest";
import type { Backend } from "../../cli/backend.ts";
import { webgpuBackend } from "../../cli/webgpu.ts";
import { interpret } from "../../compiler/derive/interpret.ts";
import { targetFor } from "../../compiler/kernel/target.ts";
import { compileKernel, compilePacked, type Kernel } from "../../compiler/pipeline.ts";
import { validateWgsl } from "../../runtime/node/adapter.ts";
import { RecurrentKernel } from "../../runtime/recurrent.ts";
import { miras, scratch, tensor, tensors } from "../cli/support.ts";
import { eachAlone, PACKED, packedOf, runOn } from "../support/packed.ts";
import { largest, sequenceOf } from "../support/sequences.ts";
import { specModel, specNames } from "../support/specs.ts";
import { device } from "./device.ts";
import { targets } from "./handmade.ts";

const BOUND = 1e-5;
const RUNS = Number(process.env.MIRAS_GPU_RUNS ?? 12);
const LENGTHS = [0, 1, 2, 5, 16, 17, 33];

const made: RecurrentKernel[] = [];
afterAll(() => {
  for (const k of made) k.destroy();
  device?.destroy();
});

async function kernelOf(code: Kernel): Promise<RecurrentKernel> {
  if (!device) throw new Error("no device");
  const kernel = await RecurrentKernel.create(device, code);
  made.push(kernel);
  return kernel;
}

describe.skipIf(!device).each(PACKED)("%s", (name) => {
  const model = specModel(name);
  const isSquare = model.spec.equalities.required.length > 0;
  const sizes = { dk: 8, dv: isSquare ? 8 : 10, tokens: Math.max(...LENGTHS) };
  const quantum = model.spec.chunk ?? 1;

  test.each(targets)("packed sequences are each of them: %s", { timeout: 300_000 }, async (_, target) => {
    const kernel = await kernelOf(compilePacked(model.rule, sizes, target));
    const plans = fc.record({
      lengths: fc.array(fc.constantFrom(...LENGTHS), { maxLength: 5 }),
      H: fc.integer({ min: 1, max: 3 }),
      isGiven: fc.boolean(),
      seed: fc.nat(),
      span: fc.option(fc.constantFrom(quantum, 2 * quantum), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(plans, async ({ span, ...plan }) => {
        const packed = packedOf(model, name, plan, sizes);
        const { cuSeqlens = [] } = packed.run;
        const options = { cuSeqlens, ...(span ? { span } : {}) };
        const got = await runOn(kernel, model, packed.extents, packed.run, options);
        expect(largest(got, eachAlone(model, packed))).toBeLessThanOrEqual(BOUND);
      }),
      {
        numRuns: RUNS,
        examples: [
          [{ lengths: [], H: 1, isGiven: false, seed: 1, span: undefined }],
          [{ lengths: [0, 0], H: 2, isGiven: true, seed: 1, span: undefined }],
          [{ lengths: [0, 1, 33, 0, 17], H: 2, isGiven: true, seed: 1, span: quantum }],
        ],
      },
    );
  });
});

describe.skipIf(!device)("a run of packed sequences", () => {
  const name = "gated_deltanet";
  const model = specModel(name);
  const sizes = { dk: 8, dv: 8, tokens: 9 };
  const [, target] = targets[0] as (typeof targets)[number];
  const packed = packedOf(model, name, { lengths: [9, 0, 4, 1], H: 2, isGiven: false, seed: 1 }, sizes);
  const { cuSeqlens = [] } = packed.run;

  test("is one dispatch a span, however many they are", async () => {
    const kernel = await kernelOf(compilePacked(model.rule, sizes, target));
    const encoders = vi.spyOn(device?.gpu as GPUDevice, "createCommandEncoder");
    await runOn(kernel, model, packed.extents, packed.run, { cuSeqlens, span: 3 });
    const dispatches = encoders.mock.calls.filter(([given]) => given?.label === model.spec.name);
    encoders.mockRestore();
    expect(dispatches).toHaveLength(3);
  });

  test("tells how many of all tokens are done", async () => {
    const kernel = await kernelOf(compilePacked(model.rule, sizes, target));
    const told: number[] = [];
    const progress = (tokens: number): void => void told.push(tokens);
    await runOn(kernel, model, packed.extents, packed.run, { cuSeqlens, span: 3, progress });
    expect(told).toEqual([7, 11, 14]);
  });

  test("is what the backend of the command runs", async () => {
    const backend = (await webgpuBackend({ poison: true })) as Backend;
    const none = { ...packed.extents, T: 0 };
    const empty = await backend.run(model, none, { ...packed.run, cuSeqlens: [0, 0, 0] });
    expect(empty.states.get("W")).toHaveLength(2 * 2 * 8 * 8);
    const got = await backend.run(model, packed.extents, packed.run);
    expect(largest(got, eachAlone(model, packed))).toBeLessThanOrEqual(BOUND);
    await backend.close();
  });

  test("is refused where it takes more than the device has, which is no bug", async () => {
    const N = (device?.limits.maxComputeWorkgroupsPerDimension ?? 0) + 1;
    const one = tensor([1, 1, 1, 1]);
    const gate = tensor([1, 1, 1], () => 0.5);
    const cu_seqlens = tensor([N + 1], (i) => Number(i === N));
    const input = tensors("many.safetensors", {
      q: one,
      k: one,
      v: one,
      alpha: gate,
      beta: gate,
      cu_seqlens,
    });
    const files = ["--input", input, "--output", scratch("many-out.safetensors")];
    const ran = await miras("apply", `specs/${name}.miras`, ...files, "--device", "webgpu");
    expect(ran).toMatchObject({
      code: 69,
      err: expect.stringContaining(`error: sequences: ${N}, heads: 1; `),
    });
  });

  test("needs a kernel that is made for it, which runs a batch as well", async () => {
    const batch = sequenceOf(model, { B: 2, T: 9, H: 2, sizes }, 1);
    const kernel = await kernelOf(compilePacked(model.rule, sizes, target));
    const got = await runOn(kernel, model, batch.extents, batch.run);
    expect(largest(got, interpret(model.rule, batch.extents, batch.run))).toBeLessThanOrEqual(BOUND);
    const ordinary = await kernelOf(compileKernel(model.rule, sizes, target));
    await expect(runOn(ordinary, model, packed.extents, packed.run, { cuSeqlens })).rejects.toThrow(
      /takes no cu_seqlens: make it with compilePacked/,
    );
  });

  test("is refused with bounds that are none", async () => {
    const kernel = await kernelOf(compilePacked(model.rule, sizes, target));
    await expect(
      runOn(kernel, model, packed.extents, packed.run, { cuSeqlens: [0, 9, 9, 13] }),
    ).rejects.toThrow(/the cu_seqlens of \S+ ends at 13, and should end with the tokens, at T = 14/);
  });
});

describe("every kernel for packed sequences is valid WGSL within the default limits", () => {
  test.each(specNames)("%s", { timeout: 60_000 }, async (name) => {
    const { rule, spec } = specModel(name);
    const isSquare = spec.equalities.required.length > 0;
    for (const subgroupSize of [undefined, 8]) {
      const target = targetFor({ subgroupSize, storageBuffers: 8, workgroupBytes: 16384 });
      const { wgsl, block } = compilePacked(rule, { dk: 16, dv: isSquare ? 16 : 33, tokens: 64 }, target);
      expect(block.bindings.length).toBeLessThanOrEqual(8);
      expect(await validateWgsl(wgsl), `${name}, subgroups of ${subgroupSize}`).toEqual([]);
    }
  });
});
