/**
 * The gradient of a network's loss, as the kernels compute it: along a random direction in each weight, what finite
 * differences of the f64 interpreter say. And learning goes downhill.
 */
import { afterAll, describe, expect, test } from "vitest";
import { importedSource } from "../../cli/files.ts";
import { prelude } from "../../cli/prelude.ts";
import { targetOf } from "../../cli/webgpu.ts";
import { programOf } from "../../compiler/network/build.ts";
import { interpretProgram } from "../../compiler/network/interpret.ts";
import { lossOf } from "../../compiler/network/loss.ts";
import { sizesOf } from "../../compiler/network/network.ts";
import { compile } from "../../compiler/pipeline.ts";
import { corrections } from "../../compiler/plan/optimizer.ts";
import { trainingOf } from "../../compiler/plan/trainable.ts";
import type { Batch } from "../../runtime/data/batch.ts";
import { NetworkOnDevice } from "../../runtime/network.ts";
import { Random } from "../numeric/reference/random.ts";
import { device } from "./device.ts";

const BOUND = 2e-3;
const DIFFERENCES = [1e-4, 1e-5, 1e-6, 1e-7];
/** A tile and a part of one, and a chunk and a part of one. */
const SHAPE = { B: 2, T: Number(process.env.TT ?? 19) };

afterAll(() => device?.destroy());

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

describe.skipIf(!device).each(cases)("%s", (name, file) => {
  test("the gradient, and ten steps", { timeout: 240_000 }, async () => {
    if (!device) return;
    const path = `specs/nets/small_${file}.miras`;
    const text = networkText(`${name}, swiglu(expand: 2)`, `import ${name} from "../${file}.miras"`);
    const compiled = compile({ path, text }, prelude(), undefined, importedSource);
    expect(compiled.diagnostics.all.filter((d) => d.severity === "error")).toEqual([]);
    const [network] = compiled.networks;
    if (!network) throw new Error("no network");
    const training = trainingOf(network, targetOf(device), { clip: Infinity, shrinkage: 0 });
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
    const steps = [...program.steps, ...loss.steps];
    const sizes = sizesOf(network, B, T);
    const given = new Map<string, Float64Array>([...weights].map(([n, w]) => [n, Float64Array.from(w.data)]));
    given.set(program.tokens.name, Float64Array.from(batch.tokens));
    given.set(loss.targets.name, Float64Array.from(batch.targets));
    const lossAt = (of: string, direction: Float64Array, by: number): number => {
      const moved = (given.get(of) as Float64Array).map((x, i) => x + by * (direction[i] as number));
      const made = interpretProgram(steps, sizes, new Map(given).set(of, moved), [loss.loss]);
      return made.get(loss.loss.name)?.[0] as number;
    };
    expect(measured.loss).toBeCloseTo(
      lossAt("embedding", new Float64Array(given.get("embedding")?.length ?? 0), 0),
      4,
    );
    const norms = [...gradient.values()].map((g) => Math.hypot(...g.data));
    const largest = Math.max(...norms);
    for (const [weight, { data }] of gradient) {
      const direction = Float64Array.from(data, () => random.normal());
      const claim = data.reduce((n, g, i) => n + g * (direction[i] as number), 0);
      const scale = Math.max(Math.hypot(...data), 1e-4 * largest);
      // A jump, or rounding: some step size is right, unless the claim is wrong.
      const slopes = DIFFERENCES.map(
        (h) => (lossAt(weight, direction, h) - lossAt(weight, direction, -h)) / (2 * h),
      );
      const error = Math.min(...slopes.map((slope) => Math.abs(slope - claim) / scale));
      expect(error, `${weight}: ${claim}, by differences ${slopes}`).toBeLessThanOrEqual(BOUND);
    }
    let last = measured.loss;
    for (let i = 0; i < 10; i++) last = (await trainable.step([batch], 3e-3)).loss;
    expect(last).toBeLessThan(measured.loss);
    trainable.destroy();
  });
});
