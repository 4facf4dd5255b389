/**
 * Kernels against the f64 interpreter of the rule, on whatever adapter there is: RMS ratio ≤ 1e-5 over
 * random sizes, gates at their edges, carried states, split sequences, several dispatches, poisoned outputs.
 */
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { tolerance } from "../../cli/fuzz/rounding.ts";
import { elements, interpret } from "../../compiler/derive/interpret.ts";
import { type Target, targetFor } from "../../compiler/kernel/target.ts";
import { compileKernel, type Model } from "../../compiler/pipeline.ts";
import { validateWgsl } from "../../runtime/node/adapter.ts";
import { RecurrentKernel } from "../../runtime/recurrent.ts";
import {
  type Case,
  type Reference,
  randomCase,
  references,
  type Sizes,
  type Tensors,
} from "../numeric/reference/index.ts";
import { errorRatio } from "../support/compare.ts";
import { modelOf, specModel, specNames } from "../support/specs.ts";
import { device } from "./device.ts";

const BOUND = 1e-5;
/** Compiling a kernel takes most of the time: few sizes, many contents. */
const RUNS = Number(process.env.MIRAS_GPU_RUNS ?? 5);

const targets: Record<string, Target> = {
  ...(device?.subgroupSize ? { subgroups: targetFor(facts(device.subgroupSize)) } : {}),
  "no subgroups": targetFor(facts(undefined)),
};

function facts(subgroupSize: number | undefined) {
  const limits = device?.limits;
  return {
    subgroupSize,
    storageBuffers: limits?.maxStorageBuffersPerShaderStage ?? 8,
    workgroupBytes: limits?.maxComputeWorkgroupStorageSize ?? 16384,
  };
}

/** The same numbers that the GPU gets: rounded to f32. */
const rounded = (tensors: Tensors): Map<string, Float64Array> =>
  new Map(Object.entries(tensors).map(([n, t]) => [n, Float64Array.from(Float32Array.from(t.data))]));

const kernels = new Map<string, RecurrentKernel>();
afterAll(() => {
  for (const k of kernels.values()) k.destroy();
  device?.destroy();
});

async function kernelOf(
  model: Model,
  sizes: { readonly dk: number; readonly dv: number; readonly tokens: number },
  target: Target,
): Promise<RecurrentKernel> {
  const code = compileKernel(model.rule, sizes, target);
  const found = kernels.get(code.wgsl);
  if (found) return found;
  if (!device) throw new Error("no device");
  const made = await RecurrentKernel.create(device, code);
  kernels.set(code.wgsl, made);
  return made;
}

interface Given {
  readonly tokens: Map<string, Float64Array>;
  readonly parameters: Map<string, Float64Array>;
  readonly states: Map<string, Float64Array>;
}

const given = (c: Case): Given => ({
  tokens: rounded(c.inputs),
  parameters: rounded(c.params),
  states: rounded(c.states),
});

async function agree(model: Model, sizes: Sizes, g: Given, target: Target, span?: number): Promise<void> {
  const { B, T, H, dk, dv } = sizes;
  // A memory as long as the sequence is never without a place.
  const own = { dk, dv, tokens: Math.max(1, T) };
  const kernel = await kernelOf(model, own, target);
  const width = elements(model.spec.outputShape, own);
  const data = new Map([...g.tokens, ...g.parameters]);
  const got = await kernel.run({ B, T, H }, data, g.states, width, {
    poison: true,
    ...(span ? { span } : {}),
  });
  const zeros = new Map(
    model.rule.states.map((s) => [s.name, new Float64Array(B * H * elements(s.shape, own))]),
  );
  const want = interpret(
    model.rule,
    { B, T, H, sizes: own },
    { ...g, states: new Map([...zeros, ...g.states]) },
  );
  const errors = errorsOf(got, want);
  if (Object.values(errors).every((e) => e <= BOUND)) return;
  // A memory that amplifies: what rounding the data and each operation does to the exact result explains a larger error.
  const run = { ...g, states: new Map([...zeros, ...g.states]) };
  const bound = Math.max(BOUND, tolerance(model, { extents: { B, T, H, sizes: own }, run }, want, ROUNDING));
  console.log(`${model.spec.name}, T = ${T}, dk = ${dk}: rounding alone explains ${bound.toExponential(1)}`);
  for (const [name, error] of Object.entries(errors)) expect(error, name).toBeLessThanOrEqual(bound);
}

/** Half a unit in the last place of an f32. */
const ROUNDING = 2 ** -24;

interface Outcome {
  readonly y: ArrayLike<number>;
  readonly states: ReadonlyMap<string, ArrayLike<number>>;
}

const errorsOf = (got: Outcome, want: Outcome): Record<string, number> => ({
  y: errorRatio(got.y, want.y),
  ...Object.fromEntries([...want.states].map(([n, s]) => [n, errorRatio(got.states.get(n) ?? [], s)])),
});

/** Deep memories amplify rounding over whole gate ranges: there long sequences stay in the steady part. */
const caseFor = (r: Reference, sizes: Sizes, seed: number, edge: boolean, states: boolean): Case =>
  randomCase(r, sizes, seed, { edge, states, steady: sizes.T > 8 });

const lengths = fc.constantFrom(0, 1, 2, 5, 16, 17, 33);
// Of 28, 30 and 60 lanes of 8 take four at once: the last ones are cut off together, each on its own, or as the second four.
const widths = fc.constantFrom(1, 3, 7, 8, 13, 16, 28, 30, 60);

describe.skipIf(!device).each(specNames)("%s", (name) => {
  const model = specModel(name);
  const reference = references.find((r) => r.name === name) as Reference;
  const square = reference.requires?.square === true;
  // Normalising a vector of one or two elements leaves nothing but rounding: deep memories start at three.
  const sized = (dk: number, dv: number) =>
    square ? { dk: Math.max(3, dk), dv: Math.max(3, dk) } : { dk, dv };

  describe.each(Object.entries(targets))("%s", (_, target) => {
    test("agrees with the interpreter over random sizes, gates and states", {
      timeout: 600_000,
    }, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.record({ B: fc.integer({ min: 1, max: 3 }), T: lengths, H: fc.integer({ min: 1, max: 3 }) }),
          widths,
          widths,
          fc.boolean(),
          fc.boolean(),
          fc.integer(),
          async (extents, dk, dv, edge, states, seed) => {
            const sizes = { ...extents, ...sized(dk, dv) };
            // A state that is learned is never absent.
            const isGiven = states || model.spec.states.some((s) => s.initial === "learned");
            await agree(model, sizes, given(caseFor(reference, sizes, seed, edge, isGiven)), target);
          },
        ),
        { numRuns: RUNS },
      );
    });
  });

  const target = Object.values(targets)[0] as Target;

  test("agrees over 1000 tokens", { timeout: 120_000 }, async () => {
    // The interpreter takes long over a deep memory.
    const sizes = { B: 1, T: 1000, H: 1, ...(square ? sized(8, 8) : sized(16, 12)) };
    await agree(model, sizes, given(caseFor(reference, sizes, 1, false, true)), target);
  });

  test("is the same over several dispatches", { timeout: 120_000 }, async () => {
    const sizes = { B: 2, T: 45, H: 2, ...sized(8, 8) };
    await agree(
      model,
      sizes,
      given(caseFor(reference, sizes, 2, false, true)),
      target,
      model.spec.chunk ?? 7,
    );
  });

  test("a sequence split in two with carried states is the whole", { timeout: 120_000 }, async () => {
    const sizes = { B: 1, T: 40, H: 2, ...sized(8, 8) };
    const cut = model.spec.chunk ?? 13;
    const { B, T, H, dk, dv } = sizes;
    const g = given(caseFor(reference, sizes, 3, false, true));
    const kernel = await kernelOf(model, { dk, dv, tokens: T }, target);
    const width = elements(model.spec.outputShape, { dk, dv });
    const part = (from: number, to: number): Map<string, Float64Array> =>
      new Map([...g.tokens].map(([n, x]) => [n, x.subarray((from * x.length) / T, (to * x.length) / T)]));
    const run = (
      tokens: Map<string, Float64Array>,
      length: number,
      states: ReadonlyMap<string, ArrayLike<number>>,
    ) =>
      kernel.run({ B, T: length, H }, new Map([...tokens, ...g.parameters]), states, width, { poison: true });
    const whole = await run(g.tokens, T, g.states);
    const first = await run(part(0, cut), cut, g.states);
    const second = await run(part(cut, T), T - cut, first.states);
    expect(errorRatio([...first.y, ...second.y], whole.y)).toBeLessThanOrEqual(BOUND);
    for (const [n, s] of whole.states)
      expect(errorRatio(second.states.get(n) ?? [], s)).toBeLessThanOrEqual(BOUND);
  });

  test("the state of a wide memory fits", { timeout: 120_000 }, async () => {
    const sizes = { B: 1, T: 20, H: 1, ...sized(square ? 48 : 96, 72) };
    await agree(model, sizes, given(caseFor(reference, sizes, 4, false, true)), target);
  });
});

/** Losses, retentions and memories that nobody has published, in the user's own text. */
const own: Record<string, string> = {
  "a loss of one's own": `
    bias logcosh(y, v) = sum(log(cosh(y - v)))
    model Own { memory matrix bias logcosh retention none algorithm gd(beta) gate beta in (0, 1) }`,
  "a loss that couples channels": `
    bias robust(y, v, delta: real > 0) = sqrt(1 + sum((y - v)^2)) + delta * sum((y - v)^2)
    model Own { memory matrix bias robust(0.5) retention decay(alpha) algorithm momentum(eta, theta)
      gate alpha in (0, 1)  gate eta in (0, 1)  gate theta in (0, 1) }`,
  "a bilinear memory with a nonlinear link": `
    memory affine { state W [dv, dk] = zeros  state b [dv] = zeros  state s = zeros  read(x [dk]) = W @ x + b + s }
    retention squashed(alpha: real in [0, 1]) { keep alpha  link(A) = tanh(A) }
    model Own { memory affine bias l2 retention squashed(alpha) algorithm gd(beta) gate alpha in (0, 1) gate beta in (0, 1) }`,
  "a decay by value channel, read before the write": `
    model Own { memory matrix bias l2 retention decay(alpha) algorithm gd(beta) gate alpha [dv] in (0, 1)
      gate beta [dk] in (0, 1)  output = read(prev, q) }`,
  "a proximal step, and constants of the head": `
    retention sparse { keep 1  prox(A) = sign(A) * max(abs(A) - 0.01, 0) }
    model Own { memory matrix bias l2 retention sparse algorithm gd(beta) const beta = 1 - 2 ^ (-1 - head) param u [dk]
      output = read(q * u) }`,
  "a matrix memory by chunks": `
    model Own { memory matrix bias lp(3) retention decay(alpha) algorithm gd(beta) chunk 4 gate alpha in (0, 1) gate beta in (0, 1) }`,
};

describe.skipIf(!device).each(Object.entries(own))("%s", (_, text) => {
  const model = modelOf(text);
  test.each(Object.entries(targets))(
    "agrees with the interpreter: %s",
    { timeout: 600_000 },
    async (_name, target) => {
      await fc.assert(
        fc.asyncProperty(
          lengths,
          fc.constantFrom(4, 8, 11),
          fc.constantFrom(5, 8, 18),
          fc.integer(),
          async (T, dk, dv, seed) => {
            const sizes = { B: 2, T, H: 2, dk, dv };
            await agree(model, sizes, anyData(model, sizes, seed), target);
          },
        ),
        { numRuns: 4 },
      );
    },
  );
});

/** Random numbers in the domains of a model's own tensors; keys small enough for any rate to be stable. */
function anyData(model: Model, { B, T, H, dk, dv }: Sizes, seed: number): Given {
  let state = seed | 1;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const sizes = { dk, dv };
  const fill = (n: number, low: number, high: number): Float64Array =>
    Float64Array.from({ length: n }, () => Math.fround(low + (high - low) * random()));
  const range = (d: { low: number; high: number }): [number, number] =>
    Number.isFinite(d.low) && Number.isFinite(d.high)
      ? [d.low, d.high]
      : [-1 / Math.sqrt(dk), 1 / Math.sqrt(dk)];
  const { spec, rule } = model;
  return {
    tokens: new Map(
      spec.inputs.map(({ tensor: t }) => [
        t.name,
        fill(B * T * H * elements(t.shape, sizes), ...range(t.domain)),
      ]),
    ),
    parameters: new Map(
      spec.parameters.map(({ tensor: t }) => [
        t.name,
        fill(H * elements(t.shape, sizes), ...range(t.domain)),
      ]),
    ),
    states: new Map(rule.states.map((s) => [s.name, fill(B * H * elements(s.shape, sizes), -0.5, 0.5)])),
  };
}

describe("every kernel is valid WGSL within the default limits", () => {
  const widest = [undefined, 4, 8, 32] as const;
  test.each(specNames)("%s", { timeout: 60_000 }, async (name) => {
    const model = specModel(name);
    const square = model.spec.equalities.required.length > 0;
    for (const subgroupSize of widest) {
      for (const dk of [1, 7, 64]) {
        const target = targetFor({ subgroupSize, storageBuffers: 8, workgroupBytes: 16384 });
        const { wgsl } = compileKernel(model.rule, { dk, dv: square ? dk : 33, tokens: 64 }, target);
        expect(await validateWgsl(wgsl), `${name}, subgroups of ${subgroupSize}, dk = ${dk}`).toEqual([]);
      }
    }
  });
});
