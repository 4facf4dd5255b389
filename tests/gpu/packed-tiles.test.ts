/**
 * Packed sequences in tile kernels are, to an RMS ratio of 2e-5, what the f64 interpreter makes of each of them on its own:
 * with lengths around those of tiles, states given and not, runs of several spans, and poisoned outputs.
 */
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { type Backend, interpreterBackend, type Ran } from "../../cli/backend.ts";
import { webgpuBackend } from "../../cli/webgpu.ts";
import { interpret } from "../../compiler/derive/interpret.ts";
import { targetFor } from "../../compiler/kernel/target.ts";
import { compilePackedTiles, compileTiles, schedules, type TileCode } from "../../compiler/pipeline.ts";
import { validateWgsl } from "../../runtime/node/adapter.ts";
import { TiledKernel } from "../../runtime/tiles.ts";
import { eachAlone, PACKED, packedOf, runOn } from "../support/packed.ts";
import { largest, sequenceOf } from "../support/sequences.ts";
import { specModel, specNames } from "../support/specs.ts";
import { device } from "./device.ts";
import { targets } from "./handmade.ts";

const BOUND = 2e-5;
const RUNS = Number(process.env.MIRAS_GPU_RUNS ?? 12);
/** Turns of a tile, where no chunk says how many. */
const TILE = 8;

/** Each class, and sums that decay. */
const SPECS = [...PACKED, "gla", "retnet"];

const made: TiledKernel[] = [];
afterAll(() => {
  for (const k of made) k.destroy();
  device?.destroy();
});

async function kernelOf(code: TileCode | undefined): Promise<TiledKernel> {
  if (!device) throw new Error("no device");
  if (!code) throw new Error("no tile kernels");
  const kernel = await TiledKernel.create(device, code);
  made.push(kernel);
  return kernel;
}

describe.skipIf(!device).each(SPECS)("%s", (name) => {
  const model = specModel(name);
  const isSquare = model.spec.equalities.required.length > 0;
  const tile = model.spec.chunk ?? Math.max(1, Math.round(TILE / model.spec.steps));
  const lengths = [0, 1, 2, tile - 1, tile, tile + 1, 2 * tile, 3 * tile + 1];
  const sizes = { dk: 8, dv: isSquare ? 8 : 10, tokens: Math.max(...lengths) };

  test.each(targets)("packed sequences are each of them: %s", { timeout: 300_000 }, async (_, target) => {
    const kernel = await kernelOf(compilePackedTiles(model.rule, sizes, target, TILE));
    const plans = fc.record({
      lengths: fc.array(fc.constantFrom(...lengths), { maxLength: 5 }),
      H: fc.integer({ min: 1, max: 3 }),
      isGiven: fc.boolean(),
      seed: fc.nat(),
      span: fc.option(fc.constantFrom(tile, 2 * tile, 3 * tile, 5 * tile), { nil: undefined }),
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
          [
            {
              lengths: [0, 1, 3 * tile + 1, 0, tile, tile + 1],
              H: 3,
              isGiven: true,
              seed: 1,
              span: undefined,
            },
          ],
          [{ lengths: [0, 1, 3 * tile + 1, 0, tile, tile + 1], H: 2, isGiven: true, seed: 1, span: tile }],
          [{ lengths: [2 * tile, 3 * tile + 1, 1], H: 2, isGiven: false, seed: 1, span: 2 * tile }],
        ],
      },
    );
  });
});

describe.skipIf(!device)("a run of packed sequences, tile by tile", () => {
  const name = "gated_deltanet";
  const model = specModel(name);
  const sizes = { dk: 8, dv: 8, tokens: 19 };
  const [, target] = targets[0] as (typeof targets)[number];
  const packed = packedOf(model, name, { lengths: [9, 0, 19, 1], H: 2, isGiven: false, seed: 1 }, sizes);
  const { cuSeqlens = [] } = packed.run;

  test("tells how many of all tokens are done", async () => {
    const kernel = await kernelOf(compilePackedTiles(model.rule, sizes, target, TILE));
    const told: number[] = [];
    const progress = (tokens: number): void => void told.push(tokens);
    await runOn(kernel, model, packed.extents, packed.run, { cuSeqlens, span: 2 * TILE, progress });
    // Turns have tiles of 8, 8 and 1 tokens, of 1 and 8, and of 3: two tiles at a time.
    expect(told).toEqual([16, 18, 29]);
  });

  test("takes many short sequences at once, and more than a dispatch has workgroups", async () => {
    const N = (device?.limits.maxComputeWorkgroupsPerDimension ?? 0) + 5;
    const small = { dk: 2, dv: 2, tokens: 1 };
    const kernel = await kernelOf(compilePackedTiles(model.rule, small, target, TILE));
    const { run } = sequenceOf(model, { B: N, T: 1, H: 1, sizes: small }, 1);
    const extents = { B: 1, T: N, H: 1, sizes: small };
    const told: number[] = [];
    const progress = (tokens: number): void => void told.push(tokens);
    const bounds = Array.from({ length: N + 1 }, (_, n) => n);
    const got = await runOn(kernel, model, extents, run, { cuSeqlens: bounds, progress });
    // How many at once is measured: on any machine far more than a few.
    expect(told.length).toBeLessThan(N / 100);
    const want = interpret(model.rule, { ...extents, B: N, T: 1 }, run);
    expect(largest(got, want)).toBeLessThanOrEqual(BOUND);
  });

  test("needs kernels that are made for it, which run a batch as well", async () => {
    const batch = sequenceOf(model, { B: 2, T: 19, H: 2, sizes }, 1);
    const kernel = await kernelOf(compilePackedTiles(model.rule, sizes, target, TILE));
    const got = await runOn(kernel, model, batch.extents, batch.run);
    expect(largest(got, interpret(model.rule, batch.extents, batch.run))).toBeLessThanOrEqual(BOUND);
    const ordinary = await kernelOf(compileTiles(model.rule, sizes, target, TILE));
    await expect(runOn(ordinary, model, packed.extents, packed.run, { cuSeqlens })).rejects.toThrow(
      /takes no cu_seqlens: make it with compilePackedTiles/,
    );
  });

  test("is refused with bounds that are none", async () => {
    const kernel = await kernelOf(compilePackedTiles(model.rule, sizes, target, TILE));
    await expect(
      runOn(kernel, model, packed.extents, packed.run, { cuSeqlens: [0, 9, 9, 28] }),
    ).rejects.toThrow(/the cu_seqlens of \S+ \S+ ends at 28, and should end with the tokens, at T = 29/);
  });
});

describe("the backend of the command", () => {
  const name = "gated_deltanet";
  const model = specModel(name);
  const { dk, dv } = { dk: 8, dv: 8 };
  const plan = { lengths: [9, 0, 19, 1], H: 2, isGiven: true, seed: 1 };
  const packed = packedOf(model, name, plan, { dk, dv, tokens: 19 });
  const want = eachAlone(model, packed);

  async function ran(backend: Backend): Promise<Ran> {
    try {
      return await backend.run(model, packed.extents, packed.run);
    } finally {
      await backend.close();
    }
  }

  test.skipIf(!device)("runs packed sequences in the parallel form, or as seems quickest", async () => {
    for (const form of ["parallel", "auto"] as const) {
      const got = await ran((await webgpuBackend({ form, poison: true })) as Backend);
      expect(largest(got, want), got.schedule).toBeLessThanOrEqual(BOUND);
      if (form === "parallel") expect(got.schedule).toBe("tiles of 16");
    }
  });

  test("has tiles of packed sequences on the interpreter too, and of none", async () => {
    const got = await ran(interpreterBackend("parallel"));
    expect(got.schedule).toBe("tiles of 16");
    expect(largest(got, want)).toBeLessThanOrEqual(1e-10);
    const run = { ...packed.run, cuSeqlens: [0] };
    const none = await interpreterBackend("parallel").run(model, { ...packed.extents, T: 0 }, run);
    expect([none.y.length, none.states.get("W")?.length]).toEqual([0, 0]);
  });

  test("estimates packed sequences of one length as it does a batch of them", () => {
    const { rule } = specModel("titans");
    const sizes = { dk: 16, dv: 16, tokens: 100 };
    const [, target] = targets[0] as (typeof targets)[number];
    const times = (all: ReturnType<typeof schedules>) =>
      Object.fromEntries(all.map((s) => [s.name, s.nanoseconds.run]));
    const batch = schedules(rule, sizes, target, { B: 3, T: 100, H: 2 });
    const even = schedules(rule, sizes, target, { B: 1, T: 300, H: 2 }, [100, 100, 100]);
    expect(times(even)).toEqual(times(batch));
    // The longest takes its turns, and short ones beside it a tile each.
    const uneven = schedules(rule, sizes, target, { B: 1, T: 102, H: 2 }, [1, 100, 1]);
    const [short, long] = [times(uneven), times(schedules(rule, sizes, target, { B: 1, T: 100, H: 2 }))];
    for (const [way, time] of Object.entries(short)) {
      expect(time, way).toBeGreaterThanOrEqual(long[way] as number);
      expect(time, way).toBeLessThan(times(batch)[way] as number);
    }
  });
});

describe("every tile kernel for packed sequences is valid WGSL within the default limits", () => {
  test.each(specNames)("%s", { timeout: 60_000 }, async (name) => {
    const { rule, spec } = specModel(name);
    const isSquare = spec.equalities.required.length > 0;
    for (const subgroupSize of [undefined, 8]) {
      const target = targetFor({ subgroupSize, storageBuffers: 8, workgroupBytes: 16384 });
      const code = compilePackedTiles(rule, { dk: 16, dv: isSquare ? 16 : 33, tokens: 64 }, target);
      for (const { wgsl, block } of code?.kernels ?? []) {
        expect(block.bindings.length).toBeLessThanOrEqual(8);
        expect(await validateWgsl(wgsl), `${block.name}, subgroups of ${subgroupSize}`).toEqual([]);
      }
    }
  });
});
