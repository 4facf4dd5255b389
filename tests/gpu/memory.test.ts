/** Built modules in Node: what their classes read and hold is what the interpreter says. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tolerance } from "../../cli/fuzz/rounding.ts";
import type { Device } from "../../runtime/device.ts";
import { errorRatio } from "../support/compare.ts";
import type { Task, Told } from "../support/exercise.ts";
import { bundleOf, caseOf, together } from "../support/modules.ts";
import { device } from "./device.ts";

const BOUND = 2e-5;
/** Half a unit in the last place of an f32. */
const ROUNDING = 2 ** -24;

/** A plain one; with params; with steps; deep ones in chunks, which learn where they start; and memories of tokens. */
const SPECS = ["gated_deltanet", "mesanet", "deltaproduct", "titans", "ttt_mlp", "attention"];

const folder = mkdtempSync(join(tmpdir(), "miras-memory-"));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  device?.destroy();
});

interface Module {
  exercise(classes: unknown, device: Device, task: Task): Promise<Told>;
}
let module: Module;

describe.skipIf(!device)("a built module", () => {
  beforeAll(async () => {
    const path = join(folder, "all.mjs");
    writeFileSync(path, await bundleOf(SPECS, "dk=12,dv=12,tokens=37"));
    module = await import(pathToFileURL(path).href);
  });

  // The second ends a chunk where decoding starts, the others do not; the third has no prefix.
  test.each(SPECS.flatMap((spec) => [19, 32, 0].map((forward) => [spec, forward] as const)))(
    "of %s, after %i tokens",
    async (spec, forward) => {
      const own = spec === "attention" ? { tokens: 37 } : {};
      const made = caseOf(spec, { B: 2, H: 2, dk: 12, dv: 12, forward, steps: 5 }, own);
      const told = await module.exercise(module, device as Device, made.task);
      const errors = [
        ["y", errorRatio(together(made, told), made.want.y)] as const,
        ...[...made.want.states].map(([n, s]) => [n, errorRatio(told.states[n] ?? [], s)] as const),
      ];
      const isOver = errors.some(([, e]) => e > BOUND);
      const bound = isOver ? Math.max(BOUND, tolerance(made.model, made.whole, made.want, ROUNDING)) : BOUND;
      for (const [name, e] of errors) expect(e, name).toBeLessThanOrEqual(bound);
      // Saved and loaded, it goes on as it did.
      if (forward % (made.model.spec.chunk ?? 1) === 0) expect(told.again).toEqual(told.steps);
      else expect(told.again).toEqual([]);
    },
  );
});
