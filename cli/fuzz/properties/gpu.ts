/** Kernels compute what the interpreter does. */
import { type Data, interpret } from "../../../compiler/derive/interpret.ts";
import { apart, tensorsOf } from "../compare.ts";
import type { Property } from "../property.ts";
import { tolerance } from "../rounding.ts";

const BOUND = 1e-5;
const F32 = 2 ** -24;
/** Far below what overflows in f32, so that no step on the way there does. */
const LARGEST = 1e9;

export const gpu: Property = {
  name: "gpu",
  meaning: "the kernel, in f32, is the interpreter, in f64",
  sides: ["kernel", "interpreter"],
  applies: (_, backend) => backend.kind === "webgpu",
  check: async ({ model, case: tried, backend }) => {
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
    const got = await backend.run(model, extents, rounded);
    return apart(tensorsOf(got, want, model, extents), BOUND, () =>
      tolerance(model, { ...tried, run: rounded }, want, F32),
    );
  },
};

/** The same numbers that the GPU gets. */
const toF32 = (data: Data): Data =>
  new Map([...data].map(([name, x]) => [name, Float64Array.from(Float32Array.from(x))]));
