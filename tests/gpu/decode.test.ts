/**
 * Token by token with the states on the GPU, from the start and after a prefix that the recurrent kernel runs, is what
 * the interpreter makes of the whole sequence: RMS ratio ≤ 1e-5, or what measured rounding explains.
 */
import { afterAll, describe, expect, test } from "vitest";
import { tolerance } from "../../cli/fuzz/rounding.ts";
import { targetOf } from "../../cli/webgpu.ts";
import { type Data, elements, interpret } from "../../compiler/derive/interpret.ts";
import { compileDecoder, compileKernel, type Model } from "../../compiler/pipeline.ts";
import { Decoder } from "../../runtime/decode.ts";
import type { Device } from "../../runtime/device.ts";
import { RecurrentKernel } from "../../runtime/recurrent.ts";
import { type Reference, referenceFor, type Tensors } from "../numeric/reference/index.ts";
import { caseFor, takesStates } from "../support/cases.ts";
import { errorRatio } from "../support/compare.ts";
import { type Sequence, slice, split } from "../support/sequences.ts";
import { specModel, specNames } from "../support/specs.ts";
import { device } from "./device.ts";

const BOUND = 1e-5;
/** Half a unit in the last place of an f32. */
const ROUNDING = 2 ** -24;
/** Longer than a chunk, and no multiple of one. */
const DECODED = 21;
/** A chunk starts after the longer one, and the window fills up while the tokens after it are decoded. */
const PREFIXES = [0, 48] as const;

afterAll(() => device?.destroy());

describe.skipIf(!device).each(specNames)("decoding %s", (name) => {
  const model = specModel(name);
  const reference = referenceFor(name);

  test.each(PREFIXES)("after %i tokens", { timeout: 120_000 }, async (prefix) => {
    if (!device) return;
    const whole = sequenceOf(reference, model, prefix + DECODED);
    const { extents, run } = whole;
    const [before, after] = split(whole, prefix);
    const states = prefix === 0 ? run.states : await prefilled(device, model, before);
    const got = await decoded(device, model, { ...after, run: { ...after.run, states } });

    const want = interpret(model.rule, extents, run);
    const errors = [
      ["y", errorRatio(got.y, slice(want.y, extents, prefix, extents.T))] as const,
      ...[...want.states].map(([n, s]) => [n, errorRatio(got.states.get(n) ?? [], s)] as const),
    ];
    if (errors.every(([, e]) => e <= BOUND)) return;
    const bound = Math.max(BOUND, tolerance(model, whole, want, ROUNDING));
    console.log(`${name}, after ${prefix} tokens: rounding alone explains ${bound.toExponential(1)}`);
    for (const [n, e] of errors) expect(e, n).toBeLessThanOrEqual(bound);
  });
});

/** Ordinary tokens, in the ranges where rounding does not grow. */
function sequenceOf(reference: Reference, model: Model, T: number): Sequence {
  const [B, H, dk] = [2, 2, 12];
  const dv = reference.requires?.square ? dk : 10;
  const options = { edge: false, states: takesStates(reference), steady: true };
  const { inputs, params, states } = caseFor(reference, model, { B, T, H, dk, dv }, 5, options);
  return {
    extents: { B, T, H, sizes: { dk, dv, tokens: T } },
    run: { tokens: dataOf(inputs), parameters: dataOf(params), states: dataOf(states) },
  };
}

const dataOf = (tensors: Tensors): Data => new Map(Object.entries(tensors).map(([n, t]) => [n, t.data]));

/** The states that the recurrent kernel leaves. */
async function prefilled(
  device: Device,
  { rule, spec }: Model,
  { extents, run }: Sequence,
): Promise<Map<string, Float64Array>> {
  const kernel = await RecurrentKernel.create(device, compileKernel(rule, extents.sizes, targetOf(device)));
  try {
    const data = new Map([...run.tokens, ...run.parameters]);
    const width = elements(spec.outputShape, extents.sizes);
    const { states } = await kernel.run(extents, data, run.states, width, { poison: true });
    return new Map([...states].map(([n, s]) => [n, Float64Array.from(s)]));
  } finally {
    kernel.destroy();
  }
}

/** y of all tokens and the states after them, token by token. */
async function decoded(
  device: Device,
  { rule, spec }: Model,
  { extents, run }: Sequence,
): Promise<{ readonly y: Float64Array; readonly states: Map<string, Float32Array> }> {
  const { B, T, H, sizes } = extents;
  const outputWidth = elements(spec.outputShape, sizes);
  const chunk = spec.chunk ?? 1;
  const options = { B, H, outputWidth, chunk, parameters: run.parameters, states: run.states };
  const decoder = await Decoder.create(device, compileDecoder(rule, sizes, targetOf(device)), options);
  try {
    const row = H * outputWidth;
    const y = new Float64Array(B * T * row);
    for (let t = 0; t < T; t++) {
      const token: Data = new Map([...run.tokens].map(([n, x]) => [n, slice(x, extents, t, t + 1)]));
      const got = await decoder.step(token);
      for (let b = 0; b < B; b++) y.set(got.subarray(b * row, (b + 1) * row), (b * T + t) * row);
    }
    expect(decoder.tokens).toBe(T);
    return { y, states: await decoder.states() };
  } finally {
    decoder.destroy();
  }
}
