/** What a kernel is estimated to take follows its program: with the tokens, the sequences, and the size of its states. */
import { describe, expect, test } from "vitest";
import {
  machineFor,
  nanoseconds,
  recurrentDispatches,
  tileDispatches,
  workOf,
  writtenIn,
} from "../compiler/kernel/cost.ts";
import { DEFAULT_FACTS, targetFor } from "../compiler/kernel/target.ts";
import { compileKernel, compileTiles, schedules } from "../compiler/pipeline.ts";
import { specModel } from "./support/specs.ts";

const target = targetFor({ ...DEFAULT_FACTS, subgroupSize: 8 });
const sizes = { dk: 64, dv: 64, tokens: 1024 };

describe("costs", () => {
  test("the work of a recurrent kernel is that of its tokens", () => {
    const { block } = compileKernel(specModel("gated_deltanet").rule, sizes, target);
    const [none, one, many] = [0, 1, 1001].map((T) => workOf(block, T)) as [Work, Work, Work];
    expect(many.arithmetic - none.arithmetic).toBeCloseTo(1001 * (one.arithmetic - none.arithmetic), 3);
    // A product with the state for the error, one for the read, the decay and the write: 7 d² a head, over two
    // workgroups of 8 lanes. Sums and vectors add a little.
    const least = (7 * 64 * 64) / 2 / 8;
    expect(one.arithmetic).toBeGreaterThan(0.7 * least);
    expect(one.arithmetic).toBeLessThan(1.3 * least);
  });

  test("the dispatches of tiles go once over all of them, or from tile to tile", () => {
    const code = compileTiles(specModel("titans").rule, sizes, target);
    if (!code) throw new Error("titans has tile kernels");
    const dispatches = tileDispatches(code, { B: 2, T: 100, H: 3 });
    const tiles = Math.ceil(100 / code.length);
    for (const [i, { stage, groups }] of code.kernels.entries()) {
      const { count, workgroups } = dispatches[i] as (typeof dispatches)[number];
      expect([count, workgroups]).toEqual(stage === "along" ? [tiles, 6 * groups] : [1, 6 * groups * tiles]);
    }
  });

  test.each(["titans", "ttt_mlp", "memora", "mesanet", "gated_deltanet"])(
    "on a processor %s does the same from tile to tile in fewer dispatches",
    (name) => {
      const wide = targetFor({ ...DEFAULT_FACTS, subgroupSize: 32 });
      const along = (t: typeof target): Kernels =>
        (compileTiles(specModel(name).rule, sizes, t)?.kernels ?? []).filter((k) => k.stage === "along");
      const [few, many] = [along(target), along(wide)];
      const told = (kernels: Kernels): string[] =>
        kernels.flatMap(({ block }) => block.body.flatMap((s) => (s.kind === "comment" ? [s.text] : [])));
      expect(told(few)).toEqual(told(many));
      expect(few.length).toBeLessThanOrEqual(many.length);
      if (many.length > 3) expect(few.length).toBeLessThan(many.length);
      for (const { block } of few.filter((k) => many.every((m) => m.block.name !== k.block.name)))
        expect(writtenIn(block.body).accesses).toBeLessThanOrEqual(64);
    },
  );

  test("more tokens, sequences or heads never take less time", () => {
    const machine = machineFor(target);
    const { block } = compileKernel(specModel("gla").rule, sizes, target);
    const time = (B: number, T: number, H: number): number =>
      nanoseconds(recurrentDispatches(block, { B, T, H }), machine).run;
    for (const [few, more] of [
      [time(1, 64, 2), time(1, 128, 2)],
      [time(1, 64, 2), time(3, 64, 2)],
      [time(1, 64, 2), time(1, 64, 8)],
    ] as const)
      expect(few).toBeLessThan(more);
  });

  test("schedules come with the quickest first, and tiles of a chunk are as long as it", () => {
    const all = schedules(specModel("titans").rule, sizes, target, { B: 1, T: 16_384, H: 4 });
    expect(all.map((s) => s.name)).toEqual(["tiles of 16", "recurrent"]);
    const short = schedules(specModel("gated_deltanet").rule, sizes, target, { B: 1, T: 64, H: 1 });
    expect(short[0]?.name).toBe("recurrent");
    expect(short).toHaveLength(5);
  });
});

type Work = ReturnType<typeof workOf>;
type Kernels = NonNullable<ReturnType<typeof compileTiles>>["kernels"];
