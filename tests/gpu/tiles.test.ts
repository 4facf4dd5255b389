/**
 * Tile forms as kernels, against the f64 interpreter of the rule: RMS ratio ≤ 2e-5, with tails, several spans of tiles,
 * carried states, gates at their edges and poisoned outputs.
 */
import { afterAll, describe, expect, test } from "vitest";
import { elements, interpret } from "../../compiler/derive/interpret.ts";
import { targetFor } from "../../compiler/kernel/target.ts";
import { compileTiles, type Model } from "../../compiler/pipeline.ts";
import { TiledKernel } from "../../runtime/tiles.ts";
import { randomCase, references, type Sizes, type Tensors } from "../numeric/reference/index.ts";
import { errorRatio } from "../support/compare.ts";
import { specModel } from "../support/specs.ts";
import { device } from "./device.ts";

const BOUND = 2e-5;

/** At least one spec of each class, and of each kind of coefficient, link, ring and step. */
const SPECS = (
  process.env.MIRAS_TILE_SPECS ??
  "gated_deltanet,kda,dfw,rwkv7,deltaproduct,ttt_linear,titans,sliding_window_attention"
).split(",");

afterAll(() => device?.destroy());

const rounded = (tensors: Tensors): Map<string, Float64Array> =>
  new Map(Object.entries(tensors).map(([n, t]) => [n, Float64Array.from(Float32Array.from(t.data))]));

async function kernelOf({ rule }: Model, sizes: Sizes): Promise<TiledKernel> {
  if (!device) throw new Error("no device");
  const target = targetFor({
    subgroupSize: device.subgroupSize,
    storageBuffers: device.limits.maxStorageBuffersPerShaderStage,
    workgroupBytes: device.limits.maxComputeWorkgroupStorageSize,
  });
  const code = compileTiles(rule, { dk: sizes.dk, dv: sizes.dv, tokens: sizes.T }, target);
  if (!code) throw new Error("no tile kernels");
  return TiledKernel.create(device, code);
}

describe.skipIf(!device).each(SPECS)("%s", (name) => {
  const model = specModel(name);
  const reference = references.find((r) => r.name === name);
  if (!reference) throw new Error(`no reference for ${name}`);
  const isSquare = reference.requires?.square === true;
  const hasStates = Object.keys(reference.states({ B: 1, T: 1, H: 1, dk: 4, dv: 4 })).length > 0;

  test("is what the rule says", { timeout: 300_000 }, async () => {
    const sizes: Sizes = { B: 2, T: 37, H: 2, dk: 12, dv: isSquare ? 12 : 20 };
    const kernel = await kernelOf(model, sizes);
    try {
      for (const T of [37, 1]) {
        // The sequence is as long as a memory of all tokens is compiled for.
        if (T !== sizes.T && model.rule.states.some((s) => s.shape.some((d) => d.key === "tokens"))) continue;
        const drawn = randomCase(reference, { ...sizes, T }, T, {
          edge: T === 37,
          states: hasStates && T === 37,
          ranges: reference.steady ?? {},
        });
        const data = new Map([...rounded(drawn.inputs), ...rounded(drawn.params)]);
        const states = rounded(drawn.states);
        const { B, H, dk, dv } = sizes;
        const own = { dk, dv, tokens: T };
        const want = interpret(
          model.rule,
          { B, T, H, sizes: own },
          { tokens: data, parameters: data, states },
        );
        const width = elements(model.spec.outputShape, own);
        const got = await kernel.run({ B, T, H }, data, states, width, { poison: true, span: 32 });
        const errors = [
          ["y", errorRatio(got.y, want.y)] as const,
          ...[...want.states].map(([n, s]) => [n, errorRatio(got.states.get(n) ?? [], s)] as const),
        ];
        for (const [n, e] of errors) expect(e, `${n} at T = ${T}`).toBeLessThanOrEqual(BOUND);
      }
    } finally {
      kernel.destroy();
    }
  });
});
