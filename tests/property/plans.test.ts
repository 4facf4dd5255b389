/** Every network has a plan of training at any size, on any adapter. */
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { importedSource } from "../../cli/files.ts";
import { prelude } from "../../cli/prelude.ts";
import { targetFor } from "../../compiler/kernel/target.ts";
import { compile } from "../../compiler/pipeline.ts";
import { trainingOf } from "../../compiler/plan/trainable.ts";

const FOLDER = "specs/nets";
const NUMBER_OF_RUNS = 2;

const sizes = fc.record({
  // Powers of two are sizes of other things as well, such as the taps of a convolution.
  B: fc.oneof(fc.constantFrom(1, 2, 4, 8, 64), fc.integer({ min: 1, max: 20 })),
  T: fc.oneof(fc.constantFrom(1, 2, 4, 16, 64), fc.integer({ min: 1, max: 70 })),
});
const ADAPTERS = [
  { subgroupSize: 8, storageBuffers: 64, workgroupBytes: 32768 },
  { subgroupSize: 32, storageBuffers: 10, workgroupBytes: 16384 },
  { subgroupSize: undefined, storageBuffers: 8, workgroupBytes: 16384 },
];

const files = readdirSync(FOLDER).filter((f) => !f.startsWith("char_"));
/** Linear systems, of which no network there has any. */
const SOLVING = readFileSync(`${FOLDER}/deltanet_tiny.miras`, "utf8")
  .replaceAll("DeltaNet", "MesaNet")
  .replaceAll("deltanet", "mesanet");

describe.each([
  ...files.map((f) => [f, readFileSync(`${FOLDER}/${f}`, "utf8")] as const),
  ["mesanet_tiny.miras", SOLVING] as const,
])("%s", (file, text) => {
  const path = `${FOLDER}/${file}`;
  const [network] = compile({ path, text }, prelude(), undefined, importedSource).networks;

  test.each(ADAPTERS)(
    "its kernels bind no more than $storageBuffers buffers",
    { timeout: 120_000 },
    (adapter) => {
      if (!network) throw new Error(`${path} has no network`);
      const training = trainingOf(network, targetFor(adapter), { clip: 1, shrinkage: 0.1 });
      if ("sequential" in training) throw new Error(training.sequential);
      fc.assert(
        fc.property(sizes, (shape) => {
          for (const dispatches of Object.values(training.plan(shape).sequences))
            for (const { code } of dispatches)
              expect(code.block.bindings.length, code.block.name).toBeLessThanOrEqual(adapter.storageBuffers);
        }),
        { numRuns: NUMBER_OF_RUNS },
      );
    },
  );
});
