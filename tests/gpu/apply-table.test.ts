/**
 * `miras apply` of every model of the specs on the GPU, in f32, against the independent f64 references: RMS ratio ≤ 1e-5 at
 * T = 1, 63 and 500, over the path of the command, and once for each spec over files. By default with every
 * width for dk and for dv; with MIRAS_TABLE=all with every pair of them.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inputsOf } from "../../cli/apply/inputs.ts";
import type { Backend } from "../../cli/backend.ts";
import { webgpuBackend } from "../../cli/webgpu.ts";
import { type Tensor as Given, readSafetensors, writeSafetensors } from "../../runtime/safetensors.ts";
import { miras } from "../cli/support.ts";
import {
  type Case,
  type Reference,
  type Result,
  references,
  type Sizes,
  titleOf,
} from "../numeric/reference/index.ts";
import { caseFor, takesStates } from "../support/cases.ts";
import { errorRatio } from "../support/compare.ts";
import { specModels } from "../support/specs.ts";
import { device } from "./device.ts";

const BOUND = 1e-5;
const LENGTHS = [1, 63, 500] as const;
const WIDTHS = [16, 60, 64, 128] as const;
type Pair = readonly [number, number];
const SQUARE = WIDTHS.map((d): Pair => [d, d]);
const PAIRS: readonly Pair[] =
  process.env.MIRAS_TABLE === "all"
    ? WIDTHS.flatMap((dk) => WIDTHS.map((dv): Pair => [dk, dv]))
    : [
        [16, 64],
        [60, 16],
        [64, 60],
        [128, 128],
      ];

const folder = mkdtempSync(join(tmpdir(), "miras-table-"));
let backend: Backend | undefined;

/** Of each spec: the time that its tests took, and its largest error. */
const seconds = new Map<string, number>();
const largest = new Map<string, number>();

beforeAll(async () => {
  backend = await webgpuBackend({ poison: true });
});

afterAll(async () => {
  await backend?.close();
  device?.destroy();
  rmSync(folder, { recursive: true, force: true });
  const total = [...seconds.values()].reduce((a, b) => a + b, 0);
  const lines = [...seconds, ["all", total] as const].map(([name, s]) => {
    const error = largest.get(name)?.toExponential(1) ?? "";
    return `${name.padEnd(26)} ${s.toFixed(1).padStart(6)} s  ${error}`;
  });
  console.log(lines.join("\n"));
});

// ---------------------------------------------------------------- cases

/** Fewer sequences where the reference has much to do. */
function sizesOf(reference: Reference, T: number, dk: number, dv: number): Sizes {
  const isDeep = reference.chunk !== undefined && reference.name !== "ttt_linear";
  const work = T * dk * dv * (isDeep ? 16 : 1);
  const [B, H] = work > 2 ** 26 ? [1, 1] : work > 2 ** 24 ? [1, 2] : [2, 2];
  return { B, T, H, dk, dv };
}

const runOf = (reference: Reference, { sizes, inputs, params, states }: Case): Result =>
  reference.run(sizes, inputs, params, states);

const given = ({ inputs, params, states }: Case): [string, Given][] =>
  [inputs, params, states].flatMap((tensors) =>
    Object.entries(tensors).map(([n, t]): [string, Given] => [
      n,
      { shape: [...t.shape], data: Float32Array.from(t.data) },
    ]),
  );

// ---------------------------------------------------------------- comparisons

type Numbers = ReadonlyMap<string, ArrayLike<number>>;

const numbers = ({ y, states }: Result): Numbers =>
  new Map([["y", y.data], ...Object.entries(states).map(([n, s]): [string, Float64Array] => [n, s.data])]);

const errorsOf = (got: Numbers, want: Numbers): [string, number][] =>
  [...want].map(([n, x]) => [n, errorRatio(got.get(n) ?? [], x)]);

function compare(reference: Reference, drawn: Case, got: Numbers): void {
  const title = titleOf(reference);
  const errors = errorsOf(got, numbers(runOf(reference, drawn)));
  largest.set(title, Math.max(largest.get(title) ?? 0, ...errors.map(([, e]) => e)));
  for (const [n, e] of errors) expect(e, n).toBeLessThanOrEqual(BOUND);
}

// ---------------------------------------------------------------- the table

const systems = references.map((reference) => [titleOf(reference), reference] as const);

describe.skipIf(!device).each(systems)("%s", (title, reference) => {
  const { name } = reference;
  const models = specModels(name);
  const model = models.find((m) => m.spec.name === reference.model) ?? models[0];
  // Further models of a file are variants of its first, which has every width.
  const every = reference.requires?.square ? SQUARE : PAIRS;
  const pairs = reference.model === undefined ? every : every.slice(1, 2);
  const states = takesStates(reference);
  const caseOf = (sizes: Sizes, isGiven: boolean): Case => {
    const options = { edge: sizes.T === 63, states: isGiven, steady: sizes.T > 1 };
    return caseFor(reference, model, sizes, sizes.T + sizes.dk, options);
  };
  const timed = async (work: () => Promise<void>): Promise<void> => {
    const started = performance.now();
    await work();
    seconds.set(title, (seconds.get(title) ?? 0) + (performance.now() - started) / 1000);
  };

  describe.each(pairs)("dk = %i, dv = %i", (dk, dv) => {
    test.each(LENGTHS)("T = %i", { timeout: 240_000 }, (T) =>
      timed(async () => {
        const drawn = caseOf(sizesOf(reference, T, dk, dv), states && T !== 1);
        const { extents, run } = inputsOf(
          model.rule,
          { tensors: new Map(given(drawn)), metadata: new Map() },
          name,
        );
        const got = await (backend as Backend).run(model, extents, run);
        compare(reference, drawn, new Map([["y", got.y], ...got.states]));
      }),
    );
  });

  test("from files to files", { timeout: 240_000 }, () =>
    timed(async () => {
      const [dk, dv] = pairs[0] as Pair;
      const drawn = caseOf({ ...sizesOf(reference, 63, dk, dv), B: 2, H: 3 }, states);
      const [input, output] = ["in", "out"].map((end) =>
        join(folder, `${model.spec.name}.${end}.safetensors`),
      ) as [string, string];
      writeFileSync(input, writeSafetensors(given(drawn)));
      const argv = [
        "apply",
        `specs/${name}.miras`,
        "--model",
        model.spec.name,
        "--input",
        input,
        "--output",
        output,
      ];
      const ran = await miras(...argv, "--device", "webgpu");
      expect(ran, ran.err).toMatchObject({ code: 0, err: "" });
      const { tensors } = readSafetensors(readFileSync(output));
      expect(tensors.get("y")?.shape).toEqual([2, 63, 3, dv]);
      const want = runOf(reference, drawn);
      for (const [n, s] of Object.entries(want.states)) expect(tensors.get(n)?.shape, n).toEqual(s.shape);
      compare(reference, drawn, new Map([...tensors].map(([n, t]) => [n, t.data])));
    }),
  );
});
