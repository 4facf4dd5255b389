/** What a module says of its models: from their rules to a plain description. */
import { basename } from "node:path";
import pc from "picocolors";
import type { Spec } from "../../compiler/check/spec.ts";
import type {
  AdapterKernels,
  ModelDescription,
  TensorDescription,
} from "../../compiler/emit/ts/description.ts";
import type { Sizes } from "../../compiler/math/axis.ts";
import { type Expr, postorder, type Tensor } from "../../compiler/math/expr.ts";
import { REAL } from "../../compiler/math/interval.ts";
import type { Model } from "../../compiler/pipeline.ts";
import { layOut } from "../explain/layout.ts";
import { pageOf } from "../explain/page.ts";
import { kernelsFor } from "./kernels.ts";

/** With the kernels for these sizes, or without any for a page that only shows the module. */
export function described(
  model: Model,
  builds: readonly Sizes[],
  kernels: (model: Model, sizes: Sizes) => AdapterKernels[] = kernelsFor,
): ModelDescription {
  const { spec, rule } = model;
  const inputs = spec.inputs.toSorted((a, b) => Number(a.role === "gate") - Number(b.role === "gate"));
  const gates = spec.inputs.filter((i) => i.role === "gate").map((i) => i.tensor.name);
  const tensor = (t: Tensor, role: string, stepwise = false): TensorDescription => ({
    name: t.name,
    stepwise,
    shape: t.shape,
    domain: t.domain,
    role,
  });
  return {
    name: spec.name,
    about: aboutOf(model),
    inputs: inputs.map((i) => tensor(i.tensor, roleOf(i.tensor.name, gates, spec), i.each === "step")),
    gates,
    parameters: spec.parameters.map((p) => tensor(p.tensor, "param")),
    states: rule.states.map((s) =>
      tensor(
        { name: s.name, shape: s.shape, domain: REAL },
        `${s.role === "memory" ? "of the memory" : "of the algorithm"}, ${s.initial === "zeros" ? "from zeros" : "learned"}`,
      ),
    ),
    learned: rule.states.filter((s) => s.initial === "learned").map((s) => s.name),
    y: spec.outputShape,
    chunk: spec.chunk ?? 1,
    steps: spec.steps,
    knowsLayer: asksForLayer([...rule.states.map((s) => s.update), rule.output]),
    builds: builds.map((sizes) => ({ sizes, kernels: kernels(model, sizes) })),
  };
}

/** The sections of the explanation that say what the model is and does. */
const SAID = new Set(["choices", "objective", "update"]);

function aboutOf(model: Model): string {
  const page = pageOf(model);
  const sections = page.sections.filter((s) => SAID.has(s.key));
  return layOut({ ...page, path: basename(page.path), sections }, pc.createColors(false));
}

/** What an input is for: the argument of a choice that it gives, where it is one. */
function roleOf(name: string, gates: readonly string[], spec: Spec): string {
  const what = gates.includes(name) ? "a gate" : "an input";
  const uses = spec.choices.flatMap((c) =>
    c.arguments.filter((a) => a.shown === name).map((a) => `${a.name} of ${c.kind} ${c.name}`),
  );
  return uses.length > 0 ? `${what}, ${uses.join(" and ")}` : what;
}

const asksForLayer = (exprs: readonly Expr[]): boolean =>
  postorder(exprs).some(
    (e) => e.kind === "leaf" && (e.tensor.name === "layer" || e.tensor.name === "layers"),
  );
