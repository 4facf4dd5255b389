/**
 * Built modules in a page of headless Chromium, on its own adapter: forward runs, decoding with resident states, saving and
 * loading give what the f64 interpreter gives in Node.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tolerance } from "../../cli/fuzz/rounding.ts";
import { errorRatio } from "../support/compare.ts";
import type { Told } from "../support/exercise.ts";
import { bundleOf, caseOf, together } from "../support/modules.ts";
import { browserPath, type Opened, openPage } from "./page.ts";

const BOUND = 1e-5;
/** Half a unit in the last place of an f32. */
const ROUNDING = 2 ** -24;
/** Token by token, and in the tiles of a deep memory. */
const SPECS = ["gated_deltanet", "titans"];

describe.skipIf(browserPath === undefined)("in a browser", () => {
  let opened: Opened;

  beforeAll(async () => {
    const bundle = await bundleOf(SPECS, "dk=16,dv=16");
    const main = `import * as built from "/bundle.js";
const device = built.requestDevice();
globalThis.tried = async (task) => built.exercise(built, await device, task);
globalThis.refused = async (model, sizes) =>
  built[model].create(await device, sizes).then(() => "", (error) => error.name + ": " + error.message);
`;
    opened = await openPage({ "/bundle.js": bundle, "/main.js": main });
    await opened.page.waitForFunction(() => "tried" in globalThis);
  });

  afterAll(() => opened?.close());

  test.each(SPECS.flatMap((spec) => [19, 32].map((forward) => [spec, forward] as const)))(
    "%s reads %i tokens, and five more one by one",
    async (spec, forward) => {
      const made = caseOf(spec, { B: 2, H: 3, dk: 16, dv: 16, forward, steps: 5 });
      const told = await opened.page.evaluate(
        (task) => (globalThis as unknown as { tried(t: typeof task): Promise<Told> }).tried(task),
        made.task,
      );
      const errors = [
        ["y", errorRatio(together(made, told), made.want.y)] as const,
        ...[...made.want.states].map(([n, s]) => [n, errorRatio(told.states[n] ?? [], s)] as const),
      ];
      const isOver = errors.some(([, e]) => e > BOUND);
      const bound = isOver ? Math.max(BOUND, tolerance(made.model, made.whole, made.want, ROUNDING)) : BOUND;
      for (const [name, e] of errors) expect(e, `${name} on ${told.adapter}`).toBeLessThanOrEqual(bound);
      if (forward % (made.model.spec.chunk ?? 1) === 0) expect(told.again).toEqual(told.steps);
      expect(opened.errors).toEqual([]);
    },
  );

  test("sizes that were not built are refused by name", async () => {
    const said = await opened.page.evaluate(() =>
      (globalThis as unknown as { refused(m: string, s: object): Promise<string> }).refused("GatedDeltaNet", {
        H: 1,
        dk: 32,
        dv: 16,
      }),
    );
    expect(said).toBe(
      "RangeError: GatedDeltaNet was built for dk = 16, dv = 16, and not for dk = 32, dv = 16: choose one of these, or build it with --sizes",
    );
  });
});
