/** Kernels compute what the interpreter does: token by token, and in tiles. */
import { type Data, interpret, type Result } from "../../../compiler/derive/interpret.ts";
import type { Model } from "../../../compiler/pipeline.ts";
import type { Case } from "../case.ts";
import { apart, tensorsOf } from "../compare.ts";
import type { Property, Violation } from "../property.ts";
import { tolerance } from "../rounding.ts";

const F32 = 2 ** -24;
/** Of the cases on the GPU, those that are tried in tiles too: that takes many kernels. */
const ONE_IN = 8;
/** Far below what overflows in f32, so that no step on the way there does. */
const LARGEST = 1e9;

export const kernels: Property = {
  name: "gpu",
  meaning: "the kernel, in f32, is the interpreter, in f64",
  sides: ["kernel", "interpreter"],
  applies: (_, backend) => backend.kind === "webgpu",
  check: ({ model, case: tried, backend }) =>
    compared(model, tried, 1e-5, (given) => backend.run(model, given.extents, given.run)),
};

export const tileKernels: Property = {
  name: "gpu tiles",
  meaning:
    "the kernels of the parallel form, in f32, are the interpreter, in f64, whatever the length of a tile",
  sides: ["kernels", "interpreter"],
  applies: (_, backend) => backend.runTiles !== undefined,
  check: ({ model, case: tried, backend }) =>
    tried.plan.seed % ONE_IN === 0
      ? compared(model, tried, 2e-5, ({ extents, run, plan }) =>
          backend.runTiles?.(model, extents, run, plan.tile),
        )
      : undefined,
};

/** What a kernel makes of the case beside what the interpreter does, if it runs on the GPU. */
async function compared(
  model: Model,
  tried: Case,
  bound: number,
  kernel: (given: Case) => Promise<Result | undefined> | undefined,
): Promise<Violation | undefined> {
  const { extents, run, plan } = tried;
  if (!plan.onGpu || extents.T === 0) return undefined;
  const rounded = {
    tokens: toF32(run.tokens),
    parameters: toF32(run.parameters),
    states: toF32(run.states),
  };
  const want = interpret(model.rule, extents, rounded);
  const all = [want.y, ...want.states.values()];
  if (all.some((data) => data.some((x) => !(Math.abs(x) <= LARGEST)))) return undefined;
  const got = await kernel({ ...tried, run: rounded });
  return (
    got &&
    apart(tensorsOf(got, want, model, extents), bound, () =>
      tolerance(model, { ...tried, run: rounded }, want, F32),
    )
  );
}

/** The same numbers that the GPU gets. */
const toF32 = (data: Data): Data =>
  new Map([...data].map(([name, x]) => [name, Float64Array.from(Float32Array.from(x))]));
