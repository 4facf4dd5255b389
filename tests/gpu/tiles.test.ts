/**
 * Tile forms as kernels, against the f64 interpreter of the rule: RMS ratio ≤ 2e-5, or what rounding explains, with tiles of any length, tails,
 * several spans of tiles, carried states, gates at their edges and poisoned outputs.
 */
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { tolerance } from "../../cli/fuzz/rounding.ts";
import { elements, interpret } from "../../compiler/derive/interpret.ts";
import { targetFor } from "../../compiler/kernel/target.ts";
import { compileTiles, type Model } from "../../compiler/pipeline.ts";
import { TiledKernel } from "../../runtime/tiles.ts";
import { randomCase, referenceFor, type Sizes, type Tensors } from "../numeric/reference/index.ts";
import { errorRatio } from "../support/compare.ts";
import { specModel } from "../support/specs.ts";
import { device } from "./device.ts";

const BOUND = 2e-5;
/** Half a unit in the last place of an f32. */
const ROUNDING = 2 ** -24;
/** Each compiles anew, which takes seconds on a software adapter. */
const RUNS = Number(process.env.MIRAS_GPU_RUNS ?? 2);

/** At least one spec of each class, and of each kind of coefficient, link, ring and step. */
const SPECS = (
  process.env.MIRAS_TILE_SPECS ??
  "gated_deltanet,kda,dfw,rwkv7,deltaproduct,ttt_linear,titans,sliding_window_attention"
).split(",");

afterAll(() => device?.destroy());

const rounded = (tensors: Tensors): Map<string, Float64Array> =>
  new Map(Object.entries(tensors).map(([n, t]) => [n, Float64Array.from(Float32Array.from(t.data))]));

async function kernelOf({ rule }: Model, sizes: Sizes, tile: number): Promise<TiledKernel> {
  if (!device) throw new Error("no device");
  const target = targetFor({
    subgroupSize: device.subgroupSize,
    storageBuffers: device.limits.maxStorageBuffersPerShaderStage,
    workgroupBytes: device.limits.maxComputeWorkgroupStorageSize,
  });
  const code = compileTiles(rule, { dk: sizes.dk, dv: sizes.dv, tokens: sizes.T }, target, tile);
  if (!code) throw new Error("no tile kernels");
  return TiledKernel.create(device, code);
}

const cases = fc.record({
  tile: fc.constantFrom(8, 16, 32, 64),
  dk: fc.constantFrom(3, 12, 16),
  dv: fc.constantFrom(5, 12, 20),
  B: fc.integer({ min: 1, max: 2 }),
  H: fc.integer({ min: 1, max: 3 }),
  T: fc.integer({ min: 2, max: 70 }),
  edge: fc.boolean(),
  states: fc.boolean(),
  seed: fc.nat(1e6),
});

describe.skipIf(!device).each(SPECS)("%s", (name) => {
  const model = specModel(name);
  const reference = referenceFor(name);
  const isSquare = reference.requires?.square === true;
  const hasStates = Object.keys(reference.states({ B: 1, T: 1, H: 1, dk: 4, dv: 4 })).length > 0;
  // A memory of all tokens is compiled for as many as there are.
  const isAsLong = model.rule.states.some((s) => s.shape.some((d) => d.key === "tokens"));

  test("is what the rule says", { timeout: 300_000 }, async () => {
    const property = fc.asyncProperty(cases, async ({ tile, dk, edge, states, seed, ...c }) => {
      const sizes: Sizes = { B: c.B, T: c.T, H: c.H, dk, dv: isSquare ? dk : c.dv };
      const kernel = await kernelOf(model, sizes, tile);
      try {
        for (const T of isAsLong ? [c.T] : [c.T, 1, 0]) {
          const drawn = randomCase(reference, { ...sizes, T }, seed, {
            edge,
            states: hasStates && states,
            ranges: reference.steady ?? {},
          });
          const data = new Map([...rounded(drawn.inputs), ...rounded(drawn.params)]);
          const given = rounded(drawn.states);
          const { B, H, dv } = sizes;
          const own = { dk, dv, tokens: T };
          const run = { tokens: data, parameters: data, states: given };
          const extents = { B, T, H, sizes: own };
          const want = interpret(model.rule, extents, run);
          const width = elements(model.spec.outputShape, own);
          const got = await kernel.run({ B, T, H }, data, given, width, { poison: true, span: 2 * tile });
          expect(got.y.length).toBe(want.y.length);
          const errors = [
            ["y", errorRatio(got.y, want.y)] as const,
            ...[...want.states].map(([n, s]) => [n, errorRatio(got.states.get(n) ?? [], s)] as const),
          ];
          if (errors.every(([, e]) => e <= BOUND)) continue;
          // A memory that amplifies: what rounding does to the exact result explains a larger error.
          const bound = Math.max(BOUND, tolerance(model, { extents, run }, want, ROUNDING));
          console.log(`${name}, T = ${T}, dk = ${dk}: rounding alone explains ${bound.toExponential(1)}`);
          for (const [n, e] of errors) expect(e, `${n} at T = ${T}`).toBeLessThanOrEqual(bound);
        }
      } finally {
        kernel.destroy();
      }
    });
    await fc.assert(property, { numRuns: RUNS, interruptAfterTimeLimit: 200_000, endOnFailure: true });
  });
});
