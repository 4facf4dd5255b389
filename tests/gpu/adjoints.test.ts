/** The adjoint of a tile as kernels, in poisoned memory: what the f64 interpreter of the adjoint gives, RMS ratio ≤ 1e-4. */
import { afterAll, describe, expect, test } from "vitest";
import { interpret } from "../../compiler/derive/interpret.ts";
import { printWgsl } from "../../compiler/emit/wgsl/print.ts";
import { interpretAdjoint } from "../../compiler/form/interpret-adjoint.ts";
import { tileAdjoint } from "../../compiler/form/tile-adjoint.ts";
import { elements, type Sizes } from "../../compiler/math/axis.ts";
import type { Tensor } from "../../compiler/math/expr.ts";
import { lowerTile } from "../../compiler/plan/tile.ts";
import { ProgramRunner } from "../../runtime/program.ts";
import { Random } from "../numeric/reference/random.ts";
import { errorRatio } from "../support/compare.ts";
import { sequenceOf } from "../support/sequences.ts";
import { sizesOf, tiled } from "../support/tiles.ts";
import { device } from "./device.ts";
import { targets } from "./handmade.ts";

const BOUND = 1e-4;
const STEADY = 100;

afterAll(() => device?.destroy());

describe.skipIf(!device).each(
  // Compiling takes most of the time: one model with subgroups, the next without.
  tiled.map((t, i) => ({ ...t, target: targets[i % targets.length] as (typeof targets)[number] })),
)("$name", ({ model, form, ranges, target: [kind, target] }) => {
  const adjoint = tileAdjoint(form);
  test(kind, { timeout: 120_000 }, async () => {
    if (!device) return;
    const T = Math.min(model.spec.chunk ?? 13, 13);
    const given = { B: 2, T, H: 2, sizes: sizesOf(model, 12, 10) };
    const { extents, run } = sequenceOf(model, given, 7, {
      before: model.spec.chunk ?? 0,
      ranges: ranges(STEADY),
    });
    const random = new Random(8);
    const like = (x: Float64Array): Float64Array => x.map(() => random.normal());
    const forward = interpret(model.rule, extents, run);
    const seeds = {
      y: like(forward.y),
      states: new Map([...forward.states].map(([name, x]) => [name, like(x)])),
    };
    const want = interpretAdjoint(form, adjoint, extents, run, seeds, T * model.spec.steps);

    const sizes: Sizes = {
      tokens: T,
      ...extents.sizes,
      B: 2,
      H: 2,
      tile: T * model.spec.steps,
      "tile.tokens": T,
    };
    const kernels = lowerTile(model.spec.name, adjoint, sizes, target).backwards;
    const tensors = new Map<string, number>();
    const add = (t: Tensor): void => void tensors.set(t.name, elements(t.shape, sizes));
    for (const { block } of kernels) for (const b of block.bindings) b.holds.forEach(add);
    const runner = await ProgramRunner.create(device, {
      name: model.spec.name,
      tensors,
      poison: true,
      sequences: {
        all: kernels.map(({ block, groups }) => ({ code: { block, wgsl: printWgsl(block) }, groups })),
      },
    });
    const put = (t: Tensor, data: Float64Array | undefined): void => {
      if (tensors.has(t.name) && data) runner.write(t.name, Float32Array.from(data));
    };
    for (const [name, t] of adjoint.tile.inputs) put(t, run.tokens.get(name));
    for (const [name, t] of adjoint.tile.parameters) put(t, run.parameters.get(name));
    for (const [name, t] of adjoint.tile.starts) put(t, run.states.get(name));
    for (const [name, t] of adjoint.tile.numbers) put(t, Float64Array.of(name === "layer" ? 0 : 1));
    for (const [name, t] of adjoint.given.ends) put(t, seeds.states.get(name));
    put(adjoint.given.output, seeds.y);
    await runner.run("all");
    const compared = (
      [
        ["tokens", adjoint.inputs],
        ["parameters", adjoint.parameters],
        ["states", adjoint.starts],
      ] as const
    ).flatMap(([kind, found]) =>
      [...found].map(([name, t]) => ({ name: t.name, data: want[kind].get(name) as Float64Array })),
    );
    const read = await runner.read(...compared.map((c) => c.name));
    // What cancels to nothing, as the adjoint of a rate where every error is a sign, is but rounding.
    const floor = 1e-6 * Math.max(...compared.map((c) => rms(c.data)));
    for (const { name, data } of compared) {
      const off = errorRatio(read.get(name) ?? [], data) * rms(data);
      expect(off / Math.max(rms(data), floor), name).toBeLessThanOrEqual(BOUND);
    }
    runner.destroy();
  });
});

const rms = (x: Float64Array): number => Math.sqrt(x.reduce((n, v) => n + v * v, 0) / Math.max(1, x.length));
