/** Token by token with the states on the GPU is what the interpreter makes of the whole sequence: RMS ratio ≤ 1e-5. */
import { afterAll, describe, expect, test } from "vitest";
import { elements, interpret } from "../../compiler/derive/interpret.ts";
import { targetFor } from "../../compiler/kernel/target.ts";
import { compileDecoder } from "../../compiler/pipeline.ts";
import { Decoder } from "../../runtime/decode.ts";
import { randomCase, references, type Sizes, type Tensors } from "../numeric/reference/index.ts";
import { errorRatio } from "../support/compare.ts";
import { specModel } from "../support/specs.ts";
import { device } from "./device.ts";

const BOUND = 1e-5;
/** Longer than a chunk, and no multiple of one. */
const T = 21;

/** Matrices and deep memories, chunks with vector states, several steps, rings, params, and linear systems. */
const SPECS = [
  "gated_deltanet",
  "rwkv6",
  "ttt_linear",
  "titans",
  "deltaproduct",
  "sliding_window_attention",
  "mesanet",
];

afterAll(() => device?.destroy());

const rounded = (tensors: Tensors): Map<string, Float64Array> =>
  new Map(Object.entries(tensors).map(([n, t]) => [n, Float64Array.from(Float32Array.from(t.data))]));

describe.skipIf(!device)("decoding", () => {
  test.each(SPECS)("%s", { timeout: 120_000 }, async (name) => {
    if (!device) return;
    const { rule, spec } = specModel(name);
    const reference = references.find((r) => r.name === name);
    if (!reference) throw new Error(`no reference for ${name}`);
    const isSquare = reference.requires?.square === true;
    const sizes: Sizes = { B: 2, T, H: 2, dk: 12, dv: isSquare ? 12 : 10 };
    const hasStates = Object.keys(reference.states({ B: 1, T: 1, H: 1, dk: 4, dv: 4 })).length > 0;
    const drawn = randomCase(reference, sizes, 5, {
      edge: false,
      states: hasStates,
      ranges: reference.steady ?? {},
    });
    const [tokens, parameters, states] = [drawn.inputs, drawn.params, drawn.states].map(rounded) as [
      Map<string, Float64Array>,
      Map<string, Float64Array>,
      Map<string, Float64Array>,
    ];
    const { B, H, dk, dv } = sizes;
    const own = { dk, dv, tokens: T };
    const want = interpret(rule, { B, T, H, sizes: own }, { tokens, parameters, states });
    const width = elements(spec.outputShape, own);
    const target = targetFor({
      subgroupSize: device.subgroupSize,
      storageBuffers: device.limits.maxStorageBuffersPerShaderStage,
      workgroupBytes: device.limits.maxComputeWorkgroupStorageSize,
    });
    const decoder = await Decoder.create(device, compileDecoder(rule, own, target), {
      B,
      H,
      outputWidth: width,
      chunk: spec.chunk ?? 1,
      parameters,
      states,
    });
    try {
      const y = new Float64Array(B * T * H * width);
      for (let t = 0; t < T; t++) {
        const token = new Map([...tokens].map(([n, x]) => [n, tokenOf(x, B, t)]));
        const got = await decoder.step(token);
        for (let b = 0; b < B; b++)
          y.set(got.subarray(b * H * width, (b + 1) * H * width), (b * T + t) * H * width);
      }
      expect(decoder.tokens).toBe(T);
      expect(errorRatio(y, want.y)).toBeLessThanOrEqual(BOUND);
      const final = await decoder.states();
      for (const [n, s] of want.states)
        expect(errorRatio(final.get(n) ?? [], s), n).toBeLessThanOrEqual(BOUND);
    } finally {
      decoder.destroy();
    }
  });
});

/** Token `t` of each sequence. */
function tokenOf(x: Float64Array, B: number, t: number): Float64Array {
  const width = x.length / (B * T);
  const out = new Float64Array(B * width);
  for (let b = 0; b < B; b++) out.set(x.subarray((b * T + t) * width, (b * T + t + 1) * width), b * width);
  return out;
}
