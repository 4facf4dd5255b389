/**
 * Tile forms as kernels, against the f64 interpreter of the rule: RMS ratio ≤ 2e-5, or what rounding explains, with tiles of any length, tails,
 * several spans of tiles, carried states, gates at their edges and poisoned outputs.
 */
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { tolerance } from "../../cli/fuzz/rounding.ts";
import { type Data, elements, interpret } from "../../compiler/derive/interpret.ts";
import { targetFor } from "../../compiler/kernel/target.ts";
import type { Sizes } from "../../compiler/math/axis.ts";
import { compileTiles, type Model } from "../../compiler/pipeline.ts";
import { TiledKernel } from "../../runtime/tiles.ts";
import { largest, sequenceOf } from "../support/sequences.ts";
import { sizesOf, tiled } from "../support/tiles.ts";
import { device } from "./device.ts";

const BOUND = 2e-5;
/** Half a unit in the last place of an f32. */
const ROUNDING = 2 ** -24;
/** Each compiles anew, which takes seconds on a software adapter. */
const RUNS = Number(process.env.MIRAS_GPU_RUNS ?? 2);

/** At least one model of each class, and of each kind of coefficient, link, ring, window and step. */
const MODELS = (
  process.env.MIRAS_TILE_MODELS ??
  "GatedDeltaNet,KDA,DecayingFastWeights,RWKV7,DeltaProduct,TTTLinear,Titans,SlidingWindowAttention,Omega"
).split(",");

afterAll(() => device?.destroy());

const rounded = (data: Data): Map<string, Float64Array> =>
  new Map([...data].map(([n, x]) => [n, Float64Array.from(Float32Array.from(x))]));

async function kernelOf({ rule }: Model, sizes: Sizes, tile: number): Promise<TiledKernel> {
  if (!device) throw new Error("no device");
  const target = targetFor({
    subgroupSize: device.subgroupSize,
    storageBuffers: device.limits.maxStorageBuffersPerShaderStage,
    workgroupBytes: device.limits.maxComputeWorkgroupStorageSize,
  });
  const code = compileTiles(rule, sizes, target, tile);
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

const chosen = tiled.filter((t) => MODELS.includes(t.name) || MODELS[0] === "all");

test("there are such models", () => {
  if (MODELS[0] !== "all") expect(chosen.map((t) => t.name).sort()).toEqual([...MODELS].sort());
});

describe.skipIf(!device).each(chosen)("$name", ({ name, model, ranges }) => {
  // A memory of all tokens is compiled for as many as there are.
  const isAsLong = model.rule.states.some((s) => s.shape.some((d) => d.key === "tokens"));
  const chunk = model.spec.chunk ?? 7;

  test("is what the rule says", { timeout: 300_000 }, async () => {
    const property = fc.asyncProperty(cases, async ({ tile, dk, dv, B, H, edge, states, seed, ...c }) => {
      const before = states && !isAsLong ? chunk : 0;
      const sizes = { ...sizesOf(model, dk, dv), tokens: c.T };
      const kernel = await kernelOf(model, sizes, tile);
      try {
        for (const T of isAsLong ? [c.T] : [c.T, 1, 0]) {
          const options = { edge, before, ranges: ranges(before + T) };
          const drawn = sequenceOf(model, { B, T, H, sizes: { ...sizes, tokens: T } }, seed, options);
          const { tokens, parameters, states: given } = drawn.run;
          const run = { tokens: rounded(tokens), parameters: rounded(parameters), states: rounded(given) };
          const extents = { B, T, H, sizes: { ...sizes, tokens: T } };
          const want = interpret(model.rule, extents, run);
          const width = elements(model.spec.outputShape, sizes);
          const data = new Map([...run.tokens, ...run.parameters]);
          const got = await kernel.run({ B, T, H }, data, run.states, width, {
            poison: true,
            span: 2 * tile,
          });
          expect(got.y.length).toBe(want.y.length);
          const doubles = [...got.states].map(([n, x]): [string, Float64Array] => [n, Float64Array.from(x)]);
          const error = largest({ y: Float64Array.from(got.y), states: new Map(doubles) }, want);
          if (error <= BOUND) continue;
          // A memory that amplifies: what rounding does to the exact result explains a larger error.
          const bound = Math.max(BOUND, tolerance(model, { extents, run }, want, ROUNDING));
          console.log(`${name}, T = ${T}, dk = ${dk}: rounding alone explains ${bound.toExponential(1)}`);
          expect(error, `T = ${T}`).toBeLessThanOrEqual(bound);
        }
      } finally {
        kernel.destroy();
      }
    });
    await fc.assert(property, { numRuns: RUNS, interruptAfterTimeLimit: 200_000, endOnFailure: true });
  });
});
