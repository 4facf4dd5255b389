/** A network's loss, gradients and updated parameters, as kernels and in f64: RMS ratio ≤ 1e-5. */
import { afterAll, describe, expect, test } from "vitest";
import { errorRatio } from "../support/compare.ts";
import { computed, expected, lowered } from "../support/dense.ts";
import { network } from "../support/dense-network.ts";
import { device } from "./device.ts";
import { targets } from "./handmade.ts";

const BOUND = 1e-5;

afterAll(() => device?.destroy());

const sizes = [
  { B: 2, T: 9, width: 12, hidden: 20, vocabulary: 37 },
  { B: 3, T: 1, width: 3, hidden: 33, vocabulary: 64 },
  { B: 1, T: 40, width: 16, hidden: 8, vocabulary: 3 },
];

describe.skipIf(!device).each(targets)("%s", (_, target) => {
  test.each(sizes)("$B × $T tokens, width $width", { timeout: 600_000 }, async (s) => {
    if (!device) throw new Error("no device");
    const { graph } = network(2, s, 1);
    const want = expected(graph);
    // Once with each tensor in poisoned memory of its own, once with temporaries that share it.
    for (const poison of [true, false]) {
      const got = await computed(device, graph, target, poison);
      for (const t of graph.kept)
        expect(errorRatio(got.get(t) ?? [], want.get(t) ?? []), t.name).toBeLessThanOrEqual(BOUND);
    }
  });

  test("the optimizer is one kernel for each parameter", () => {
    const { graph, learned } = network(1, sizes[0] as (typeof sizes)[0], 1);
    const kernels = lowered(graph, target);
    const updates = kernels.filter((k) => k.block.name.includes("'"));
    expect(updates.length).toBe(learned.length);
    for (const { block } of updates)
      expect(block.bindings.filter((b) => b.access === "read_write").length).toBe(3);
  });
});
