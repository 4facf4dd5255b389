/**
 * Dense kernels against the f64 interpreter: RMS ratio ≤ 1e-5 over graphs that networks are made of, at sizes of any kind,
 * with and without subgroups, in poisoned memory.
 */
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { errorRatio } from "../support/compare.ts";
import { computed, expected, type Graph } from "../support/dense.ts";
import { graphs } from "../support/dense-graphs.ts";
import { device } from "./device.ts";
import { targets } from "./handmade.ts";

const BOUND = 1e-5;
/** Each compiles anew, which takes most of the time. */
const RUNS = Number(process.env.MIRAS_GPU_RUNS ?? 2);

afterAll(() => device?.destroy());

const size = fc.constantFrom(1, 2, 3, 7, 8, 9, 16, 17, 31, 32, 33, 40, 65);
const sizes = fc.record({
  B: fc.constantFrom(1, 2, 3),
  T: size,
  D: size,
  F: size,
  V: fc.constantFrom(1, 5, 64, 131),
  J: fc.constantFrom(1, 3, 4, 9),
});

async function agree(graph: Graph, target: (typeof targets)[number][1]): Promise<void> {
  if (!device) throw new Error("no device");
  const want = expected(graph);
  const got = await computed(device, graph, target);
  for (const t of graph.kept)
    expect(errorRatio(got.get(t) ?? [], want.get(t) ?? []), t.name).toBeLessThanOrEqual(BOUND);
}

describe.skipIf(!device).each(targets)("%s", (_, target) => {
  test.each(graphs)("$name", { timeout: 300_000 }, async ({ graph }) => {
    const property = fc.asyncProperty(sizes, fc.nat(1e6), (s, seed) => agree(graph(s, seed), target));
    await fc.assert(property, { numRuns: RUNS, interruptAfterTimeLimit: 200_000, endOnFailure: true });
  });
});
