/**
 * The gradient of a network's loss, as the kernels compute it: along a random direction in each weight, what finite
 * differences of the f64 interpreter say. And learning goes downhill, also where vectors lie in memory as f16.
 */
import { afterAll, describe, expect, test } from "vitest";
import { importedSource } from "../../cli/files.ts";
import { prelude } from "../../cli/prelude.ts";
import { targetOf } from "../../cli/webgpu.ts";
import { mul } from "../../compiler/math/algebra.ts";
import { axesFor, elements } from "../../compiler/math/axis.ts";
import { type Expr, leaf, type Tensor } from "../../compiler/math/expr.ts";
import { programOf } from "../../compiler/network/build.ts";
import { interpretProgram, resultOf } from "../../compiler/network/interpret.ts";
import { lossOf } from "../../compiler/network/loss.ts";
import { sizesOf } from "../../compiler/network/network.ts";
import type { Step } from "../../compiler/network/program.ts";
import { compile } from "../../compiler/pipeline.ts";
import { corrections } from "../../compiler/plan/optimizer.ts";
import { trainingOf } from "../../compiler/plan/trainable.ts";
import type { Storage } from "../../compiler/plan/training.ts";
import type { Batch } from "../../runtime/data/batch.ts";
import { NetworkOnDevice } from "../../runtime/network.ts";
import { Random } from "../numeric/reference/random.ts";
import { device } from "./device.ts";

/** Of the error of a slope, in parts of the gradient. */
const BOUND = 2e-3;
/** A number of 16 bits is rounded by as much of itself: slopes are off by so many times what such errors make of them. */
const HALF = 2 ** -11;
const MARGIN = 2;
/** Decimals of the loss. */
const DECIMALS = { f32: 4, f16: 2 };
const DIFFERENCES = [1e-4, 1e-5, 1e-6, 1e-7];
/** A tile and a part of one, and a chunk and a part of one. */
const SHAPE = { B: 2, T: Number(process.env.TT ?? 19) };

afterAll(() => device?.destroy());

const rms = (x: readonly number[]): number => Math.hypot(...x) / Math.sqrt(x.length);

/** The steps with a factor for each number of these tensors, that stands for its rounding. */
function roundedBy(
  steps: readonly Step[],
  names: ReadonlySet<string>,
): { steps: readonly Step[]; factors: readonly Tensor[] } {
  const factors: Tensor[] = [];
  const times = (of: Tensor, value: Expr): Expr => {
    const factor: Tensor = { ...of, name: `rounding of ${of.name}` };
    factors.push(factor);
    return mul(value, leaf(factor, axesFor(of.shape)));
  };
  const rounded = steps.flatMap((step): Step[] => {
    const tensor = resultOf(step);
    if (!names.has(tensor.name)) return [step];
    if (step.kind === "definition") return [{ ...step, value: times(tensor, step.value) }];
    const exact: Tensor = { ...tensor, name: `exact ${tensor.name}` };
    const value = times(tensor, leaf(exact, axesFor(tensor.shape)));
    return [
      { ...step, output: exact },
      { kind: "definition", tensor, value },
    ];
  });
  return { steps: rounded, factors };
}

const networkText = (parts: string, imports: string): string => `${imports}
network Small {
  vocabulary 11
  width      12
  heads      2
  layers     2
  block      ${parts}
  embeddings tied
}
`;

const cases: readonly (readonly [name: string, file: string])[] = [
  ["DeltaNet", "deltanet"],
  ["GatedDeltaNet", "gated_deltanet"],
  ["LinearAttention", "linear_attention"],
  ["Mamba2", "mamba2"],
  ["DeltaProduct", "deltaproduct"],
  ["Attention", "attention"],
  ["Yaad", "yaad"],
  ["Moneta", "moneta"],
  ["Memora", "memora"],
  ["Titans", "titans"],
  ["MesaNet", "mesanet"],
];

const halves = device?.features.has("shader-f16");
if (device && !halves) console.warn(`f16 storage is not tested: ${device.adapter.name} has no shader-f16`);
/** With a decay, with several steps a token, and with rings. */
const NARROW = ["GatedDeltaNet", "DeltaProduct", "Attention"];

describe.skipIf(!device).each(cases)("%s", (name, file) => {
  test("the gradient, and ten steps", { timeout: 240_000 }, () => gradientAndSteps(name, file, "f32"));
  test.runIf(halves && NARROW.includes(name))("the same with f16 storage", { timeout: 240_000 }, () =>
    gradientAndSteps(name, file, "f16"),
  );

  async function gradientAndSteps(name: string, file: string, storage: Storage): Promise<void> {
    if (!device) return;
    const path = `specs/nets/small_${file}.miras`;
    const text = networkText(`${name}, swiglu(expand: 2)`, `import ${name} from "../${file}.miras"`);
    const compiled = compile({ path, text }, prelude(), undefined, importedSource);
    expect(compiled.diagnostics.all.filter((d) => d.severity === "error")).toEqual([]);
    const [network] = compiled.networks;
    if (!network) throw new Error("no network");
    const optimizer = { clip: Infinity, shrinkage: 0 };
    const training = trainingOf(network, targetOf(device), optimizer, storage);
    if ("sequential" in training) throw new Error(training.sequential);
    const trainable = new NetworkOnDevice(device, { vocabulary: 11, seed: 3, corrections, ...training });
    const random = new Random(5);
    const whole = (below: number): number => Math.floor(random.between(0, below));
    const { B, T } = SHAPE;
    const batch: Batch = {
      B,
      T,
      tokens: Int32Array.from({ length: B * T }, () => whole(11)),
      targets: Int32Array.from({ length: B * T }, () => (random.chance(0.3) ? -1 : whole(11))),
    };
    // A rate of 0 computes the gradient and changes nothing.
    const measured = await trainable.step([batch], 0);
    const weights = await trainable.weights();
    const gradient = await trainable.gradient();

    const program = programOf(network);
    const loss = lossOf(program);
    const sizes = sizesOf(network, B, T);
    const { steps: rounding, factors } = roundedBy(program.steps, training.plan(SHAPE).halves);
    const steps = [...rounding, ...loss.steps];
    const given = new Map<string, Float64Array>([...weights].map(([n, w]) => [n, Float64Array.from(w.data)]));
    given.set(program.tokens.name, Float64Array.from(batch.tokens));
    given.set(loss.targets.name, Float64Array.from(batch.targets));
    const round = (by: number): void => {
      for (const { name, shape } of factors)
        given.set(
          name,
          Float64Array.from({ length: elements(shape, sizes) }, () => 1 + random.between(-by, by)),
        );
    };
    round(0);
    const lossAt = (of: string, direction: Float64Array, by: number): number => {
      const moved = (given.get(of) as Float64Array).map((x, i) => x + by * (direction[i] as number));
      const made = interpretProgram(steps, sizes, new Map(given).set(of, moved), [loss.loss]);
      return made.get(loss.loss.name)?.[0] as number;
    };
    expect(measured.loss).toBeCloseTo(
      lossAt("embedding", new Float64Array(given.get("embedding")?.length ?? 0), 0),
      DECIMALS[storage],
    );
    const norms = [...gradient.values()].map((g) => Math.hypot(...g.data));
    const largest = Math.max(...norms);
    const errors: number[] = [];
    const spreads: number[] = [];
    for (const [weight, { data }] of gradient) {
      const direction = Float64Array.from(data, () => random.normal());
      const claim = data.reduce((n, g, i) => n + g * (direction[i] as number), 0);
      const scale = Math.max(Math.hypot(...data), 1e-4 * largest);
      const slope = (h: number): number =>
        (lossAt(weight, direction, h) - lossAt(weight, direction, -h)) / (2 * h);
      // A jump, or rounding: some step size is right, unless the claim is wrong.
      const slopes = DIFFERENCES.map(slope);
      const error = Math.min(...slopes.map((s) => Math.abs(s - claim) / scale));
      errors.push(error);
      if (storage === "f32") {
        expect(error, `${weight}: ${claim}, by differences ${slopes}`).toBeLessThanOrEqual(BOUND);
        continue;
      }
      round(HALF);
      spreads.push(Math.abs(slope(1e-5) - (slopes[1] as number)) / scale);
      round(0);
    }
    if (storage === "f16") expect(rms(errors)).toBeLessThanOrEqual(MARGIN * rms(spreads));
    let last = measured.loss;
    for (let i = 0; i < 10; i++) last = (await trainable.step([batch], 3e-3)).loss;
    expect(last).toBeLessThan(measured.loss);
    trainable.destroy();
  }
});
